"""Judges on the models page: shown below the models, none of them needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.models.judge_offers import JUDGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.ui.main_window import MainWindow
    from mmsearch_desktop.ui.models_page import OfferCard
    from tests.ui.windows import Rig

PHI3, PHI35 = JUDGES


@pytest.fixture
def here(rig: Rig) -> set[str]:
    """Names of what is on this computer."""
    found: set[str] = set()
    rig.services = {"is_installed": lambda offer: offer.name in found}
    return found


@pytest.fixture
def window(rig: Rig, here: set[str]) -> Iterator[MainWindow]:
    with rig.window() as window:
        window.show_models()
        yield window


def card(window: MainWindow, name: str) -> OfferCard:
    return window.parts.models_page.cards[name]


def test_a_judge_without_files_is_offered_and_not_asked_for(window: MainWindow) -> None:
    shown = card(window, PHI3.name)
    assert shown.isVisible()
    assert shown.download_button.isVisible()
    assert shown.state.text() == ""
    assert not shown.where.isVisible()


def test_one_of_two_is_chosen(window: MainWindow, here: set[str], qtbot: QtBot, rig: Rig) -> None:
    here |= {PHI3.name, PHI35.name}
    window.show_models()
    assert card(window, PHI3.name).state.text() == "In use"
    assert card(window, PHI35.name).state.text() == "On this computer"
    with qtbot.waitSignal(window.models.judge_chosen):
        card(window, PHI35.name).use_button.click()
    assert card(window, PHI35.name).state.text() == "In use"
    assert rig.saved[-1].judge == PHI35.name


def test_files_put_there_by_hand_are_found(
    window: MainWindow, here: set[str], qtbot: QtBot
) -> None:
    here.add(PHI3.name)
    with qtbot.waitSignal(window.models.model_came) as came:
        window.parts.models_page.check_button.click()
    assert came.args == [PHI3]
