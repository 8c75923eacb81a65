"""Folders in the whole window: paused over a restart, cancelled, emptied, changed on disk."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt

from mmsearch_desktop.domain import LibraryDamaged, Progress, Stage
from mmsearch_desktop.settings import Settings
from tests.fakes import flat_picture
from tests.ui import qt_events
from tests.ui.windows import Rig, coloured_photos, is_idle, save, shown_names, shows_hits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PySide6.QtGui import QImage
    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.domain import Photo
    from mmsearch_desktop.ui.main_window import MainWindow


@pytest.fixture
def many(tmp_path: Path) -> Path:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(40):
        save(flat_picture("red", (20, 10 + number)), folder / f"{number}.png")
    return folder


def _photo(window: MainWindow, name: str) -> Photo:
    return next(p for p in window.parts.results_model.photos if p.path.name == name)


def test_what_is_not_searchable_yet_is_known_after_a_restart(
    rig: Rig, many: Path, qtbot: QtBot
) -> None:
    with rig.window() as window:
        qt_events.drop(window, qt_events.files([many]))
        qtbot.waitUntil(lambda: len(shown_names(window)) > 0)
        window.parts.strip.pause_button.click()
        qtbot.wait(50)  # the batch that was begun is shown
    left = rig.saved[-1].indexing_left_over
    assert 0 < left < 40
    rig.settings = rig.saved[-1]
    with rig.window() as window:
        assert f"{left} not searchable yet" in window.parts.strip.numbers.text()
        qtbot.waitUntil(lambda: window.folders.indexing.state.waiting == 1)
        assert window.parts.strip.title.text() == "Indexing is paused, 1 folder waiting"
        assert f"{left} not searchable yet" in window.parts.strip.numbers.text()
        assert len(shown_names(window)) == 40 - left
        window.parts.strip.pause_button.click()
        qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) == 40)
    assert rig.saved[-1].indexing_left_over == 0


def test_a_cancelled_folder_says_what_becomes_of_it_and_can_go_on(
    rig: Rig, many: Path, qtbot: QtBot
) -> None:
    with rig.window() as window:
        qt_events.drop(window, qt_events.files([many]))
        qtbot.waitUntil(lambda: len(shown_names(window)) > 0)
        window.parts.strip.pause_button.click()
        window.parts.strip.cancel_button.click()
        assert not window.parts.strip.isVisible()
        assert rig.saved[-1].indexing_paused is False
        assert "Indexing many was cancelled" in window.parts.messages.text.text()
        window.parts.messages.action.click()
        qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) == 40)


def test_an_empty_folder_is_said_once_and_not_at_each_start(
    rig: Rig, tmp_path: Path, qtbot: QtBot
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with rig.window() as window:
        qt_events.drop(window, qt_events.files([empty]))
        qtbot.waitUntil(lambda: "no photos were found" in window.parts.messages.text.text())
        qtbot.waitUntil(lambda: len(window.folders.facts.folders) == 1)
    with rig.window() as window:
        with qtbot.waitSignal(window.folders.indexing.finished):
            pass
        assert not window.parts.messages.isVisible()


def test_a_rescan_that_finds_nothing_says_so(window: MainWindow, qtbot: QtBot) -> None:
    window.folders.rescan_as_asked()
    qtbot.waitUntil(lambda: window.parts.status.text.text() == "holiday: nothing has changed")


def test_new_photos_are_announced_to_whoever_looks_at_hits(
    window: MainWindow, photos: Path, qtbot: QtBot
) -> None:
    window.parts.query_bar.set_words("red")
    qtbot.waitUntil(lambda: shows_hits(window))
    coloured_photos(photos, "darkred")
    window.folders.rescan_all()
    said = "holiday: 1 indexed  ·  Enter in the words searches these too"
    qtbot.waitUntil(lambda: window.parts.status.text.text() == said)


def test_a_photo_changed_on_disk_is_shown_anew(
    window: MainWindow, photos: Path, qtbot: QtBot
) -> None:
    before = _photo(window, "red.png")
    qtbot.waitUntil(lambda: _colour(window, before) == "red")
    save(flat_picture("yellow", (30, 30)), photos / "red.png")
    later = time.time() + 60
    os.utime(photos / "red.png", (later, later))
    window.folders.rescan_all()
    qtbot.waitUntil(lambda: _photo(window, "red.png").sha256 != before.sha256)
    after = _photo(window, "red.png")
    assert after.id == before.id
    assert len(shown_names(window)) == 3
    assert shown_names(window)[0] == "red.png"  # the newest now
    qtbot.waitUntil(lambda: _colour(window, after) == "yellow")


def _colour(window: MainWindow, photo: Photo) -> str:
    """Of its thumbnail; "" while there is none."""
    window.parts.results.viewport().repaint()
    model = window.parts.results_model
    for row, shown in enumerate(model.photos):
        if shown.sha256 == photo.sha256:
            image: QImage | None = model.index(row).data(Qt.ItemDataRole.DecorationRole)
            green = 0 if image is None else image.pixelColor(5, 5).green()
            return "" if image is None else "yellow" if green > 200 else "red"
    return ""


def test_a_moved_photo_keeps_its_place_and_the_selection(
    window: MainWindow, photos: Path, qtbot: QtBot
) -> None:
    model, view = window.parts.results_model, window.parts.results
    row = shown_names(window).index("green.png")
    view.setCurrentIndex(model.index(row))
    (photos / "new").mkdir()
    (photos / "green.png").rename(photos / "new" / "leaf.png")
    (photos / "blue.png").unlink()
    window.folders.rescan_all()
    qtbot.waitUntil(lambda: sorted(shown_names(window)) == ["leaf.png", "red.png"])
    assert view.selected_paths() == [photos / "new" / "leaf.png"]


def test_photos_go_and_come_with_their_drive(
    window: MainWindow, photos: Path, qtbot: QtBot
) -> None:
    away = photos.with_name("away")
    photos.rename(away)
    window.folders.rescan_all()
    qtbot.waitUntil(lambda: shown_names(window) == [])
    assert "not connected" in window.parts.panel.scopes.item(1).data(
        Qt.ItemDataRole.AccessibleTextRole
    )
    away.rename(photos)
    window.folders.rescan_all()
    qtbot.waitUntil(lambda: len(shown_names(window)) == 3)


def test_a_library_in_trouble_pauses_with_the_folder_kept(
    rig: Rig, photos: Path, qtbot: QtBot
) -> None:
    damaged = [True]
    real = rig._services().add_folder

    def add_folder(*arguments: object) -> Iterator[Progress]:
        yield Progress(Stage.SCANNING, 0)
        if damaged[0]:
            raise LibraryDamaged("index: damaged. Start the program again to rebuild it.")
        yield from real(*arguments)  # type: ignore[arg-type] # handed on as they came

    rig.services = {"add_folder": add_folder}
    with rig.window() as window:
        qt_events.drop(window, qt_events.files([photos]))
        qtbot.waitUntil(lambda: "damaged" in window.parts.messages.text.text())
        assert window.folders.indexing.state.waiting == 1
        damaged[0] = False
        window.parts.messages.action.click()
        qtbot.waitUntil(lambda: len(shown_names(window)) == 3)


def test_pausing_is_seen_from_the_first_moment(rig: Rig) -> None:
    rig.settings = Settings(indexing_paused=True, indexing_left_over=12)
    with rig.window() as window:
        assert window.parts.strip.isVisible()
        assert window.parts.strip.title.text() == "Indexing is paused"
        assert window.parts.strip.numbers.text() == "12 not searchable yet"


def test_photos_of_a_drive_that_goes_leave_and_come_back_with_it(
    window: MainWindow, photos: Path, qtbot: QtBot
) -> None:
    window.folders.reader.drives.setInterval(20)
    away = photos.rename(photos.with_name("away"))
    qtbot.waitUntil(lambda: shown_names(window) == [])
    assert window.parts.panel.scopes.item(1).text() == "holiday"
    assert window.folders.facts.folders[0].photos == 3  # kept
    coloured_photos(away, "orange")
    away.rename(photos)
    qtbot.waitUntil(lambda: len(shown_names(window)) == 4)  # what came meanwhile is there too


def test_a_folder_that_was_renamed_and_added_again_is_told_as_moved(
    window: MainWindow, photos: Path, qtbot: QtBot
) -> None:
    moved = photos.rename(photos.with_name("renamed"))
    qt_events.drop(window, qt_events.files([moved]))
    qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) == 3)
    qtbot.waitUntil(lambda: moved in [f.moved_to for f in window.folders.facts.folders])


def test_damaged_thumbnails_are_drawn_again_when_they_are_shown(
    rig: Rig, photos: Path, qtbot: QtBot
) -> None:
    rig.folders = [photos]
    with rig.window() as window:
        qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) == 3)
    rig.folders = []
    kept = sorted((rig.library / "thumbnails").rglob("*.webp"))
    for path, damage in zip(kept, (b"", b"nonsense", kept[2].read_bytes()[:40]), strict=True):
        path.write_bytes(damage)
    with rig.window() as window:
        qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) == 3)
        qtbot.waitUntil(lambda: _colour(window, _photo(window, "red.png")) == "red")
        qtbot.waitUntil(lambda: all(path.stat().st_size > 40 for path in kept if path.exists()))
        qtbot.waitUntil(lambda: all(path.exists() for path in kept))


def test_a_backup_that_is_due_is_made_while_the_window_is_used(
    window: MainWindow, rig: Rig, qtbot: QtBot
) -> None:
    window.folders._backup.start(0)
    qtbot.waitUntil(lambda: len(list((rig.library / "backups").glob("*.sqlite"))) == 1)
