"""The judging part of the settings dialog: shows what is, tells what is chosen."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop import settings as stored
from mmsearch_desktop.domain import Strategy
from mmsearch_desktop.settings import JudgingWhen, Settings
from mmsearch_desktop.ui.judging_settings import JudgingSettings
from mmsearch_desktop.ui.settings_dialog import SettingsDialog

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

JUDGES = (("phi-3-vision", "Phi-3 Vision"), ("phi-3.5-vision", "Phi-3.5 Vision"))
SET = Settings(
    judging=JudgingWhen.ASKED,
    judge="/models/mine",
    judging_strategy=Strategy.LISTWISE,
    judging_depth=50,
    judging_weight=0.7,
    judging_words=False,
)


def shown(qtbot: QtBot, settings: Settings, note: str = "") -> JudgingSettings:
    made = JudgingSettings(JUDGES, note)
    qtbot.addWidget(made)
    made.show_settings(settings)
    return made


@pytest.mark.parametrize(
    "settings", [Settings(), SET, Settings(judging_weight=0.731), Settings(judging_weight=9.0)]
)
def test_what_is_set_comes_back_equal(settings: Settings, qtbot: QtBot) -> None:
    assert shown(qtbot, settings).settings(settings) == settings
    dialog = SettingsDialog(settings, (), judges=JUDGES)
    qtbot.addWidget(dialog)
    assert dataclasses.replace(dialog.settings(), embedder=settings.embedder) == settings


def test_choices_are_told(qtbot: QtBot) -> None:
    made = shown(qtbot, Settings())
    made.when.setCurrentIndex(made.when.findData(JudgingWhen.NEVER.value))
    made.judge.setCurrentIndex(1)
    made.best.setValue(20)
    made.strategy.setCurrentIndex(1)
    made.weight.setValue(0)
    made.words.setChecked(False)
    told = made.settings(Settings())
    assert told == Settings(
        judging=JudgingWhen.NEVER,
        judge="phi-3.5-vision",
        judging_strategy=Strategy.LISTWISE,
        judging_depth=20,
        judging_weight=0.0,
        judging_words=False,
    )
    assert made.weight_text.text() == "Off: moves nothing"
    made.weight.setValue(10)
    assert made.weight_text.text() == "As much as the search"
    made.weight.setValue(20)
    assert made.weight.accessibleDescription() == "2.0 × the search"


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -5.0])
def test_a_weight_from_a_strange_file_is_shown(weight: float, qtbot: QtBot) -> None:
    made = shown(qtbot, dataclasses.replace(SET, judging_weight=weight))
    assert 0 <= made.weight.value() <= made.weight.maximum()


def test_the_note_says_how_it_goes_here(qtbot: QtBot) -> None:
    assert shown(qtbot, SET, "About 5 s for each hit.").note.text() == "About 5 s for each hit."
    assert shown(qtbot, SET).note.isHidden()


def test_a_file_of_before_is_still_read(own_data_folder: Path) -> None:
    own_data_folder.mkdir()
    before = {"limit": 20, "judging_weight": 2, "judging": "sometimes", "judging_depth": "many"}
    stored.settings_path().write_text(json.dumps(before))
    loaded = stored.load()
    assert (loaded.limit, loaded.judging_weight) == (20, 2.0)
    assert (loaded.judging, loaded.judging_depth) == (JudgingWhen.QUICK, 9)
