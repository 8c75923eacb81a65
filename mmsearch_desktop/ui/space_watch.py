"""Asks now and then whether the library's disk has room again, for indexing that waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

if TYPE_CHECKING:
    from mmsearch_desktop.library.stores import Library
    from mmsearch_desktop.ui.background import Worker

_FIRST_MS = 3000
_LONGEST_MS = 60_000


class SpaceWatch(QObject):
    """Says how much is missing, and when nothing is any more.

    Where the disk says that it has room and yet takes nothing, as with a quota, each further try
    comes later than the one before.
    """

    missing = Signal(object)  # int: bytes to be freed; 0: it may go on soon
    there = Signal()

    def __init__(self, worker: Worker, *, first_ms: int = _FIRST_MS) -> None:
        super().__init__()
        self._worker = worker
        self._first_ms = self._pause_ms = first_ms
        self._library: Library | None = None
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(lambda: self._ask(may_end=True))

    def start(self, library: Library) -> None:
        """The disk of this library is full."""
        self._library = library
        self._ask(may_end=False)

    def stop(self) -> None:
        self._library = None
        self._timer.stop()

    def it_went_on(self) -> None:
        """Something was stored: the next time the disk is full is another matter."""
        self._pause_ms = self._first_ms

    def _ask(self, *, may_end: bool) -> None:
        library = self._library
        if library is not None:
            self._worker.call(
                library.missing_bytes,
                on_result=lambda missing: self._hear(missing, may_end=may_end),
                on_error=lambda _: self._again(),
            )

    def _hear(self, missing: int, *, may_end: bool) -> None:
        if self._library is None:
            return
        if may_end and missing == 0:
            self._pause_ms = min(2 * self._pause_ms, _LONGEST_MS)
            self.stop()
            self.there.emit()
            return
        self.missing.emit(missing)
        self._again()

    def _again(self) -> None:
        if self._library is not None:
            self._timer.start(self._pause_ms)
