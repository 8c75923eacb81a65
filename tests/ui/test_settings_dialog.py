"""The settings dialog: shows what is, tells what is chosen, keeps what it does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

from mmsearch_desktop.domain import Mode
from mmsearch_desktop.settings import Settings, Theme
from mmsearch_desktop.ui.preferences import Overrides, Preferences
from mmsearch_desktop.ui.settings_dialog import SettingsDialog

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

EMBEDDERS = (("base", "The base model"), ("m3", "The large model"))
SET = Settings(
    library="/photos/library",
    embedder="m3",
    offline=True,
    mode=Mode.SUM,
    limit=20,
    show_query_picture=True,
    thumbnail_pixels=200,
    thumbnails_gigabytes=7,
    theme=Theme.DARK,
    indexing_paused=True,
    other={"newer": 1},
)


def dialog(qtbot: QtBot, settings: Settings) -> SettingsDialog:
    made = SettingsDialog(settings, EMBEDDERS)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)  # qtbot closes it
    qtbot.addWidget(made)
    return made


@pytest.mark.parametrize("settings", [SET, Settings(embedder="base")])
def test_what_is_set_is_shown_and_comes_back_equal(settings: Settings, qtbot: QtBot) -> None:
    made = dialog(qtbot, settings)
    assert made.settings() == settings
    assert made.settings().other == settings.other


def test_saving_tells_what_was_changed(qtbot: QtBot) -> None:
    made = dialog(qtbot, Settings(embedder="base"))
    made.embedder.setCurrentIndex(1)
    made.theme.setCurrentIndex(made.theme.findData(Theme.LIGHT.value))
    made.thumbnail_pixels.setValue(240)
    made.limit.setValue(80)
    made.offline.setChecked(True)
    made.show_query_picture.setChecked(True)
    made.library.setText("/elsewhere")
    with qtbot.waitSignal(made.chosen) as chosen:
        made.accept()
    assert chosen.args == [
        Settings(
            library="/elsewhere",
            embedder="m3",
            offline=True,
            limit=80,
            show_query_picture=True,
            thumbnail_pixels=240,
            theme=Theme.LIGHT,
        )
    ]


def test_cancelling_tells_nothing(qtbot: QtBot) -> None:
    made = dialog(qtbot, SET)
    made.limit.setValue(99)
    cancel = next(b for b in made.findChildren(QPushButton) if b.text() == "Cancel")
    with qtbot.assertNotEmitted(made.chosen):
        cancel.click()


def test_a_folder_may_be_given_as_the_model(qtbot: QtBot, tmp_path: Path) -> None:
    made = dialog(qtbot, Settings(embedder=str(tmp_path)))
    assert made.embedder.currentText() == str(tmp_path)
    assert made.settings().embedder == str(tmp_path)


def test_it_does_not_stop_the_program(qtbot: QtBot) -> None:
    made = dialog(qtbot, SET)
    made.open()
    assert made.isVisible()


def test_every_control_can_be_reached_and_has_a_name(qtbot: QtBot) -> None:
    made = dialog(qtbot, SET)
    for control in (made.library, made.browse, made.embedder, made.theme, made.limit):
        assert control.accessibleName()
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_the_command_line_goes_before_the_settings_and_is_not_saved(tmp_path: Path) -> None:
    saved: list[Settings] = []
    overrides = Overrides(library=tmp_path, embedder="folder", offline=True)
    preferences = Preferences(Settings(embedder="base"), overrides, saved.append)
    assert preferences.library_folder == tmp_path
    assert (preferences.embedder, preferences.offline) == ("folder", True)
    preferences.change(limit=7)
    assert saved == [Settings(embedder="base", limit=7)]
    preferences.change(embedder="m3")
    assert preferences.embedder == "m3"


def test_what_holds_now_is_shown_and_not_saved_unchanged(qtbot: QtBot, tmp_path: Path) -> None:
    saved: list[Settings] = []
    overrides = Overrides(library=tmp_path, embedder="folder", offline=True)
    preferences = Preferences(Settings(embedder="base"), overrides, saved.append)
    made = dialog(qtbot, preferences.effective)
    assert made.library.text() == str(tmp_path)
    assert made.embedder.currentText() == "folder"
    assert made.offline.isChecked()
    assert made.settings() == preferences.effective
    assert preferences.settings == Settings(embedder="base")


def test_settings_that_cannot_be_saved_hold_for_this_run(qtbot: QtBot) -> None:
    def refuse(_settings: Settings) -> None:
        raise PermissionError(13, "Permission denied", "settings.json")

    preferences = Preferences(Settings(), Overrides(), refuse)
    with qtbot.waitSignal(preferences.not_saved):
        preferences.change(limit=7)
    assert preferences.settings.limit == 7
