"""The manual page, made from the command line's own grammar: it cannot say another thing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bundle.grammar import Command, Word

_FILES = r"""
.SH ENVIRONMENT
.TP
.B MMSEARCH_DESKTOP_DATA
The folder for everything that is kept: settings, library, models, log. By default
.IR ~/.local/share/mmsearch-desktop .
.SH EXIT STATUS
0: done. 1: failed, with the reason on standard error. 2: wrong usage.
.SH NOTES
Photos are only ever opened for reading. Nothing is sent anywhere; models are fetched when asked
for.
Removing the program leaves the folder above where it is.
"""


def page(program: str, grammar: Command, version: str, made_seconds: int) -> str:
    """In troff. `made_seconds`: the time that stands in its foot, since 1970."""
    day = time.strftime("%Y-%m-%d", time.gmtime(made_seconds))
    return "\n".join(_lines(program, grammar, version, day)) + _FILES


def _lines(program: str, grammar: Command, version: str, day: str) -> Iterator[str]:
    first, _, rest = grammar.about.partition("\n")
    yield f'.TH {program.upper()} 1 "{day}" "{program} {version}" "User Commands"'
    yield f".SH NAME\n{program} \\- {_text(first[:1].lower() + first[1:].rstrip('.'))}"
    yield f".SH SYNOPSIS\n.B {_text(program)}\n[OPTION]... [COMMAND ...]"
    yield f".SH DESCRIPTION\n{_text(first)}\n{_text(rest)}"
    yield ".SH OPTIONS"
    yield from _words(grammar.options)
    yield ".SH COMMANDS"
    common = set(grammar.options)
    for command in list(grammar.walk())[1:]:
        yield from _command(program, command, common)


def _command(program: str, command: Command, common: set[Word]) -> Iterator[str]:
    values = " ".join(_text(word.name) for word in command.values)
    yield f'.SS "{program} {" ".join(command.words)} {values}"'
    yield _text(command.about[:1].upper() + command.about[1:] + ".")
    yield from _words(word for word in command.options if not _is_common(word, common))
    if command.epilog:
        yield f".PP\n{_text(command.epilog)}"


def _is_common(word: Word, common: set[Word]) -> bool:
    return word in common or "--help" in word.flags


def _words(words: Iterable[Word]) -> Iterator[str]:
    for word in words:
        flags = ", ".join(f"\\fB{_text(flag)}\\fR" for flag in word.flags)
        value = f" \\fI{_text(word.name)}\\fR" if word.name else ""
        yield f".TP\n{flags}{value}\n{_text(word.about)}"


def _text(text: str) -> str:
    """Without what troff would take for its own marks."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    lines = escaped.split("\n")
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in lines)
