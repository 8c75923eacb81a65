"""The window notices new, changed, moved and deleted photos by itself, and says so quietly."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mmsearch_desktop.library.watch import Pace
from mmsearch_desktop.settings import Settings
from mmsearch_desktop.ui.settings_dialog import SettingsDialog
from tests.fakes import flat_picture
from tests.ui.windows import Rig, coloured_photos, is_idle, save, shown_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.ui.main_window import MainWindow

_QUICK = Pace(quiet=0.3, regularly=0.05, network=0.05, longest_pause=0.1, away=0.05)
_PATIENCE_MS = 30_000


@contextmanager
def watching(rig: Rig, qtbot: QtBot, folder: Path) -> Iterator[MainWindow]:
    """A window with the photos of this folder, watched."""
    rig.settings, rig.folders = Settings(watch_folders=False), [folder]
    with rig.window() as window:
        qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) == 3)
        window.watching.pace = _QUICK
        window.watching.switch(on=True)
        qtbot.waitUntil(lambda: state_line(window) != "", timeout=_PATIENCE_MS)
        yield window


def state_line(window: MainWindow) -> str:
    return window.parts.panel.watching.text()


def wait_for_names(qtbot: QtBot, window: MainWindow, *names: str) -> None:
    qtbot.waitUntil(
        lambda: is_idle(window) and sorted(shown_names(window)) == sorted(names),
        timeout=_PATIENCE_MS,
    )


def test_photos_come_change_move_and_go(rig: Rig, photos: Path, qtbot: QtBot) -> None:
    with watching(rig, qtbot, photos) as window:
        assert state_line(window) == "Watching for new photos"
        coloured_photos(photos / "new", "black")
        wait_for_names(qtbot, window, "red.png", "green.png", "blue.png", "black.png")
        (photos / "new" / "black.png").rename(photos / "moved.png")
        wait_for_names(qtbot, window, "red.png", "green.png", "blue.png", "moved.png")
        (photos / "moved.png").unlink()
        save(flat_picture("white"), photos / "red.png")
        wait_for_names(qtbot, window, "red.png", "green.png", "blue.png")


def test_nothing_is_indexed_while_the_person_has_paused_it(
    rig: Rig, photos: Path, qtbot: QtBot
) -> None:
    with watching(rig, qtbot, photos) as window:
        window.parts.strip.pause_wanted.emit()
        assert state_line(window) == "Paused: new photos wait"
        coloured_photos(photos, "black")
        indexing = window.folders.indexing
        qtbot.waitUntil(lambda: indexing.state.waiting == 1, timeout=_PATIENCE_MS)
        assert indexing.state.paused
        assert len(shown_names(window)) == 3
        window.parts.strip.resume_wanted.emit()
        wait_for_names(qtbot, window, "red.png", "green.png", "blue.png", "black.png")


def test_a_drive_that_goes_away_takes_no_photos_along(
    rig: Rig, photos: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    with watching(rig, qtbot, photos) as window:
        photos.rename(tmp_path / "away")
        qtbot.waitUntil(lambda: state_line(window) == "", timeout=_PATIENCE_MS)
        (tmp_path / "away").rename(photos)
        qtbot.waitUntil(lambda: state_line(window) != "", timeout=_PATIENCE_MS)
        coloured_photos(photos, "black")
        wait_for_names(qtbot, window, "red.png", "green.png", "blue.png", "black.png")
        assert window.parts.messages.isHidden()


def test_folders_added_later_are_watched_and_removed_ones_are_not(
    rig: Rig, photos: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    other = tmp_path / "other"
    coloured_photos(other, "black")
    with watching(rig, qtbot, photos) as window:
        window.add_folder(other)
        wait_for_names(qtbot, window, "red.png", "green.png", "blue.png", "black.png")
        tip = window.parts.panel.watching.toolTip
        qtbot.waitUntil(lambda: f"{other}: new photos are" in tip(), timeout=_PATIENCE_MS)
        coloured_photos(other, "white")
        wait_for_names(qtbot, window, "red.png", "green.png", "blue.png", "black.png", "white.png")
        folder = next(one for one in window.folders.facts.folders if one.path == photos)
        window.folders.remove(folder)
        qtbot.waitUntil(lambda: str(photos) not in tip(), timeout=_PATIENCE_MS)


def test_switched_off_nothing_is_noticed_until_it_is_switched_on(
    rig: Rig, photos: Path, qtbot: QtBot
) -> None:
    with watching(rig, qtbot, photos) as window:
        window.watching.switch(on=False)
        assert state_line(window) == ""
        shutil.copy(photos / "red.png", photos / "again.png")
        window.watching.switch(on=True)
        wait_for_names(qtbot, window, "red.png", "green.png", "blue.png", "again.png")


def test_the_setting_is_on_by_default_and_can_be_changed(qtbot: QtBot) -> None:
    assert Settings().watch_folders
    dialog = SettingsDialog(Settings(), [])
    qtbot.addWidget(dialog)
    assert dialog.watch_folders.isChecked()
    dialog.watch_folders.setChecked(False)
    assert not dialog.settings().watch_folders
