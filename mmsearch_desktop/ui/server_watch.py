"""Looks now and then whether a Milvus server that was gone is back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from mmsearch_desktop.domain import ServerGone

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmsearch_desktop.ui.background import Task, Worker

_FIRST_MS = 2000
_LONGEST_MS = 60_000


class ServerWatch(QObject):
    """Each further look comes later than the one before, until it answers, or says why not."""

    back = Signal()
    still_gone = Signal(object)  # Exception, after a look that was asked for
    refused = Signal(object)  # Exception: it is there, and waiting will not help

    def __init__(self, worker: Worker, *, first_ms: int = _FIRST_MS) -> None:
        super().__init__()
        self._worker = worker
        self._first_ms = self._pause_ms = first_ms
        self._look: Callable[[], object] | None = None
        self._task: Task | None = None
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(lambda: self._try(asked=False))

    @property
    def is_on(self) -> bool:
        return self._look is not None

    def start(self, look: Callable[[], object]) -> None:
        """`look` raises ServerGone while it is gone; called on the worker. Once is enough."""
        if self._look is None:
            self._look, self._pause_ms = look, self._first_ms
            self._timer.start(self._pause_ms)

    def now(self, look: Callable[[], object]) -> None:
        """Because the person asks for it."""
        self._look, self._pause_ms = look, self._first_ms
        self._try(asked=True)

    def stop(self) -> None:
        self._timer.stop()
        self._look = None
        self._drop()

    def _try(self, *, asked: bool) -> None:
        look = self._look
        if look is None:
            return
        self._timer.stop()
        self._drop()
        self._task = self._worker.call(
            look,
            on_result=lambda _: self._found(),
            on_error=lambda error: self._failed(error, asked=asked),
        )

    def _drop(self) -> None:
        """What it still says is of no use any more."""
        if self._task is not None:
            self._task.cancel()
        self._task = None

    def _found(self) -> None:
        self.stop()
        self.back.emit()

    def _failed(self, error: Exception, *, asked: bool) -> None:
        self._task = None
        if not isinstance(error, ServerGone):
            self.stop()
            self.refused.emit(error)
            return
        self._timer.start(self._pause_ms)
        self._pause_ms = min(2 * self._pause_ms, _LONGEST_MS)
        if asked:
            self.still_gone.emit(error)
