"""Moves the vectors to another place: a Milvus server or this computer; the old place serves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from mmsearch_desktop.domain import Progress
from mmsearch_desktop.ui import server_wording

if TYPE_CHECKING:
    from mmsearch_desktop.domain import VectorSpace
    from mmsearch_desktop.library.server_address import Server
    from mmsearch_desktop.library.stores import Library
    from mmsearch_desktop.library.vectors import VectorIndex
    from mmsearch_desktop.ui.background import Task, Worker
    from mmsearch_desktop.ui.engine import Services


@dataclass(frozen=True, slots=True)
class MovingState:
    """What the window shows of it."""

    target: str = ""  # in words; "" = nothing is moved
    progress: Progress | None = None  # None: the other place is being looked for

    @property
    def is_on(self) -> bool:
        return bool(self.target)


class Moving(QObject):
    """One move at a time, in small steps on its worker. Nothing has changed until `finished`."""

    changed = Signal(object)  # MovingState
    finished = Signal(object)  # VectorIndex | None: the new index, where one served
    failed = Signal(object)  # Exception

    def __init__(self, worker: Worker, services: Services) -> None:
        super().__init__()
        self._worker, self._services = worker, services
        self._task: Task | None = None
        self._index: VectorIndex | None = None
        self.state = MovingState()
        self.target: Server | None = None

    def begin(self, library: Library, space: VectorSpace | None, target: Server | None) -> None:
        """To `target`, None being this computer. `space`: what answers queries now."""
        services = self._services
        self.stop()
        self.target = target
        self._set(MovingState(server_wording.place(target)))
        self._task = self._worker.run(
            lambda: _moved(services, library, space, target),
            on_item=self._take,
            on_done=self._finish,
            on_error=self._fail,
        )

    def stop(self) -> None:
        """Everything stays where it is."""
        if self._task is not None:
            self._task.cancel()
        self._end()

    def _take(self, item: Progress | VectorIndex | None) -> None:
        if isinstance(item, Progress):
            self._set(MovingState(self.state.target, item))
        else:
            self._index = item

    def _finish(self) -> None:
        index = self._index
        self._end()
        self.finished.emit(index)

    def _fail(self, error: Exception) -> None:
        self._end()
        self.failed.emit(error)

    def _end(self) -> None:
        self._task = self._index = None
        self._set(MovingState())

    def _set(self, state: MovingState) -> None:
        self.state = state
        self.changed.emit(state)


def _moved(
    services: Services, library: Library, space: VectorSpace | None, target: Server | None
) -> Iterator[Progress | VectorIndex | None]:
    if target is not None:
        services.look_at_server(target, library.folder)
    yield None
    yield from services.move_index(library, target)
    yield None if space is None else library.open_index(space)
