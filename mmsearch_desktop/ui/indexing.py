"""Which folders are being indexed and which wait; one at a time, with pause, resume and cancel."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from mmsearch_desktop.domain import IndexSummary, Progress, Stage

if TYPE_CHECKING:
    from mmsearch_desktop.ui.background import Task, Worker

Within = frozenset[Path] | None  # what lies directly in these folders; None: all
AddFolder = Callable[[Path, Within], Iterator[Progress]]


@dataclass(frozen=True, slots=True)
class IndexingState:
    """What the window shows of it."""

    folder: Path | None = None  # None: nothing is being indexed
    progress: Progress | None = None
    waiting: int = 0  # folders after this one
    paused: bool = False
    prepared: bool = False  # False: the model is not there yet, so folders wait
    left_over: int = 0  # photos that were not searchable yet when it was paused, or stopped
    held: str = ""  # why it stands still until that has changed by itself; "" = it does not

    @property
    def has_work(self) -> bool:
        return self.folder is not None or self.waiting > 0

    @property
    def not_searchable(self) -> int:
        """How many photos that were found cannot be searched yet."""
        progress = self.progress
        if progress is None or self.folder is None:
            return self.left_over
        if progress.stage is not Stage.EMBEDDING or progress.total is None:
            return 0
        return max(0, progress.total - progress.done)


class Indexing(QObject):
    """Runs `add_folder` for one folder after the other on its worker.

    Folders given before `start` or while paused wait. After an error the next folder goes on.
    """

    changed = Signal(object)  # IndexingState
    advanced = Signal(object)  # Progress
    finished = Signal(object, object)  # Path, IndexSummary
    failed = Signal(object, object)  # Path, Exception
    settled = Signal()  # a run that was stopped has ended; its last photos were not told

    def __init__(self, worker: Worker, *, paused: bool = False, left_over: int = 0) -> None:
        """`left_over`: what was not searchable yet when it was paused in an earlier run."""
        super().__init__()
        self._worker = worker
        self._add_folder: AddFolder | None = None
        self._waiting: deque[Path] = deque()
        self._parts: dict[Path, frozenset[Path]] = {}  # of those waiting, where not all of it does
        self._folder: Path | None = None
        self._within: Within = None  # of the folder at hand
        self._task: Task | None = None
        self._progress: Progress | None = None
        self._paused = paused
        self._left_over = left_over
        self._held = ""
        self._run = 0  # counts runs, so that what a cancelled one still says is not heard

    @property
    def state(self) -> IndexingState:
        prepared = self._add_folder is not None
        return IndexingState(
            self._folder,
            self._progress,
            len(self._waiting),
            self._paused,
            prepared,
            self._left_over,
            self._held,
        )

    def start(self, add_folder: AddFolder) -> None:
        """From now on folders can be indexed, with this."""
        self._add_folder = add_folder
        self._go_on()

    def stop(self) -> None:
        """Put the folder at hand back among the waiting, until the next `start`."""
        self._add_folder = None
        if self._folder is not None:
            self._left_over = self.state.not_searchable
            self._put_first(self._folder)
        self._end_run()
        self.changed.emit(self.state)

    def add(self, folder: Path) -> None:
        self._parts.pop(folder, None)
        is_at_hand = folder == self._folder and self._within is None
        if not is_at_hand and folder not in self._waiting:
            self._waiting.append(folder)
        self._go_on()

    def add_again(self, folder: Path, within: Within) -> None:
        """For one in which something changed, in these folders of it.

        Where it is at hand it waits as well, for what came after it was looked through.
        """
        known = self._parts.pop(folder, None) if folder in self._waiting else frozenset()
        if folder not in self._waiting:
            self._waiting.append(folder)
        if known is not None and within is not None:
            self._parts[folder] = known | within
        self._go_on()

    def forget(self, folder: Path) -> None:
        """Stop with this folder, whether it waits or is at hand."""
        self._waiting = deque(path for path in self._waiting if path != folder)
        self._parts.pop(folder, None)
        if self._folder == folder:
            self._end_run()
        self._go_on()

    def pause(self) -> None:
        self._paused = True
        if self._task is not None:
            self._task.pause()
        self.changed.emit(self.state)

    def hold(self, why: str, folder: Path | None = None) -> None:
        """Stand still, with this folder as the next one, until `release` or `resume`."""
        self._held = why
        if folder is not None:
            self._put_first(folder)
        self.changed.emit(self.state)

    def release(self) -> None:
        """What held it has changed. A pause of the person's own stays."""
        self._held = ""
        self._go_on()

    def resume(self) -> None:
        self._paused, self._left_over, self._held = False, 0, ""
        if self._task is not None:
            self._task.resume()
        self._go_on()

    def cancel(self) -> list[Path]:
        """Stop with all folders, and with the pause; what is indexed stays. Which folders."""
        stopped = [] if self._folder is None else [self._folder]
        stopped += self._waiting
        self._waiting.clear()
        self._parts.clear()
        self._paused, self._left_over, self._held = False, 0, ""
        self._end_run()
        self.changed.emit(self.state)
        return stopped

    def _put_first(self, folder: Path) -> None:
        self._parts.pop(folder, None)
        self._waiting = deque([folder, *(path for path in self._waiting if path != folder)])

    def _go_on(self) -> None:
        add_folder = self._add_folder
        is_free = self._folder is None and not self._paused and not self._held
        if add_folder and self._waiting and is_free:
            folder = self._folder = self._waiting.popleft()
            within = self._within = self._parts.pop(folder, None)
            self._run += 1
            run = self._run
            self._task = self._worker.run(
                lambda: add_folder(folder, within),
                on_item=lambda item: self._advance(run, item),
                on_done=lambda: self._finish(run),
                on_error=lambda error: self._fail(run, error),
            )
        self.changed.emit(self.state)

    def _advance(self, run: int, progress: Progress) -> None:
        if run != self._run:
            return
        self._progress, self._left_over = progress, 0
        self.advanced.emit(progress)
        self.changed.emit(self.state)

    def _finish(self, run: int) -> None:
        if run != self._run or self._folder is None:
            return
        folder, summary = self._folder, _summary_of(self._progress)
        self._end_run()
        if summary is not None:
            self.finished.emit(folder, summary)
        self._go_on()

    def _fail(self, run: int, error: Exception) -> None:
        if run != self._run or self._folder is None:
            return
        folder, self._left_over = self._folder, self.state.not_searchable
        self._end_run()
        self.failed.emit(folder, error)
        self._go_on()

    def _end_run(self) -> None:
        self._run += 1
        if self._task is not None and self._task.running:
            self._task.cancel()
            self._worker.call(_nothing, lambda _: self.settled.emit(), lambda _: None)
        self._task = self._folder = self._progress = None


def _nothing() -> None:
    """Done on the worker after what was begun there."""


def _summary_of(progress: Progress | None) -> IndexSummary | None:
    finished = progress is not None and progress.stage is Stage.FINISHED
    return progress.summary if finished and progress is not None else None
