"""Gets the files of one model at a time, from the hub or from a folder, because it was asked to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mmsearch_desktop.domain import Progress
    from mmsearch_desktop.models.offers import Offer
    from mmsearch_desktop.ui.background import Task, Worker


class Fetching(QObject):
    """A second one is not begun while the first runs."""

    progressed = Signal(object, object)  # Offer, Progress; None at the end
    done = Signal(object)  # Offer
    failed = Signal(object, object)  # Offer, Exception

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self._worker = worker
        self._task: Task | None = None
        self._offer: Offer | None = None

    def begin(self, offer: Offer, make: Callable[[], Iterator[Progress]]) -> None:
        if self._task is not None:
            return
        self._offer = offer
        self._task = self._worker.run(
            make,
            on_item=lambda progress: self.progressed.emit(offer, progress),
            on_done=self._end,
            on_error=self._fail,
        )

    def cancel(self) -> None:
        """What has come so far is kept, so that asking again goes on from there."""
        if self._task is not None:
            self._task.cancel()
            self._clear()

    def _end(self) -> None:
        offer = self._offer
        self._clear()
        self.done.emit(offer)

    def _fail(self, error: Exception) -> None:
        offer = self._offer
        self._clear()
        self.failed.emit(offer, error)

    def _clear(self) -> None:
        offer, self._task, self._offer = self._offer, None, None
        self.progressed.emit(offer, None)
