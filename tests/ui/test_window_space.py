"""A full disk in the whole window: indexing waits, says how much is missing, and goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.domain import NoSpace, Progress, Stage
from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.ui.background import Worker
from mmsearch_desktop.ui.space_watch import SpaceWatch
from tests.ui import qt_events
from tests.ui.windows import QuickLibrary, Rig, is_idle, shown_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.ui.main_window import MainWindow


class FullLibrary(QuickLibrary):
    """Its disk is full until `missing` is 0; after so many steps of each run it shows."""

    missing = 0

    def missing_bytes(self) -> int:
        return self.missing

    def require_space(self, pending_bytes: int = 0) -> None:
        if self.missing > pending_bytes:
            raise NoSpace(f"{self.folder}: the disk is full. Free some space.")


@pytest.fixture
def full(rig: Rig) -> Iterator[FullLibrary]:
    """Opened by the window, with nothing free."""
    library = FullLibrary(rig.library, reserve_bytes=0)
    library.missing = 123_400_000
    rig.services = {"open_library": lambda _folder: library}
    yield library
    library.close()


def _quick(window: MainWindow) -> None:
    window.folders.space._first_ms = window.folders.space._pause_ms = 20


def test_indexing_waits_for_room_and_goes_on_by_itself(
    rig: Rig, full: FullLibrary, photos: Path, qtbot: QtBot
) -> None:
    strip_says = "Paused: the disk is full. Free 124 MB, and indexing goes on by itself"
    with rig.window() as window:
        _quick(window)
        qt_events.drop(window, qt_events.files([photos]))
        qtbot.waitUntil(lambda: window.parts.strip.title.text() == strip_says)
        assert window.parts.strip.isVisible()
        assert window.parts.strip.pause_button.toolTip() == "Try again now"
        assert not window.parts.messages.isVisible()
        assert shown_names(window) == []
        full.missing = 0
        qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) == 3)
        assert not window.parts.strip.isVisible()
        assert not window._preferences.settings.indexing_paused


def test_the_person_can_have_it_tried_at_once(
    rig: Rig, full: FullLibrary, photos: Path, qtbot: QtBot
) -> None:
    with rig.window() as window:
        qt_events.drop(window, qt_events.files([photos]))
        qtbot.waitUntil(lambda: "Free 124 MB" in window.parts.strip.title.text())
        full.missing = 0
        window.parts.strip.pause_button.click()
        qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) == 3)


def test_what_waits_can_be_cancelled(
    rig: Rig, full: FullLibrary, photos: Path, qtbot: QtBot
) -> None:
    with rig.window() as window:
        qt_events.drop(window, qt_events.files([photos]))
        qtbot.waitUntil(lambda: "Free 124 MB" in window.parts.strip.title.text())
        window.parts.strip.cancel_button.click()
        assert not window.parts.strip.isVisible()
        assert is_idle(window)


def test_what_is_stored_can_be_searched_though_the_index_cannot_be_filled(
    rig: Rig, photos: Path, qtbot: QtBot
) -> None:
    """The index is empty and its disk full: the window works, and says what is missing."""
    rig.folders = [photos]
    with rig.window() as window:
        qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) == 3)
    rig.folders = []
    library = FullLibrary(rig.library, reserve_bytes=0)
    library.missing = 5_000_000
    real = rig._services().add_folder

    def add_folder(*arguments: object) -> Iterator[Progress]:
        yield Progress(Stage.SCANNING, 0)
        library.require_space()
        yield from real(*arguments)  # type: ignore[arg-type] # handed on as they came

    rig.services = {"open_library": lambda _folder: library, "add_folder": add_folder}
    with rig.window() as window:
        _quick(window)
        qtbot.waitUntil(lambda: "Free 5 MB" in window.parts.strip.title.text())
        assert len(shown_names(window)) == 3
        library.missing = 0
        qtbot.waitUntil(lambda: is_idle(window))


def test_where_the_disk_says_nothing_is_missing_tries_come_ever_later(
    tmp_path: Path, qtbot: QtBot
) -> None:
    worker = Worker("space")
    watch = SpaceWatch(worker, first_ms=10)
    with Library(tmp_path, reserve_bytes=0) as library:
        assert library.missing_bytes() == 0
        for pause_ms in (20, 40):
            with qtbot.waitSignal(watch.there):
                watch.start(library)
            assert watch._pause_ms == pause_ms
        watch.it_went_on()
        assert watch._pause_ms == 10
        watch.stop()
        worker.close()
