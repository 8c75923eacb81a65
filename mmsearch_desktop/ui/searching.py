"""The newest question and its answer: hits for a query, or the library where nothing is asked.

Of several questions only the newest is answered; what an older one still brings is not shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from mmsearch_desktop.domain import Photo, Query, Results
from mmsearch_desktop.library.scope import ALL, Scope

if TYPE_CHECKING:
    from mmsearch_desktop.library.catalogue import Catalogue
    from mmsearch_desktop.ui.background import Task, Worker

Retrieve = Callable[[Query], Results]
_FIRST_CHUNK = 200  # quickly something to see
_CHUNK = 1000
_MOST_CHANGES_ONE_BY_ONE = 50  # more are shown quicker all at once


class Searching(QObject):
    """Answers queries on its worker, one at a time; those overtaken while they waited never run."""

    found = Signal(object, float)  # Results, seconds
    failed = Signal(object)  # Exception
    began = Signal()

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self._worker = worker
        self._retrieve: Retrieve | None = None
        self._wanted: Query | None = None  # the newest, not begun yet
        self._running = False
        self._asked = 0  # counts questions; an answer to an older one is dropped

    @property
    def is_ready(self) -> bool:
        return self._retrieve is not None

    def start(self, retrieve: Retrieve) -> None:
        self._retrieve = retrieve
        self._go_on()

    def stop(self) -> None:
        """Answer nothing until the next `start`; a question asked meanwhile waits."""
        self._retrieve = None

    def ask(self, query: Query) -> None:
        self._asked += 1
        self._wanted = query
        self.began.emit()
        self._go_on()

    def drop(self) -> None:
        """Nothing is asked any more."""
        self._asked += 1
        self._wanted = None

    def _go_on(self) -> None:
        retrieve, query = self._retrieve, self._wanted
        if retrieve is None or query is None or self._running:
            return
        self._wanted, self._running = None, True
        number, started = self._asked, time.perf_counter()
        self._worker.call(
            lambda: retrieve(query),
            on_result=lambda results: self._answer(number, results, started),
            on_error=lambda error: self._fail(number, error),
        )

    def _answer(self, number: int, results: Results, started: float) -> None:
        self._running = False
        if number == self._asked:
            self.found.emit(results, time.perf_counter() - started)
        self._go_on()

    def _fail(self, number: int, error: Exception) -> None:
        self._running = False
        if number == self._asked:
            self.failed.emit(error)
        self._go_on()


class Browsing(QObject):
    """Loads the photos of a scope, newest first, in chunks on its worker."""

    began = Signal(object)  # list[Photo]: the first chunk; replaces what was shown
    went_on = Signal(object)  # list[Photo]: older ones, for the end
    arrived = Signal(object)  # list[Photo]: indexed just now, for wherever they belong
    went = Signal(object)  # list[int]: ids of photos that are no longer there
    replaced = Signal(object)  # list[Photo]: all, where very much has changed
    failed = Signal(object)  # Exception

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self._worker = worker
        self._task: Task | None = None
        self._scope = ALL
        self._has_begun = self._has_all = False
        self._early: list[Photo] = []  # arrived before the first chunk

    def show(self, catalogue: Catalogue, scope: Scope) -> None:
        self.stop()
        self._scope, self._has_begun, self._has_all = scope, False, False
        self._task = self._worker.run(
            lambda: _chunks(catalogue, scope),
            on_item=self._load,
            on_done=self._complete,
            on_error=self.failed.emit,
        )

    def renew(self, catalogue: Catalogue, scope: Scope, shown: Sequence[Photo]) -> None:
        """Find out what has become of the photos `shown`, so that the others keep their place."""
        if not self._has_all or scope != self._scope:
            self.show(catalogue, scope)
            return
        if self._task is not None:
            self._task.cancel()
        self._task = self._worker.call(
            lambda: _difference(catalogue, scope, shown),
            on_result=self._tell_difference,
            on_error=self.failed.emit,
        )

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = None
        self._early = []

    def add(self, photos: Sequence[Photo]) -> None:
        """Photos that were indexed just now; shown if they belong to what is browsed."""
        if self._task is None:
            return
        inside = [photo for photo in photos if self._scope.holds(photo)]
        if not self._has_begun:
            self._early += inside
        elif inside:
            self.arrived.emit(inside)

    def _load(self, photos: list[Photo]) -> None:
        if self._has_begun:
            self.went_on.emit(photos)
            return
        self._has_begun = True
        self.began.emit(photos)
        early, self._early = self._early, []
        self.add(early)

    def _complete(self) -> None:
        self._has_all = True

    def _tell_difference(self, found: Difference) -> None:
        if len(found.gone) + len(found.came) > _MOST_CHANGES_ONE_BY_ONE:
            self.replaced.emit(found.all)
            return
        if found.gone:
            self.went.emit(found.gone)
        if found.came:
            self.arrived.emit(found.came)


@dataclass(frozen=True, slots=True)
class Difference:
    """Between the photos that are shown and those that are there."""

    gone: list[int]  # ids
    came: list[Photo]  # new, or other than before
    all: list[Photo]  # there now, newest first


def _difference(catalogue: Catalogue, scope: Scope, shown: Sequence[Photo]) -> Difference:
    now = [photo for chunk in _chunks(catalogue, scope) for photo in chunk]
    before = {photo.id: photo for photo in shown}
    gone = before.keys() - {photo.id for photo in now}
    return Difference(
        gone=sorted(gone), came=[photo for photo in now if before.get(photo.id) != photo], all=now
    )


def _chunks(catalogue: Catalogue, scope: Scope) -> Iterator[list[Photo]]:
    """At least one chunk, which may be empty."""
    offset, size = 0, _FIRST_CHUNK
    while True:
        photos = catalogue.photos(scope, offset=offset, limit=size)
        if photos or offset == 0:
            yield photos
        if len(photos) < size:
            return
        offset, size = offset + len(photos), _CHUNK
