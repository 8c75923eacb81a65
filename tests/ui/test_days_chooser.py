"""The days: chosen from the menu, shown, taken back; alone, in the bar, and in the window."""

from __future__ import annotations

import os
from datetime import date, datetime, time
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QDate, Qt
from PySide6.QtWidgets import QApplication

from mmsearch_desktop.domain import Query
from mmsearch_desktop.settings import Theme
from mmsearch_desktop.ui.days_chooser import (
    ANY_TIME,
    BetweenDialog,
    DaysChooser,
    between,
    of_year,
)
from mmsearch_desktop.ui.query_bar import QueryBar
from mmsearch_desktop.ui.theme import Appearance
from tests.ui import qt_events
from tests.ui.windows import is_idle, shown_names, shows_hits, type_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.ui.main_window import MainWindow

TODAY = date(2024, 3, 1)


@pytest.fixture
def chooser(qtbot: QtBot) -> DaysChooser:
    made = DaysChooser(today=lambda: TODAY)
    qtbot.addWidget(made)
    made.show()
    return made


def press(chooser: DaysChooser, name: str) -> None:
    """The line of the menu, or of the years in it, that begins so."""
    actions = [*chooser.button.menu().actions(), *chooser.years.actions()]
    next(action for action in actions if action.text().split("\t")[0] == name).trigger()


def ticked(chooser: DaysChooser) -> list[str]:
    actions = [*chooser.button.menu().actions(), *chooser.years.actions()]
    return [action.text().split("\t")[0] for action in actions if action.isChecked()]


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("Last 30 days", (date(2024, 2, 1), TODAY)),
        ("This year", (date(2024, 1, 1), date(2024, 12, 31))),
        ("Last year", (date(2023, 1, 1), date(2023, 12, 31))),
        ("2019", (date(2019, 1, 1), date(2019, 12, 31))),
    ],
)
def test_what_is_chosen_is_meant_shown_and_taken_back(
    name: str, days: tuple[date, date], chooser: DaysChooser, qtbot: QtBot
) -> None:
    chooser.show_years([(2024, 3), (2019, 1)])
    assert (chooser.days, chooser.button.text()) == ((None, None), "Any time")
    assert not chooser.clear_button.isVisible()
    assert ticked(chooser) == ["Any time"]
    with qtbot.waitSignal(chooser.changed):
        press(chooser, name)
    assert (chooser.days, chooser.button.text(), ticked(chooser)) == (days, name, [name])
    assert name in chooser.button.accessibleName()
    with qtbot.waitSignal(chooser.changed):
        qt_events.press(chooser.clear_button, Qt.Key.Key_Space)
    assert (chooser.days, ticked(chooser)) == ((None, None), ["Any time"])
    assert chooser.button.hasFocus()
    assert not chooser.clear_button.isVisible()


def test_the_years_have_their_counts_and_the_chosen_one_stays(chooser: DaysChooser) -> None:
    assert not chooser.years.isEnabled()
    chooser.show_years([(2024, 1200), (2019, 1)])
    press(chooser, "2019")
    chooser.show_years([(2024, 1201), (2020, 2), (2019, 1)])
    texts = [action.text() for action in chooser.years.actions()]
    assert texts == ["2024\t1,201 photos", "2020\t2 photos", "2019\t1 photo"]
    assert ticked(chooser) == ["2019"]
    chooser.show_years([])
    assert not chooser.years.isEnabled()
    assert chooser.days == (date(2019, 1, 1), date(2019, 12, 31))


def test_the_same_days_under_another_name_ask_nothing_again(
    chooser: DaysChooser, qtbot: QtBot
) -> None:
    press(chooser, "This year")
    with qtbot.assertNotEmitted(chooser.changed):
        chooser.choose(of_year(2024))
    assert chooser.button.text() == "2024"


def test_opening_the_menu_asks_for_the_years(chooser: DaysChooser, qtbot: QtBot) -> None:
    with qtbot.waitSignal(chooser.years_wanted):
        chooser.button.menu().aboutToShow.emit()


def test_between_two_days(chooser: DaysChooser, qtbot: QtBot) -> None:
    chooser.choose(of_year(2023))
    chooser.between.trigger()
    dialog = chooser.findChild(BetweenDialog)
    assert isinstance(dialog, BetweenDialog)
    assert (dialog.since.date(), dialog.until.date()) == (
        QDate(2023, 1, 1),
        QDate(2023, 12, 31),
    )
    dialog.since.setDate(QDate(2024, 2, 3))
    assert dialog.until.date() == QDate(2024, 2, 3)  # never before the first
    dialog.until.setDate(QDate(2024, 2, 5))
    qt_events.press(dialog, Qt.Key.Key_Return)
    assert chooser.days == (date(2024, 2, 3), date(2024, 2, 5))
    assert chooser.button.text() == between(*chooser.days).name
    assert ticked(chooser) == []
    qtbot.waitUntil(lambda: chooser.findChild(BetweenDialog) is None)


def test_a_cancelled_dialog_changes_nothing(chooser: DaysChooser, qtbot: QtBot) -> None:
    press(chooser, "Last year")
    chooser.between.trigger()
    dialog = chooser.findChild(BetweenDialog)
    assert isinstance(dialog, BetweenDialog)
    dialog.since.setDate(QDate(2001, 1, 1))
    qt_events.press(dialog, Qt.Key.Key_Escape)
    assert chooser.button.text() == "Last year"
    assert ticked(chooser) == ["Last year"]
    qtbot.waitUntil(lambda: chooser.findChild(BetweenDialog) is None)


# -- in the bar ----------------------------------------------------------------------------


@pytest.fixture
def bar(qapp: QApplication, qtbot: QtBot) -> Iterator[QueryBar]:
    appearance = Appearance(qapp, Theme.LIGHT)
    made = QueryBar()
    qtbot.addWidget(made)
    made.show()
    yield made
    appearance.deleteLater()


def test_other_days_ask_again_with_the_same_words(bar: QueryBar) -> None:
    asked: list[Query] = []
    bar.asked.connect(asked.append)
    bar.set_words("cat")
    bar.days.choose(of_year(2020))
    bar.days.clear()
    days = {"since": date(2020, 1, 1), "until": date(2020, 12, 31)}
    assert asked == [Query("cat"), Query("cat", **days), Query("cat")]  # type: ignore[arg-type]


def test_clearing_takes_words_first_then_days(bar: QueryBar) -> None:
    bar.set_words("cat")
    bar.days.choose(of_year(2020))
    bar.clear()
    assert (bar.words.text(), bar.days.is_any) == ("", False)
    bar.clear()
    assert bar.days.is_any


def test_a_whole_question_is_asked_once_of_any_time(bar: QueryBar) -> None:
    bar.days.choose(of_year(2020))
    asked: list[Query] = []
    bar.asked.connect(asked.append)
    bar.set_query("cat", None, bar.query().mode)
    assert asked == [Query("cat")]


@pytest.mark.parametrize("width", [1000, 760, 600, 420])
def test_days_are_readable_at_every_width(bar: QueryBar, width: int, qtbot: QtBot) -> None:
    def resize() -> None:
        bar.resize(width, bar.sizeHint().height())
        QApplication.processEvents()

    resize()
    is_narrow = width < 720
    icon_only = Qt.ToolButtonStyle.ToolButtonIconOnly
    assert (bar.days.button.toolButtonStyle() == icon_only) == is_narrow
    height = bar.sizeHint().height()
    bar.days.choose(of_year(2021))
    qtbot.waitUntil(bar.days.clear_button.isVisible)
    resize()
    assert bar.days.button.toolButtonStyle() != icon_only
    assert (bar.sizeHint().height() > height) == is_narrow  # a line of its own
    assert (bar.days.geometry().top() > bar.field.geometry().bottom()) == is_narrow
    assert bar.days.button.width() >= bar.days.button.sizeHint().width()  # nothing is cut
    assert bar.rect().contains(bar.days.geometry())
    assert bar.words.width() >= 90


# -- in the window -------------------------------------------------------------------------


def _change_on(path: Path, day: date) -> None:
    noon = datetime.combine(day, time(12)).timestamp()
    os.utime(path, (noon, noon))


@pytest.fixture
def dated(window: MainWindow, photos: Path, qtbot: QtBot) -> MainWindow:
    """The blue photo is of 2019, the green one of 2020, the red one of now."""
    for name, year in (("blue", 2019), ("green", 2020)):
        _change_on(photos / f"{name}.png", date(year, 6, 1))
    window.folders.rescan(photos)
    in_order = ["red.png", "green.png", "blue.png"]
    qtbot.waitUntil(lambda: is_idle(window) and shown_names(window) == in_order)
    return window


def test_days_filter_what_is_looked_at_and_what_is_searched(
    dated: MainWindow, qtbot: QtBot
) -> None:
    days = dated.parts.query_bar.days
    days.choose(of_year(2019))
    qtbot.waitUntil(lambda: shown_names(dated) == ["blue.png"])
    assert "from 2019" in dated.parts.status.text.text()
    type_words(dated, "red")
    qtbot.waitUntil(lambda: shows_hits(dated))
    assert shown_names(dated) == ["blue.png"]
    days.choose(ANY_TIME)
    qtbot.waitUntil(lambda: len(shown_names(dated)) == 3)
    assert shown_names(dated)[0] == "red.png"
    days.choose(of_year(2001))
    qtbot.waitUntil(lambda: shown_names(dated) == [])
    assert "No photos of the library are from 2001." in dated.parts.notices.text()


def test_the_menu_shows_the_years_of_the_library(dated: MainWindow, qtbot: QtBot) -> None:
    days = dated.parts.query_bar.days
    days.button.menu().aboutToShow.emit()
    qtbot.waitUntil(lambda: len(days.years.actions()) == 3)
    texts = [action.text() for action in days.years.actions()]
    assert texts[1:] == ["2020\t1 photo", "2019\t1 photo"]


def test_the_window_gives_the_days_their_line(dated: MainWindow, qtbot: QtBot) -> None:
    bar = dated.parts.query_bar
    dated.resize(620, 560)
    bar.days.choose(of_year(2019))
    qtbot.waitUntil(lambda: bar.height() >= bar.sizeHint().height() > bar.field.height() + 30)
    dated.resize(1100, 560)
    qtbot.waitUntil(lambda: bar.days.geometry().top() < bar.field.geometry().bottom())


def test_photos_that_arrive_are_shown_where_their_day_is_meant(
    dated: MainWindow, photos: Path, qtbot: QtBot
) -> None:
    dated.parts.query_bar.days.choose(of_year(2019))
    qtbot.waitUntil(lambda: shown_names(dated) == ["blue.png"])
    for name, year in (("of 2019", 2019), ("of 2018", 2018)):
        path = photos / f"{name}.png"
        path.write_bytes((photos / "green.png").read_bytes())
        _change_on(path, date(year, 5, 1))
    dated.folders.rescan(photos)
    qtbot.waitUntil(lambda: shown_names(dated) == ["blue.png", "of 2019.png"])
    qtbot.waitUntil(lambda: dated.folders.facts.photos == 5)
    assert shown_names(dated) == ["blue.png", "of 2019.png"]
