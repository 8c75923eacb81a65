"""What is browsed: loaded in chunks, and renewed without losing its place."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.library.scope import ALL, Scope
from mmsearch_desktop.ui.background import Worker
from mmsearch_desktop.ui.searching import Browsing
from tests.ui.photos_made_up import photo, photos

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.domain import Photo


class Shelf:
    """As much of a catalogue as browsing needs."""

    def __init__(self) -> None:
        self.all: list[Photo] = []

    def photos(self, scope: Scope, *, offset: int, limit: int) -> list[Photo]:
        return list(filter(scope.holds, self.all))[offset : offset + limit]


class Heard:
    """What browsing told, in order."""

    def __init__(self, browsing: Browsing) -> None:
        self.told: list[tuple[str, int]] = []
        for name in ("began", "went_on", "arrived", "went", "replaced"):
            getattr(browsing, name).connect(lambda what, name=name: self._hear(name, what))

    def _hear(self, name: str, what: list[object]) -> None:
        self.told.append((name, len(what)))


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def browsing(qapp: object) -> Iterator[Browsing]:
    worker = Worker("housekeeping")
    yield Browsing(worker)
    worker.close()


def _show(browsing: Browsing, shelf: Shelf, qtbot: QtBot) -> Heard:
    heard = Heard(browsing)
    browsing.show(shelf, ALL)  # type: ignore[arg-type] # a Shelf for a Catalogue
    qtbot.waitUntil(lambda: sum(count for _, count in heard.told) == len(shelf.all))
    qtbot.waitUntil(lambda: browsing._has_all)
    heard.told.clear()
    return heard


def _renew(browsing: Browsing, shelf: Shelf, shown: list[Photo]) -> None:
    browsing.renew(shelf, ALL, shown)  # type: ignore[arg-type] # likewise


def test_few_changes_are_told_one_by_one(browsing: Browsing, shelf: Shelf, qtbot: QtBot) -> None:
    shown = shelf.all = photos(1300)
    heard = _show(browsing, shelf, qtbot)
    moved = dataclasses.replace(shown[7], path=shown[7].path.with_name("elsewhere.jpg"))
    shelf.all = [photo(5000), *shown[:7], moved, *shown[10:]]
    _renew(browsing, shelf, shown)
    qtbot.waitUntil(lambda: len(heard.told) == 2)
    assert heard.told == [("went", 2), ("arrived", 2)]


def test_nothing_new_is_no_news(browsing: Browsing, shelf: Shelf, qtbot: QtBot) -> None:
    shown = shelf.all = photos(10)
    heard = _show(browsing, shelf, qtbot)
    _renew(browsing, shelf, shown)
    shelf.all = shown[1:]
    _renew(browsing, shelf, shown)
    qtbot.waitUntil(lambda: heard.told == [("went", 1)])


def test_many_changes_are_told_at_once(browsing: Browsing, shelf: Shelf, qtbot: QtBot) -> None:
    shown = shelf.all = photos(500)
    heard = _show(browsing, shelf, qtbot)
    shelf.all = shown[::2]
    _renew(browsing, shelf, shown)
    qtbot.waitUntil(lambda: heard.told == [("replaced", 250)])


def test_what_is_not_loaded_yet_is_begun_anew(
    browsing: Browsing, shelf: Shelf, qtbot: QtBot
) -> None:
    shelf.all = photos(300)
    heard = Heard(browsing)
    browsing.show(shelf, ALL)  # type: ignore[arg-type] # likewise
    _renew(browsing, shelf, [])
    qtbot.waitUntil(lambda: heard.told[-2:] == [("began", 200), ("went_on", 100)])
