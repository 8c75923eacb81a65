"""Takes the names of photos and folders out of text that may be passed on to others.

What is a name is told in three ways, the surest first: by type (paths among the arguments of a log
line, `path` and `filename` of errors), by what is known (the folders of the library), and by shape
(what begins like a path, or ends like a photo). The last takes too much rather than too little: of
a line with a path only what stands before it is left. Places in code are no names and stay.
"""

from __future__ import annotations

import os
import re
import secrets
import traceback
from collections.abc import Iterable, Iterator
from hashlib import blake2s
from pathlib import PurePath, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

_PHOTO_END = re.compile(
    r"\.(jpe?g|jpe|jfif|jif|mpo|a?png|webp|gif|tiff?|bmp|dib|avifs?|hei[cf]s?|hif|svg|psd|xcf|jxl|jp2"
    r"|raw|dng|cr[23]|nef|arw|orf|rw2|raf|pef|srw|mp4|mov|avi|mkv|pdf|xmp)(?![^\W_])",
    re.IGNORECASE,
)
_PATH_START = re.compile(
    r"file:/"  # an address
    r"|(?<![\w/<])~?[\\/](?=[^\s/])"  # of a path with slashes, or on a Windows network
    r"|(?<!\w)[A-Za-z]:[\\/]"  # a drive
)
_FRAME = re.compile(r'([\s|+]*File )"(.*)"(, line \d+|, line \?\?\?| in )(.*)')
_KIND = re.compile(  # of an error, before its message
    r"[\s|+]*(?:(?:[\w.]*(?:Error|Exception|Warning|Group)|mmsearch_desktop\.domain\.\w+): )?"
)
_CODE_ROOTS = ("mmsearch_desktop", "site-packages", "dist-packages", "_internal")
_KEY = secrets.token_bytes(16)  # so that a stand-in cannot be guessed back to its name
_SHORTEST_NAME = 3  # shorter ones would be found in ordinary words
_LONGEST_NAME = 5000  # no path is longer


def stand_in(name: str) -> str:
    """The same for the same name while the program runs; a photo's says of which kind."""
    data = name.encode("utf-8", "surrogatepass")
    digest = blake2s(data, key=_KEY, digest_size=3).hexdigest()
    ending = _PHOTO_END.search(name, max(0, len(name) - 6))
    return f"<name {digest}>" if ending is None else f"<photo {digest}, {ending[1].lower()}>"


def without_names(text: str, known: Iterable[str | PurePath] = ()) -> str:
    """The text with stand-ins for the names `known` and for what looks like one.

    Of a known path its last part alone is a name as well.
    """
    whole = {spelling: name for name in map(str, known) for spelling in _spellings(name)}
    longest_first = sorted(whole, key=len, reverse=True)
    patterns = [(re.compile(_alone(one)), stand_in(whole[one])) for one in longest_first]
    lines = []
    for line in _joined(text, longest_first).split("\n"):
        frame = _FRAME.match(line)
        if frame is not None:
            lines.append(f'{frame[1]}"{_code_place(frame[2])}"{frame[3]}{frame[4]}')
        else:
            lines.append(_without_shapes(_replaced(line, patterns)))
    return "\n".join(lines)


def error_text(error: BaseException, known: Iterable[str | PurePath] | None) -> str:
    """The traceback with its causes; `known` as in `without_names`, None leaves names in."""
    text = "".join(traceback.format_exception(error)).rstrip("\n")
    return text if known is None else without_names(text, (*names_in(error), *known))


def names_in(error: BaseException) -> Iterator[str]:
    """The files that an error, its causes and its parts say they are about."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        told = [getattr(one, name, None) for name in ("path", "filename", "filename2")]
        yield from (_text(value) for value in told if isinstance(value, str | bytes | PurePath))
        yield from (str(value) for value in one.args if isinstance(value, PurePath))
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions


def logged_text(record: logging.LogRecord, known: Iterable[str | PurePath]) -> str:
    """The message of a log line and its traceback, without names."""
    known = tuple(known)
    try:
        args = record.args if isinstance(record.args, tuple) else ()
        text = str(record.msg) % tuple(_hidden(arg, known) for arg in args) if args else None
    except (TypeError, ValueError):
        text = None
    lines = [without_names(record.getMessage() if text is None else text, known)]
    if record.exc_info and record.exc_info[1] is not None:
        lines.append(error_text(record.exc_info[1], known))
    return "\n".join(lines)


def _hidden(arg: object, known: tuple[str | PurePath, ...]) -> object:
    if isinstance(arg, PurePath | bytes):
        return stand_in(_text(arg))
    if isinstance(arg, BaseException):
        return without_names(str(arg), (*names_in(arg), *known))
    return without_names(arg, known) if isinstance(arg, str) else arg


def _text(value: str | bytes | PurePath) -> str:
    return os.fsdecode(value) if isinstance(value, bytes) else str(value)


def _spellings(name: str) -> Iterator[str]:
    """As it is, as Python quotes it, and the last part alone."""
    if len(name) > _LONGEST_NAME:
        return
    last = re.split(r"[\\/]", name.rstrip("\\/"))[-1]
    for part in (name, last):
        if len(part) >= _SHORTEST_NAME:
            yield part
            yield repr(part)[1:-1]


def _alone(spelling: str) -> str:
    return rf"(?<!\w){re.escape(spelling)}(?!\w)"


def _joined(text: str, names: Iterable[str]) -> str:
    """With every name on one line, even one that has line breaks itself."""
    for name in names:
        if "\n" in name:
            text = text.replace(name, stand_in(name))
    return text


def _replaced(line: str, patterns: Iterable[tuple[re.Pattern[str], str]]) -> str:
    for pattern, replacement in patterns:
        line = pattern.sub(replacement, line)
    return line


def _without_shapes(line: str) -> str:
    path = _PATH_START.search(line)
    before, after = (line, "") if path is None else (line[: path.start()], line[path.start() :])
    return _without_photos(before) + (stand_in(after) if after else "")


def _without_photos(text: str) -> str:
    """Nobody knows where a name begins that has spaces: all before its end may belong to it."""
    ends = [found.end() for found in _PHOTO_END.finditer(text)]
    if not ends:
        return text
    kind = _KIND.match(text)
    start = kind.end() if kind is not None and kind.end() < ends[-1] else 0
    return text[:start] + stand_in(text[start : ends[-1]]) + text[ends[-1] :]


def _code_place(path: str) -> str:
    """Of a file with code, the part below the folder of its package."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    roots = [i for i, part in enumerate(parts) if part in _CODE_ROOTS]
    return "/".join(parts[roots[-1] :] if roots else parts[-1:])
