"""Prepares another model while the one before serves: opens it, and embeds what it has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from mmsearch_desktop.domain import Progress, Stage
from mmsearch_desktop.ui.engine import Ready, Services, opened

if TYPE_CHECKING:
    from mmsearch_desktop.library.stores import Library
    from mmsearch_desktop.ui.background import Task, Worker


@dataclass(frozen=True, slots=True)
class PreparingState:
    """What the window shows of it."""

    title: str = ""  # of the model that is prepared; "" = none is
    serving: str = ""  # the title of the one that answers meanwhile
    progress: Progress | None = None  # None: the model is being opened
    paused: bool = False
    held: str = ""  # why it stands still; "" = it does not

    @property
    def is_on(self) -> bool:
        return bool(self.title)

    @property
    def stands(self) -> bool:
        return self.paused or bool(self.held)


class Preparing(QObject):
    """One model at a time, on its worker, in small steps; standing still gives its memory back.

    What is done is in the library, so that beginning again goes on with what is missing.
    """

    changed = Signal(object)  # PreparingState
    opened = Signal(object)  # Ready: searching with it is possible, though not with all photos
    finished = Signal(object, int)  # Ready, and how many photos cannot be found with it
    failed = Signal(object)  # Exception

    def __init__(self, worker: Worker, services: Services) -> None:
        super().__init__()
        self._worker, self._services = worker, services
        self._library: Library | None = None
        self._choice = ""
        self._task: Task | None = None
        self._gives_way = False
        self.state = PreparingState()
        self.ready: Ready | None = None  # while it is open

    @property
    def choice(self) -> str:
        """What is prepared, whether it stands or not; "" = nothing."""
        return self._choice if self.state.is_on else ""

    def begin(self, library: Library, choice: str, *, title: str, serving: str) -> None:
        """Leave what was prepared before, and prepare this."""
        self._end_task()
        self._library, self._choice = library, choice
        self._set(PreparingState(title, serving))
        self._run()

    def stand(self, *, held: str = "") -> None:
        """Pause, or hold it for a reason, until `resume`; the model is let go."""
        self._end_task()
        state = self.state
        progress = None if state.progress is None else _standing(state.progress)
        paused = not held
        self._set(PreparingState(state.title, state.serving, progress, paused, held))

    def resume(self) -> None:
        if self.state.is_on and self._task is None:
            self._set(PreparingState(self.state.title, self.state.serving))
            self._run()

    def give_way(self, *, busy: bool) -> None:
        """Take no further step while something more important is done on the worker."""
        if busy == self._gives_way:
            return
        self._gives_way = busy
        if self._task is not None:
            (self._task.pause if busy else self._task.resume)()

    def stop(self) -> None:
        """Nothing is prepared any more."""
        self._end_task()
        self._library, self._choice = None, ""
        self._set(PreparingState())

    def _run(self) -> None:
        library, choice, services = self._library, self._choice, self._services
        if library is None:
            return
        self._task = self._worker.run(
            lambda: _prepared(services, library, choice),
            on_item=self._take,
            on_done=self._finish,
            on_error=self._fail,
        )
        if self._gives_way:
            self._task.pause()

    def _take(self, item: Progress | Ready | None) -> None:
        if isinstance(item, Progress):
            state = self.state
            self._set(PreparingState(state.title, state.serving, item))
        elif item is not None:
            self.ready = item
            self.opened.emit(item)

    def _finish(self) -> None:
        ready, progress = self.ready, self.state.progress
        self._task = None
        if ready is not None and progress is not None and progress.stage is Stage.FINISHED:
            self.finished.emit(ready, (progress.total or 0) - progress.done)

    def _fail(self, error: Exception) -> None:
        self._task = None
        self.failed.emit(error)

    def _end_task(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = self.ready = None

    def _set(self, state: PreparingState) -> None:
        self.state = state
        self.changed.emit(state)


def _standing(progress: Progress) -> Progress:
    """Without a speed: nothing moves."""
    return Progress(progress.stage, progress.done, progress.total)


def _prepared(
    services: Services, library: Library, choice: str
) -> Iterator[Progress | Ready | None]:
    services.require_room(choice)
    yield None
    for item in opened(services, library, choice):
        yield item
        if isinstance(item, Ready):
            yield from services.fill_space(library, item.index, item.embedder)
