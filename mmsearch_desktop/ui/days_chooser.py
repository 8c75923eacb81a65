"""Chooses the days that photos are of: a button that says which, its menu, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from PySide6.QtCore import QDate, QLocale, QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QTextCharFormat
from PySide6.QtWidgets import (
    QCalendarWidget,
    QDateEdit,
    QDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from mmsearch_desktop.ui.dialog_buttons import dialog_buttons
from mmsearch_desktop.ui.theme import plain_label, restyle, set_icon, styled
from mmsearch_desktop.ui.wording import photos

Days = tuple[date | None, date | None]  # the first and the last; None: no bound
WHAT_COUNTS = (
    "A photo is of the day it was taken. Where it does not say, the day its file was last changed"
    " counts."
)
_ANY_TIME = "Any time"
_SHOWN_DAY = "d MMM yyyy"


@dataclass(frozen=True, slots=True)
class Choice:
    """A name, and the days that it stands for on a given day."""

    name: str
    days: Callable[[date], Days]


ANY_TIME = Choice(_ANY_TIME, lambda _today: (None, None))
_RELATIVE = (
    Choice("Last 30 days", lambda today: (today - timedelta(days=29), today)),
    Choice("This year", lambda today: _year(today.year)),
    Choice("Last year", lambda today: _year(today.year - 1)),
)


class DaysChooser(QFrame):
    """Quiet while all photos are meant; else it stands out, and one press takes it back."""

    changed = Signal()  # other days are meant
    years_wanted = Signal()  # the menu opens: `show_years` may come

    def __init__(
        self, today: Callable[[], date] = date.today, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("DaysChooser")
        self._today = today
        self._choice = ANY_TIME
        self._years: list[tuple[int, int]] = []
        self._is_narrow = False
        self._build()
        self._show()

    @property
    def days(self) -> Days:
        """As of today."""
        return self._choice.days(self._today())

    @property
    def is_any(self) -> bool:
        return self._choice is ANY_TIME

    def choose(self, choice: Choice) -> None:
        before, self._choice = self.days, choice
        self._show()
        if self.days != before:
            self.changed.emit()

    def clear(self) -> None:
        self.choose(ANY_TIME)

    def open_menu(self) -> None:
        self.button.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.button.showMenu()

    def show_years(self, years: Sequence[tuple[int, int]]) -> None:
        """Those of the library with how many photos each has, newest first."""
        if list(years) == self._years:
            return
        self._years = list(years)
        for action in self.years.actions():
            self.years.removeAction(action)
            action.deleteLater()
        for year, count in years:
            choice = of_year(year)
            self._add(self.years, choice, f"{choice.name}\t{photos(count)}")
        self.years.setEnabled(bool(years))
        self._tick()

    def set_narrow(self, *, narrow: bool) -> None:
        """Whether only the picture is shown while all photos are meant."""
        self._is_narrow = narrow
        self._show()

    def _show(self) -> None:
        name, chosen = self._choice.name, not self.is_any
        self.button.setText(name.replace("&", "&&"))
        style = Qt.ToolButtonStyle
        icon_only = self._is_narrow and not chosen
        self.button.setToolButtonStyle(
            style.ToolButtonIconOnly if icon_only else style.ToolButtonTextBesideIcon
        )
        self.button.setAccessibleName(f"Days of the photos: {name}")
        self.button.setToolTip(f"{name}. {WHAT_COUNTS}")
        self.clear_button.setVisible(chosen)
        if self.property("chosen") is not chosen:
            for part in (self, self.button, self.clear_button):
                restyle(part, "chosen", value=chosen)
        self._tick()

    def _tick(self) -> None:
        for action in self._actions.actions():
            action.setChecked(action.data() == self._choice.name)

    def _ask_between(self) -> None:
        self._tick()  # what was pressed is not chosen yet
        dialog = BetweenDialog(self.days, self._today(), self.window())
        dialog.chosen.connect(lambda since, until: self.choose(between(since, until)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _take_back(self) -> None:
        self.clear()
        self.button.setFocus()

    def _add(self, menu: QMenu, choice: Choice, text: str = "") -> QAction:
        action = QAction(text or choice.name, menu, checkable=True)
        action.setData(choice.name)
        action.triggered.connect(lambda: self.choose(choice))
        self._actions.addAction(action)
        menu.addAction(action)
        return action

    def _build(self) -> None:
        self.button = QToolButton()
        set_icon(self.button, "calendar")
        self.button.setIconSize(QSize(18, 18))
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.clear_button = QToolButton()
        set_icon(self.clear_button, "close")
        self.clear_button.setIconSize(QSize(14, 14))
        self.clear_button.setToolTip("Photos of any time again")
        self.clear_button.setAccessibleName("Photos of any time again")
        for button in (self.button, self.clear_button):
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            button.setCursor(Qt.CursorShape.PointingHandCursor)
        self.clear_button.clicked.connect(self._take_back)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.button)
        row.addWidget(self.clear_button)
        self._build_menu()

    def _build_menu(self) -> None:
        menu = styled(QMenu(self), "DaysMenu")
        self._actions = QActionGroup(menu)
        for choice in (ANY_TIME, *_RELATIVE):
            self._add(menu, choice)
        menu.addSeparator()
        self.years = styled(QMenu("&Year", menu), "DaysMenu")
        self.years.setEnabled(False)
        menu.addMenu(self.years)
        self.between = menu.addAction("&Between…", self._ask_between)
        menu.aboutToShow.connect(self.years_wanted)
        self.button.setMenu(menu)


class BetweenDialog(QDialog):
    """Two days, the second not before the first."""

    chosen = Signal(object, object)  # date, date

    def __init__(self, days: Days, today: date, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Photos between two days")
        since, until = days
        self.since = _day_edit("From this day on", since or date(today.year, 1, 1))
        self.until = _day_edit("Up to and with this day", until or today)
        self.since.dateChanged.connect(self.until.setMinimumDate)
        self.until.setMinimumDate(self.since.date())
        self._build()

    def accept(self) -> None:
        self.chosen.emit(_day(self.since), _day(self.until))
        super().accept()

    def _build(self) -> None:
        form = QFormLayout()
        form.setVerticalSpacing(12)
        form.setHorizontalSpacing(16)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignVCenter)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow("&From", self.since)
        form.addRow("&Until", self.until)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 20, 22, 18)
        column.setSpacing(16)
        column.addLayout(form)
        column.addWidget(plain_label(WHAT_COUNTS, "Muted", wrap=True))
        column.addLayout(dialog_buttons(self, "&Show photos"))
        self.setMinimumWidth(340)


def of_year(year: int) -> Choice:
    return Choice(f"{year:04}", lambda _today: _year(year))


def between(since: date, until: date) -> Choice:
    """These days, both of them and all between."""
    named = "d MMM" if since.year == until.year else _SHOWN_DAY  # the year once
    first = QLocale().toString(_qt_day(since), named)
    last = QLocale().toString(_qt_day(until), _SHOWN_DAY)
    return Choice(last if since == until else f"{first} – {last}", lambda _today: (since, until))


def _year(year: int) -> Days:
    return date(year, 1, 1), date(year, 12, 31)


def _day_edit(name: str, day: date) -> QDateEdit:
    edit = QDateEdit(_qt_day(day))
    edit.setCalendarPopup(True)
    edit.setDisplayFormat(_SHOWN_DAY)
    edit.setAccessibleName(name)
    _calm(edit.calendarWidget())
    return edit


def _calm(calendar: QCalendarWidget) -> None:
    """One letter for a day of the week, and Sundays like all others."""
    calendar.setVerticalHeaderFormat(QCalendarWidget.VerticalHeaderFormat.NoVerticalHeader)
    calendar.setHorizontalHeaderFormat(QCalendarWidget.HorizontalHeaderFormat.SingleLetterDayNames)
    calendar.setMinimumSize(300, 250)
    arrows = {"prev": Qt.ArrowType.LeftArrow, "next": Qt.ArrowType.RightArrow}
    for button in calendar.findChildren(QToolButton):
        for name, arrow in arrows.items():
            if name in button.objectName():  # its own icons are black, on dark as well
                button.setArrowType(arrow)
    for day in Qt.DayOfWeek:
        calendar.setWeekdayTextFormat(day, QTextCharFormat())


def _qt_day(day: date) -> QDate:
    return QDate(day.year, day.month, day.day)


def _day(edit: QDateEdit) -> date:
    shown = edit.date()
    return date(shown.year(), shown.month(), shown.day())
