"""Judging in the window: hits move when they may, and nothing but what was asked last is shown."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QEnterEvent, QHelpEvent, QHoverEvent
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QToolTip

from mmsearch_desktop.domain import Hit, Standing, Strategy
from mmsearch_desktop.search.order import reordered
from mmsearch_desktop.ui.judging_state import Phase
from mmsearch_desktop.ui.verdict_wording import OWN_WORDS
from tests.ui import qt_events
from tests.ui.judged_windows import (
    Bench,
    TastefulJudge,
    ask,
    give_judge,
    is_judged,
    phase,
    wait_for_photos,
)
from tests.ui.windows import Rig, shown_names, shows_hits

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.ui.main_window import MainWindow


@pytest.fixture
def judge() -> TastefulJudge:
    return TastefulJudge("blue")


@pytest.fixture
def bench(judge: TastefulJudge) -> Bench:
    return Bench(judge=lambda _choice: judge)


@pytest.fixture
def window(rig: Rig, bench: Bench, tmp_path: Path, qtbot: QtBot) -> Iterator[MainWindow]:
    give_judge(rig, tmp_path / "photos", bench)
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        yield window
        QToolTip.hideText()


def hits(window: MainWindow) -> tuple[Hit, ...]:
    return window.parts.results_model.hits


def retrieved(window: MainWindow) -> list[str]:
    ordered = sorted(hits(window), key=lambda hit: hit.retrieval_rank)
    return [hit.photo.path.name for hit in ordered]


def standings(window: MainWindow) -> list[Standing | None]:
    return [None if hit.verdict is None else hit.verdict.standing for hit in hits(window)]


def settled(window: MainWindow) -> int:
    return window.judging.state.settled


def pointer_enters(window: MainWindow) -> None:
    place = QPointF(90, 90)
    QApplication.sendEvent(window.parts.results.viewport(), QEnterEvent(place, place, place))


def pointer_leaves(window: MainWindow) -> None:
    QApplication.sendEvent(window.parts.results.viewport(), QEvent(QEvent.Type.Leave))


def hover(window: MainWindow, row: int) -> QPoint:
    view = window.parts.results
    place = view.visualRect(view.model().index(row, 0)).center()
    point = QPointF(place)
    event = QHoverEvent(QEvent.Type.HoverMove, point, point, QPointF())
    QApplication.sendEvent(view.viewport(), event)
    return place


def show_tip(window: MainWindow, row: int) -> None:
    view, place = window.parts.results, hover(window, row)
    event = QHelpEvent(QHelpEvent.Type.ToolTip, place, view.viewport().mapToGlobal(place))
    QApplication.sendEvent(view.viewport(), event)


def test_the_search_is_shown_at_once_and_judged_in_stages(
    window: MainWindow, judge: TastefulJudge, qtbot: QtBot
) -> None:
    judge.allowed = 0
    ask(window, "red")
    qtbot.waitUntil(lambda: phase(window) is Phase.JUDGING)
    assert shown_names(window) == retrieved(window)
    assert window.parts.judging.text.text() == "Judging 1 of 9  ·  Colour judge"
    qtbot.waitUntil(lambda: standings(window) == [Standing.JUDGING, *[Standing.WAITING] * 8])
    judge.allowed = 2
    qtbot.waitUntil(lambda: settled(window) == 2)
    assert shown_names(window) == retrieved(window)
    judge.allowed = 1
    qtbot.waitUntil(lambda: settled(window) == 3)
    assert shown_names(window) != retrieved(window)
    assert shown_names(window)[3:] == retrieved(window)[3:]
    judge.allowed = 100
    qtbot.waitUntil(lambda: is_judged(window))
    assert shown_names(window) == [hit.photo.path.name for hit in reordered(hits(window))]
    assert window.parts.judging.text.text() == "9 judged by Colour judge  ·  6 moved"


def test_badges_say_both_places_in_both_orders(window: MainWindow, qtbot: QtBot) -> None:
    ask(window, "red")
    qtbot.waitUntil(lambda: is_judged(window))
    assert [hit.rank for hit in hits(window)] == list(range(1, 10))
    judged = {hit.photo.path: (hit.rank, hit.retrieval_rank) for hit in hits(window)}
    window.judging.order.toggle()
    assert [hit.retrieval_rank for hit in hits(window)] == list(range(1, 10))
    assert {hit.photo.path: (hit.rank, hit.retrieval_rank) for hit in hits(window)} == judged


def test_no_hit_is_lost_at_any_moment(window: MainWindow, qtbot: QtBot) -> None:
    model = window.parts.results_model
    tester = QAbstractItemModelTester(
        model, QAbstractItemModelTester.FailureReportingMode.Warning, window
    )
    seen: list[list[str]] = []
    for changed in (model.dataChanged, model.layoutChanged):
        changed.connect(lambda *_: seen.append(sorted(shown_names(window))))
    ask(window, "red and yellow")
    qtbot.waitUntil(lambda: is_judged(window))
    for _ in range(3):
        window.judging.order.toggle()
    window.judging.reset()
    assert len(seen) > 20
    assert all(names == sorted(retrieved(window)) for names in seen)
    assert tester.model() is model


def test_hits_stay_under_the_pointer_until_it_leaves(
    window: MainWindow, judge: TastefulJudge, qtbot: QtBot
) -> None:
    judge.allowed = 0
    ask(window, "red")
    qtbot.waitUntil(lambda: phase(window) is Phase.JUDGING)
    pointer_enters(window)
    judge.allowed = 100
    qtbot.waitUntil(lambda: is_judged(window))
    assert shown_names(window) == retrieved(window)
    assert sorted(hit.rank for hit in hits(window)) == list(range(1, 10))
    assert hits(window)[2].rank != 3  # the badge says it already
    assert "once the pointer leaves" in window.parts.judging.text.text()
    assert window.parts.judging.move_button.isVisible()
    pointer_leaves(window)
    qtbot.waitUntil(lambda: shown_names(window) != retrieved(window))
    assert [hit.rank for hit in hits(window)] == list(range(1, 10))
    assert not window.parts.judging.move_button.isVisible()


def test_hits_stay_while_a_tooltip_or_a_menu_is_open(
    window: MainWindow, judge: TastefulJudge, qtbot: QtBot
) -> None:
    judge.allowed = 0
    ask(window, "red")
    qtbot.waitUntil(lambda: phase(window) is Phase.JUDGING)
    show_tip(window, 0)
    judge.allowed = 100
    qtbot.waitUntil(lambda: is_judged(window))
    menu = window.parts.results.context_menu()
    menu.popup(window.mapToGlobal(QPoint(100, 100)))
    QToolTip.hideText()
    qtbot.waitUntil(lambda: not QToolTip.isVisible())
    assert window.judging.state.waits
    assert shown_names(window) == retrieved(window)
    menu.close()
    qtbot.waitUntil(lambda: not window.judging.state.waits)
    assert shown_names(window) != retrieved(window)


def test_the_person_may_have_them_moved_now(
    window: MainWindow, judge: TastefulJudge, qtbot: QtBot
) -> None:
    pointer_enters(window)
    ask(window, "red")
    qtbot.waitUntil(lambda: is_judged(window))
    assert shown_names(window) == retrieved(window)
    window.parts.judging.move_button.click()
    assert shown_names(window) != retrieved(window)
    assert not window.judging.state.waits


def test_one_key_toggles_and_twice_restores_the_view(window: MainWindow, qtbot: QtBot) -> None:
    window.resize(640, 420)
    ask(window, "red")
    qtbot.waitUntil(lambda: is_judged(window))
    view = window.parts.results
    view.setCurrentIndex(view.model().index(1, 0))
    chosen, current = view.selected_paths(), view.current_path()
    view.verticalScrollBar().setValue(60)
    before = shown_names(window)
    qt_events.press(window, Qt.Key.Key_F6)
    qtbot.waitUntil(lambda: shown_names(window) == retrieved(window))
    assert window.parts.judging.order_button.isChecked()
    assert (view.selected_paths(), view.current_path()) == (chosen, current)
    qt_events.press(window, Qt.Key.Key_F6)
    qtbot.waitUntil(lambda: shown_names(window) == before)
    assert not window.parts.judging.order_button.isChecked()
    assert (view.selected_paths(), view.current_path()) == (chosen, current)
    assert view.verticalScrollBar().value() == 60


def test_judgements_that_come_do_not_leave_the_original_order(
    window: MainWindow, judge: TastefulJudge, qtbot: QtBot
) -> None:
    judge.allowed = 3
    ask(window, "red")
    qtbot.waitUntil(lambda: settled(window) == 3)
    window.parts.judging.order_button.click()
    judge.allowed = 100
    qtbot.waitUntil(lambda: is_judged(window))
    assert shown_names(window) == retrieved(window)
    window.parts.judging.order_button.click()
    assert [hit.rank for hit in hits(window)] == list(range(1, 10))


def test_undone_the_hits_are_as_before_and_again_at_once(
    window: MainWindow, judge: TastefulJudge, qtbot: QtBot
) -> None:
    ask(window, "red")
    qtbot.waitUntil(lambda: is_judged(window))
    judged, asked = shown_names(window), len(judge.asked)
    window.parts.judging.reset_button.click()
    assert shown_names(window) == retrieved(window)
    assert standings(window) == [None] * 9
    assert phase(window) is Phase.OFFERED
    window.parts.judging.judge_button.click()
    qtbot.waitUntil(lambda: is_judged(window))
    assert shown_names(window) == judged
    assert len(judge.asked) == asked  # from the catalogue


def test_the_tooltip_grows_and_names_the_models_words(
    window: MainWindow, judge: TastefulJudge, qtbot: QtBot
) -> None:
    judge.allowed = 0
    ask(window, "red")
    qtbot.waitUntil(lambda: phase(window) is Phase.JUDGING)
    show_tip(window, 1)
    assert "Not judged yet" in QToolTip.text()
    judge.allowed = 100
    qtbot.waitUntil(lambda: "% match, judged by Colour judge" in QToolTip.text())
    written = f"{OWN_WORDS}: “It shows a colour.”"
    qtbot.waitUntil(lambda: written in html.unescape(QToolTip.text()))


def test_screen_readers_are_told(window: MainWindow, qtbot: QtBot) -> None:
    ask(window, "red")
    qtbot.waitUntil(lambda: is_judged(window))
    cell = QAccessible.queryAccessibleInterface(window.parts.results).child(0)
    assert "judged 97 %" in cell.text(QAccessible.Text.Name)
    assert "hit 1 by the judge, 3 by the search" in cell.text(QAccessible.Text.Name)
    assert OWN_WORDS in cell.text(QAccessible.Text.Description)


def test_what_the_pointer_is_over_comes_next(
    window: MainWindow, judge: TastefulJudge, qtbot: QtBot
) -> None:
    judge.allowed = 0
    ask(window, "red")
    qtbot.waitUntil(lambda: Standing.JUDGING in standings(window))
    hover(window, 6)
    judge.allowed = 1
    qtbot.waitUntil(lambda: standings(window)[6] is Standing.JUDGING)
    judge.allowed = 1
    qtbot.waitUntil(lambda: standings(window)[6] is Standing.JUDGED)
    assert standings(window)[2:6] == [Standing.WAITING] * 4


def test_marks_are_painted(window: MainWindow, qtbot: QtBot) -> None:
    ask(window, "red")
    qtbot.waitUntil(lambda: shows_hits(window))
    plain = window.parts.results.grab().toImage()
    qtbot.waitUntil(lambda: is_judged(window))
    assert window.parts.results.grab().toImage() != plain


def test_photos_of_the_library_are_not_judged(window: MainWindow, qtbot: QtBot) -> None:
    ask(window, "red")
    qtbot.waitUntil(lambda: is_judged(window))
    window.parts.query_bar.clear()
    qtbot.waitUntil(lambda: not shows_hits(window))
    assert phase(window) is Phase.HIDDEN
    assert not window.parts.judging.isVisible()


def test_the_list_strategy_and_its_depth(
    rig: Rig, window: MainWindow, judge: TastefulJudge, qtbot: QtBot
) -> None:
    settings = dataclasses.replace(
        rig.settings, judging_strategy=Strategy.LISTWISE, judging_depth=4, judging_words=False
    )
    window.apply_settings(settings)
    ask(window, "red")
    qtbot.waitUntil(lambda: is_judged(window))
    assert "rank 4" in judge.asked
    assert standings(window).count(Standing.JUDGED) == 4
    assert shown_names(window)[4:] == retrieved(window)[4:]
    said = [hit.verdict.rationale for hit in hits(window)[:4] if hit.verdict is not None]
    assert sorted(said) == [f"number {place} of 4 in the judge's list" for place in (1, 2, 3, 4)]
