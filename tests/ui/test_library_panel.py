"""The list of folders: what it shows, and what it says when a folder is chosen."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt

from mmsearch_desktop.domain import Drive, Folder
from mmsearch_desktop.ui.library_panel import LibraryPanel
from tests.ui import qt_events

if TYPE_CHECKING:
    from PySide6.QtGui import QAction
    from pytestqt.qtbot import QtBot

HOLIDAY = Folder(1, Path("/photos/holiday"), connected=True, photos=1204)
AWAY = Folder(2, Path("/media/stick/old"), connected=False, photos=7)


@pytest.fixture
def panel(qtbot: QtBot) -> LibraryPanel:
    made = LibraryPanel()
    qtbot.addWidget(made)
    made.show_folders([HOLIDAY, AWAY], 1211)
    made.show()
    return made


def texts(panel: LibraryPanel) -> list[str]:
    role = Qt.ItemDataRole.AccessibleTextRole
    return [panel.scopes.item(row).data(role) for row in range(panel.scopes.count())]


def test_folders_are_shown_with_counts_and_whether_they_are_there(panel: LibraryPanel) -> None:
    assert texts(panel) == ["All photos, 1,211", "holiday, 1,204", "old, not connected"]
    assert "7 photos are kept" in panel.scopes.item(2).toolTip()


def test_photos_on_a_drive_below_that_is_away_are_not_counted_but_told(
    panel: LibraryPanel,
) -> None:
    stick = Drive(3, HOLIDAY.path / "stick", connected=False, photos=204)
    panel.show_folders([dataclasses.replace(HOLIDAY, drives=(stick,))], 1000)
    assert texts(panel)[1] == "holiday, 1,000"
    tip = panel.scopes.item(1).toolTip()
    assert "stick is not connected. Its 204 photos are kept." in tip
    panel.choose(HOLIDAY.path)
    assert panel.scope_photos == 1000


def test_a_folder_that_was_moved_says_where_to(panel: LibraryPanel) -> None:
    moved = dataclasses.replace(AWAY, moved_to=Path("/photos/new place"))
    panel.show_folders([HOLIDAY, moved], 1211)
    assert texts(panel)[2] == "old, moved"
    assert "/photos/new place" in panel.scopes.item(2).toolTip()


def test_choosing_a_folder_says_its_path_and_all_photos_say_none(
    panel: LibraryPanel, qtbot: QtBot
) -> None:
    chosen: list[Path | None] = []
    panel.scope_chosen.connect(chosen.append)
    panel.scopes.setFocus()
    qt_events.press(panel.scopes, Qt.Key.Key_Down)
    qt_events.press(panel.scopes, Qt.Key.Key_Up)
    assert chosen == [HOLIDAY.path, None]


def test_what_was_chosen_stays_chosen_when_counts_change(panel: LibraryPanel) -> None:
    panel.choose(HOLIDAY.path)
    said: list[Path | None] = []
    panel.scope_chosen.connect(said.append)
    panel.show_folders([AWAY, HOLIDAY], 1300)
    assert panel.scope == HOLIDAY.path
    assert said == []


def test_new_counts_change_the_rows_in_place(panel: LibraryPanel) -> None:
    rows = [panel.scopes.item(row) for row in range(3)]
    panel.show_folders([dataclasses.replace(HOLIDAY, photos=1300), AWAY], 1307)
    assert texts(panel) == ["All photos, 1,307", "holiday, 1,300", "old, not connected"]
    assert [panel.scopes.item(row) for row in range(3)] == rows
    panel.choose(HOLIDAY.path)
    assert panel.scope_photos == 1300


def test_all_photos_are_chosen_where_the_folder_is_gone(panel: LibraryPanel) -> None:
    panel.choose(HOLIDAY.path)
    said: list[Path | None] = []
    panel.scope_chosen.connect(said.append)
    panel.show_folders([AWAY], 7)
    assert panel.scope is None
    assert said == [None]


def test_the_count_of_the_scope_is_known(panel: LibraryPanel) -> None:
    assert panel.scope_photos == 1211
    panel.choose(HOLIDAY.path)
    assert panel.scope_photos == 1204


def test_a_folders_menu_tells_what_is_wanted(panel: LibraryPanel, qtbot: QtBot) -> None:
    told: list[object] = []
    panel.rescan_wanted.connect(told.append)
    panel.show_wanted.connect(told.append)
    panel.removal_wanted.connect(told.append)
    panel.add_wanted.connect(lambda: told.append("add"))
    menu = panel.menu_for(HOLIDAY)
    for action in menu.actions():
        action.trigger()
    assert told == ["add", HOLIDAY.path, HOLIDAY.path, HOLIDAY]
    menu.close()


def test_all_photos_can_only_be_added_to(panel: LibraryPanel) -> None:
    menu = panel.menu_for(None)
    actions: list[QAction] = menu.actions()
    assert [action.text() for action in actions] == ["&Add folder…"]
    menu.close()


def test_a_name_too_long_is_painted_without_trouble(panel: LibraryPanel, qtbot: QtBot) -> None:
    long = Folder(3, Path("/photos") / ("very " * 40), connected=True, photos=1)
    panel.show_folders([long], 1)
    assert not panel.grab().isNull()
