"""Whether the folders of the library are there, and which of them are one and the same.

A drive on the network may not answer for minutes: whoever asks for it would wait as long, and with
it all that the library has on other drives. So it is asked on a thread of its own, and is taken for
away until it answers.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_PATIENCE_SECONDS = 1.0


def is_connected(path: Path, *, mounted: bool) -> bool:
    """Whether a folder is there. `mounted`: a drive began there when it was last seen.

    The folder that is left where a drive was mounted is not that drive.
    """
    if not path.is_dir():
        return False
    return not mounted or path.is_mount() or begins_drive(path)


def begins_drive(folder: Path) -> bool:
    """Whether it lies on another drive than the folder it is seen in, be it by a link. OSError."""
    return folder.stat().st_dev != folder.parent.stat().st_dev


class Roots:
    """Looks at folders without ever waiting long; safe from any thread."""

    def __init__(
        self,
        look: Callable[..., bool] = is_connected,
        *,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        self._look = look
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._asked: dict[Path, _Question] = {}

    def is_connected(self, path: Path, *, mounted: bool) -> bool:
        """False too where nothing is known after a second; then at once, until it answers.

        Two who ask at the same time wait for one answer.
        """
        with self._lock:
            question = self._asked.get(path)
            if question is None or not question.asking.is_alive():
                question = self._asked[path] = self._ask(path, mounted=mounted)
        question.asking.join(max(0.0, question.until - time.monotonic()))
        return bool(question.answers and question.answers[0])

    def _ask(self, path: Path, *, mounted: bool) -> _Question:
        answers: list[bool] = []
        asking = threading.Thread(
            target=lambda: answers.append(self._look(path, mounted=mounted)),
            name="looks-at-a-drive",
            daemon=True,  # it may never end
        )
        asking.start()
        return _Question(asking, answers, time.monotonic() + self._patience_seconds)


@dataclass(frozen=True, slots=True)
class _Question:
    """Whether one folder is there, on its way."""

    asking: threading.Thread
    answers: list[bool]  # one, once it has come
    until: float  # when patience ends, by the monotonic clock


def known_spelling(path: Path, known: Iterable[Path]) -> Path:
    """`path` by the name under which the library knows it, or a folder around it, already.

    One folder goes by several names where the system makes no difference between large and small
    letters or between ways to write an accent, and where a drive is mounted twice.
    """
    names = {identity: folder for folder in known if (identity := _identity(folder)) is not None}
    if path in names.values():
        return path
    for around in (path, *path.parents):
        identity = _identity(around)
        if identity in names:
            return as_listed(names[identity] / path.relative_to(around), names[identity])
    return path


def as_listed(path: Path, below: Path) -> Path:
    """`path` by the names that the folders on the way to it list; `below` is left as it is."""
    spelled = below
    for name in path.relative_to(below).parts:
        spelled /= _listed_name(spelled, name)
    return spelled


def _listed_name(folder: Path, name: str) -> str:
    """`name` itself too where nothing goes by it."""
    try:
        listed = [entry.name for entry in folder.iterdir()]
        if name in listed:
            return name
        wanted = (folder / name).lstat()
        same = (other for other in listed if os.path.samestat((folder / other).lstat(), wanted))
        return next(same, name)
    except (OSError, ValueError):
        return name


def _identity(folder: Path) -> tuple[int, int] | None:
    """None where the system tells none, or the folder is not there."""
    try:
        status = folder.stat()
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if status.st_ino else None
