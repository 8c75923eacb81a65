"""Looking for a server that is gone: ever later, at once where asked, no more where refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.domain import LibraryProblem, ServerGone
from mmsearch_desktop.ui.background import Worker
from mmsearch_desktop.ui.server_watch import ServerWatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot


class Place:
    """Looked at on a worker."""

    def __init__(self) -> None:
        self.problem: Exception | None = ServerGone("Gone.")
        self.looks = 0

    def look(self) -> None:
        self.looks += 1
        if self.problem is not None:
            raise self.problem


@pytest.fixture
def worker(qapp: object) -> Iterator[Worker]:
    made = Worker("watch")
    yield made
    made.close()


def test_each_look_comes_later_until_it_is_back(worker: Worker, qtbot: QtBot) -> None:
    watch, place = ServerWatch(worker, first_ms=5), Place()
    watch.start(place.look)
    qtbot.waitUntil(lambda: place.looks == 3)
    qtbot.waitUntil(lambda: watch._pause_ms >= 40)
    place.problem = None
    with qtbot.waitSignal(watch.back):
        pass
    assert not watch.is_on


def test_starting_again_changes_nothing(worker: Worker, qtbot: QtBot) -> None:
    watch, place = ServerWatch(worker, first_ms=5), Place()
    watch.start(place.look)
    qtbot.waitUntil(lambda: place.looks == 2)
    pause_ms = watch._pause_ms
    watch.start(place.look)
    assert watch._pause_ms >= pause_ms > 5
    watch.stop()


def test_who_asks_is_told_that_it_is_still_gone(worker: Worker, qtbot: QtBot) -> None:
    watch, place = ServerWatch(worker, first_ms=60_000), Place()
    watch.start(place.look)
    with qtbot.waitSignal(watch.still_gone) as told:
        watch.now(place.look)
    assert told.args == [place.problem]
    assert watch.is_on
    watch.stop()


def test_one_that_refuses_is_waited_for_no_more(worker: Worker, qtbot: QtBot) -> None:
    watch, place = ServerWatch(worker, first_ms=5), Place()
    place.problem = LibraryProblem("The token is refused.")
    with qtbot.waitSignal(watch.refused) as told:
        watch.start(place.look)
    assert told.args == [place.problem]
    assert not watch.is_on


def test_after_stopping_nothing_is_heard(worker: Worker, qtbot: QtBot) -> None:
    watch, place = ServerWatch(worker, first_ms=5), Place()
    place.problem = None
    with qtbot.assertNotEmitted(watch.back):
        watch.now(place.look)
        watch.stop()
        with qtbot.waitCallback() as done:
            worker.call(lambda: None, done, done)
