"""The grid of cells: what it paints, how it keeps its place, keys, mouse, screen readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QModelIndex, QPoint, QRect, QSize, QStringListModel, Qt
from PySide6.QtGui import QAccessible, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from mmsearch_desktop.ui.grid_view import GridView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

Key = Qt.Key
Shift, Control = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


class Squares(QStyledItemDelegate):
    """Cells of 100 x 100 that remember what was painted, and how."""

    def __init__(self) -> None:
        super().__init__()
        self.side = 100
        self.painted: list[int] = []
        self.states: dict[int, QStyle.StateFlag] = {}

    def sizeHint(  # noqa: N802  Qt's name
        self, _option: QStyleOptionViewItem, _index: object
    ) -> QSize:
        return QSize(self.side, self.side)

    def paint(self, _painter: QPainter, option: QStyleOptionViewItem, index: object) -> None:
        assert isinstance(index, QModelIndex)
        self.painted.append(index.row())
        self.states[index.row()] = option.state


@pytest.fixture
def squares() -> Squares:
    return Squares()


@pytest.fixture
def model() -> QStringListModel:
    return QStringListModel([f"row {row}" for row in range(1000)])


@pytest.fixture
def view(qtbot: QtBot, model: QStringListModel, squares: Squares) -> Iterator[GridView]:
    """Five columns; a view of four lines."""
    shown = GridView()
    shown.setItemDelegate(squares)
    shown.setModel(model)
    shown.resize(540, 416)
    qtbot.addWidget(shown)
    with qtbot.waitExposed(shown):
        shown.show()
    shown.activateWindow()
    shown.setFocus()
    yield shown
    shown.setModel(None)


def columns(view: GridView) -> int:
    top = view.visualRect(view.model().index(view.rows_in_view().start, 0)).top()
    rows = view.rows_in_view()
    return sum(view.visualRect(view.model().index(row, 0)).top() == top for row in rows)


def press(view: GridView, *keys: Key, modifier: Qt.KeyboardModifier | None = None) -> int:
    for key in keys:
        QTest.keyClick(view, key, modifier or Qt.KeyboardModifier.NoModifier)
    return view.currentIndex().row()


def click(view: GridView, row: int, modifier: Qt.KeyboardModifier | None = None) -> None:
    place = view.visualRect(view.model().index(row, 0)).center()
    QTest.mouseClick(
        view.viewport(),
        Qt.MouseButton.LeftButton,
        modifier or Qt.KeyboardModifier.NoModifier,
        place,
    )


def first(view: GridView) -> str:
    return str(view.model().index(view.rows_in_view().start, 0).data())


def insert(model: QStringListModel, place: int, count: int) -> None:
    model.insertRows(place, count)


def test_only_what_shows_is_painted(view: GridView, squares: Squares, qtbot: QtBot) -> None:
    assert columns(view) == 5
    view.verticalScrollBar().setValue(5_000)
    squares.painted.clear()
    view.viewport().repaint()
    assert sorted(squares.painted) == list(view.rows_in_view())
    assert len(squares.painted) <= 30  # five columns of six lines, the outer ones in part


def test_a_strip_paints_its_line_alone(view: GridView, squares: Squares) -> None:
    view.verticalScrollBar().setValue(1_008)
    view.viewport().repaint()
    squares.painted.clear()
    view.viewport().repaint(QRect(0, 100, 500, 60))
    assert squares.painted == [55, 56, 57, 58, 59]


def test_the_bar_is_there_only_where_it_is_needed(view: GridView) -> None:
    assert view.verticalScrollBar().isVisible()
    view.model().removeRows(20, 980)
    assert not view.verticalScrollBar().isVisible()
    view.resize(540, 300)
    assert view.verticalScrollBar().isVisible()


@pytest.mark.parametrize("value", [1, 777, 5_000, 19_000])
def test_resizing_keeps_the_first_row_in_view(view: GridView, value: int) -> None:
    view.verticalScrollBar().setValue(value)
    before = view.rows_in_view().start
    for width in (1200, 380, 130, 700, 540):
        view.resize(width, 416)
        assert view.rows_in_view().start <= before < view.rows_in_view().start + columns(view)
    assert view.rows_in_view().start == before
    assert view.verticalScrollBar().value() == value


def test_rows_that_come_and_go_above_move_nothing(view: GridView, model: QStringListModel) -> None:
    view.verticalScrollBar().setValue(3_040)
    kept, top = first(view), view.visualRect(view.indexAt(QPoint(50, 50))).top()
    insert(model, 0, 7)
    assert kept in {str(model.index(row).data()) for row in view.rows_in_view()[:5]}
    insert(model, 0, 3)
    assert first(view) == kept
    model.removeRows(0, 20)
    assert first(view) == kept
    insert(model, model.rowCount(), 400)
    assert first(view) == kept
    assert view.visualRect(view.indexAt(QPoint(50, 50))).top() == top


def test_at_the_very_top_arrivals_are_seen(view: GridView, model: QStringListModel) -> None:
    insert(model, 0, 3)
    assert view.verticalScrollBar().value() == 0
    assert first(view) == ""


def test_losing_the_first_row_in_view_stays_near(view: GridView, model: QStringListModel) -> None:
    view.verticalScrollBar().setValue(3_040)
    row = view.rows_in_view().start
    model.removeRows(row, 10)
    assert view.rows_in_view().start == row
    model.removeRows(0, model.rowCount())
    assert list(view.rows_in_view()) == []


def test_a_reset_goes_to_the_top(view: GridView, model: QStringListModel) -> None:
    view.verticalScrollBar().setValue(3_000)
    model.setStringList([f"other {row}" for row in range(500)])
    assert view.verticalScrollBar().value() == 0
    assert first(view) == "other 0"


def test_a_new_order_leaves_the_view_where_it_is(view: GridView, model: QStringListModel) -> None:
    view.verticalScrollBar().setValue(3_000)
    model.sort(0, Qt.SortOrder.DescendingOrder)
    QTest.qWait(0)
    assert view.verticalScrollBar().value() == 3_000
    view.resize(700, 416)
    view.resize(540, 416)
    assert view.verticalScrollBar().value() == 3_000


def test_larger_cells_keep_the_first_row_in_view(view: GridView, squares: Squares) -> None:
    view.verticalScrollBar().setValue(5_000)
    kept = first(view)
    squares.side = 180
    view.doItemsLayout()
    rows = view.rows_in_view()[: columns(view)]
    assert kept in [str(view.model().index(row, 0).data()) for row in rows]


def test_arrow_keys_walk_the_grid(view: GridView) -> None:
    assert press(view, Key.Key_Right) == 1
    assert press(view, Key.Key_Down, Key.Key_Down) == 11
    assert press(view, Key.Key_Left, Key.Key_Left) == 9
    assert press(view, Key.Key_Up) == 4
    assert press(view, Key.Key_Up) == 4
    assert press(view, Key.Key_End) == 999
    assert press(view, Key.Key_Right, Key.Key_Down) == 999
    assert press(view, Key.Key_Home) == 0
    assert press(view, Key.Key_Left, Key.Key_PageUp) == 0


def test_pages_and_the_short_last_line(view: GridView, model: QStringListModel) -> None:
    assert press(view, Key.Key_PageDown) == 20
    assert view.visualRect(view.currentIndex()).bottom() <= view.viewport().height()
    assert press(view, Key.Key_Right, Key.Key_PageUp) == 1
    model.removeRows(23, 977)
    assert press(view, Key.Key_PageDown) == 21
    assert press(view, Key.Key_Up, Key.Key_Right, Key.Key_Right) == 18
    assert press(view, Key.Key_Down) == 22
    assert press(view, Key.Key_Up) == 17


def test_from_right_to_left_the_arrows_turn(view: GridView) -> None:
    view.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    click(view, 0)
    assert press(view, Key.Key_Left) == 1
    assert press(view, Key.Key_Right) == 0


def test_the_current_row_is_brought_into_view(view: GridView) -> None:
    view.setCurrentIndex(view.model().index(600, 0))
    assert 600 in view.rows_in_view()
    view.scrollTo(view.model().index(10, 0), GridView.ScrollHint.PositionAtCenter)
    middle = view.visualRect(view.model().index(10, 0)).center().y()
    assert abs(middle - view.viewport().height() / 2) < 60
    view.scrollTo(view.model().index(300, 0), GridView.ScrollHint.PositionAtTop)
    assert 0 <= view.visualRect(view.model().index(300, 0)).top() <= 10
    view.scrollTo(QModelIndex())


def test_choosing_by_mouse(view: GridView) -> None:
    click(view, 3)
    assert view.selected_rows() == [3]
    click(view, 11, Shift)
    assert view.selected_rows() == list(range(3, 12))
    click(view, 5, Control)
    assert 5 not in view.selected_rows()
    click(view, 15, Control)
    assert view.selected_rows() == [3, 4, 6, 7, 8, 9, 10, 11, 15]
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    assert view.selected_rows() == []


def test_choosing_by_keyboard(view: GridView) -> None:
    click(view, 6)
    press(view, Key.Key_Down, Key.Key_Right, modifier=Shift)
    assert view.selected_rows() == list(range(6, 13))
    press(view, Key.Key_Up, Key.Key_Up, modifier=Shift)
    assert view.selected_rows() == list(range(2, 7))
    press(view, Key.Key_A, modifier=Control)
    assert len(view.selected_rows()) == 1000


def test_a_band_from_beside_takes_what_it_touches(view: GridView, squares: Squares) -> None:
    button, viewport = Qt.MouseButton.LeftButton, view.viewport()
    QTest.mousePress(viewport, button, pos=QPoint(3, 3))
    QTest.mouseMove(viewport, QPoint(100, 80))
    QTest.mouseMove(viewport, QPoint(180, 150))
    viewport.repaint()
    assert view.selected_rows() == [0, 1, 5, 6]
    QTest.mouseRelease(viewport, button, pos=QPoint(180, 150))
    assert view.selected_rows() == [0, 1, 5, 6]
    click(view, 7)
    assert view.selected_rows() == [7]


def test_states_are_given_to_the_delegate(view: GridView, squares: Squares) -> None:
    flags = QStyle.StateFlag
    click(view, 2)
    QTest.mouseMove(view.viewport(), view.visualRect(view.model().index(8, 0)).center())
    view.viewport().repaint()
    assert squares.states[2] & flags.State_Selected
    assert squares.states[2] & flags.State_HasFocus
    assert squares.states[8] & flags.State_MouseOver
    assert not squares.states[7] & (
        flags.State_Selected | flags.State_HasFocus | flags.State_MouseOver
    )
    view.verticalScrollBar().setValue(100)
    view.viewport().repaint()
    assert not squares.states[8] & flags.State_MouseOver
    assert squares.states[13] & flags.State_MouseOver


def test_screen_readers_see_a_list_of_named_items(view: GridView) -> None:
    told = QAccessible.queryAccessibleInterface(view)
    assert told.role() == QAccessible.Role.List
    assert told.childCount() == 1000
    item = told.child(7)
    assert item.role() == QAccessible.Role.ListItem
    assert item.text(QAccessible.Text.Name) == "row 7"
    cell = view.visualRect(view.model().index(7, 0))
    assert item.rect().topLeft() == view.viewport().mapToGlobal(cell.topLeft())
    QAccessible.setActive(True)
    click(view, 7)
    press(view, Key.Key_Right, modifier=Shift)
    QAccessible.setActive(False)


def test_without_a_model(qtbot: QtBot, view: GridView) -> None:
    view.setModel(None)
    view.viewport().repaint()
    press(view, Key.Key_Down)
    view.resize(300, 300)
    assert list(view.rows_in_view()) == []
