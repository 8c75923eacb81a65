"""The whole window without a mouse: the way through it, its shortcuts and its letters."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget

from mmsearch_desktop.domain import NoSpace
from mmsearch_desktop.ui.models_page import OfferCard
from tests.ui import qt_events
from tests.ui.windows import Rig, is_idle, page, shown_names, shows_hits

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.ui.main_window import MainWindow

Key = Qt.Key


def _reached_by_tab(window: MainWindow, start: QWidget) -> list[QWidget]:
    """Every widget that Tab leads to, from `start` round to it again."""
    start.setFocus()
    found: list[QWidget] = []
    for _ in range(100):
        here = QApplication.focusWidget()
        assert here is not None
        if here in found:
            return found
        found.append(here)
        qt_events.press(here, Key.Key_Tab)
    raise AssertionError("Tab leads nowhere")


def _controls(window: MainWindow) -> list[QAbstractButton]:
    return [b for b in window.findChildren(QAbstractButton) if b.isVisible() and b.isEnabled()]


@pytest.fixture
def wide(window: MainWindow, photos: Path, qtbot: QtBot) -> MainWindow:
    """With folders, a chip, words and hits all showing."""
    window.resize(1180, 700)
    window.activateWindow()
    window.parts.panel.show()
    window.search_with(photos / "red.png")
    qtbot.waitUntil(window.parts.query_bar.chip.isVisible)
    window.parts.query_bar.set_words("blue")
    qtbot.waitUntil(lambda: shows_hits(window) and window.search.searching._wanted is None)
    return window


def test_tab_reaches_every_control(wide: MainWindow) -> None:
    parts = wide.parts
    reached = _reached_by_tab(wide, parts.query_bar.words)
    lists = [parts.panel.scopes, parts.results, parts.query_bar.mode_chooser]
    missed = [w for w in (*_controls(wide), *lists) if w not in reached]
    assert [(type(w).__name__, w.accessibleName()) for w in missed] == []


def test_tab_reaches_every_control_of_the_models_page(wide: MainWindow) -> None:
    wide.show_models()
    reached = _reached_by_tab(wide, wide.parts.models_page.back_button)
    assert [b.accessibleName() for b in _controls(wide) if b not in reached] == []


@pytest.mark.parametrize("where", ["photos", "models"])
def test_no_two_controls_share_a_letter(wide: MainWindow, where: str) -> None:
    """But those of the models' cards, which share theirs with the same one of the other cards."""
    if where == "models":
        wide.show_models()
    single = [b for b in _controls(wide) if not isinstance(b.parentWidget(), OfferCard)]
    cards = {b.text() for b in _controls(wide) if isinstance(b.parentWidget(), OfferCard)}
    menus = [action.text() for action in wide.menuBar().actions()]
    texts = [*(b.text() for b in single), *menus]
    letters = [key for key in map(_letter, texts) if key]
    letters += {key for key in map(_letter, cards) if key}
    assert [key for key, count in Counter(letters).items() if count > 1] == []


def _letter(text: str) -> str:
    return QKeySequence.mnemonic(text).toString()


def test_no_two_menu_entries_share_a_shortcut(window: MainWindow) -> None:
    keys = Counter(
        key.toString()
        for menu in window.menuBar().actions()
        for action in menu.menu().actions()  # type: ignore[attr-defined] # a QMenu
        for key in action.shortcuts()
    )
    assert [key for key, count in keys.items() if count > 1] == []


def test_down_leads_from_the_words_to_the_photos(window: MainWindow) -> None:
    window.activateWindow()
    window.parts.query_bar.words.setFocus()
    qt_events.press(window.parts.query_bar.words, Key.Key_Down)
    assert window.parts.results.hasFocus()
    assert window.parts.results.current_path() is not None


def test_after_a_new_search_from_the_grid_there_is_a_current_photo(
    window: MainWindow, photos: Path, qtbot: QtBot
) -> None:
    window.activateWindow()
    results = window.parts.results
    results.setFocus()
    qt_events.press(results, Key.Key_End)
    qt_events.press(results, Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: shows_hits(window))
    assert results.hasFocus()
    assert results.current_path() == photos / shown_names(window)[0]
    assert results.selected_paths() == []


def test_taking_the_picture_away_leads_back_to_the_words(wide: MainWindow) -> None:
    bar = wide.parts.query_bar
    bar.chip.remove_button.setFocus()
    qt_events.press(bar.chip.remove_button, Key.Key_Space)
    assert not bar.chip.isVisible()
    assert bar.words.hasFocus()


def test_escape_leads_back_from_the_models(window: MainWindow, qtbot: QtBot) -> None:
    window.activateWindow()
    window.show_models()
    qtbot.waitUntil(window.parts.models_page.back_button.hasFocus)
    qt_events.press(window.parts.models_page.back_button, Key.Key_Escape)
    assert page(window) is window.parts.results


def test_notices_of_a_search_are_not_shown_over_the_models(wide: MainWindow) -> None:
    assert wide.parts.notices.isVisible()
    wide.show_models()
    assert not wide.parts.notices.isVisible()
    wide.parts.models_page.back_button.click()
    assert wide.parts.notices.isVisible()


def test_the_folder_that_is_searched_is_named(
    window: MainWindow, photos: Path, qtbot: QtBot
) -> None:
    window.parts.panel.choose(photos)
    qtbot.waitUntil(lambda: window.parts.status.text.text() == "3 photos in holiday")
    window.parts.query_bar.set_words("red")
    qtbot.waitUntil(lambda: window.parts.status.text.text().endswith("3 photos in holiday"))
    assert shows_hits(window)


def test_an_index_without_space_is_told_as_that_and_can_be_tried_again(
    rig: Rig, photos: Path, qtbot: QtBot
) -> None:
    full = [True]
    real = rig.open_embedder

    def open_embedder(choice: str) -> object:
        if full[0]:
            raise NoSpace("The disk is full. Free some space.")
        return real(choice)

    rig.open_embedder, rig.folders = open_embedder, [photos]  # type: ignore[assignment] # as it
    with rig.window() as window:
        qtbot.waitUntil(lambda: "disk is full" in window.parts.messages.text.text())
        assert page(window) is not window.parts.models_page
        full[0] = False
        window.parts.messages.action.click()
        qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) == 3)
