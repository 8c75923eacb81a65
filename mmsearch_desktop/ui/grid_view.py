"""A view of equal cells that keeps its place: 100,000 rows cost what the visible ones do.

It is a QListView, for what that tells screen readers, but lays its cells out by arithmetic
(`Grid`) and paints only those that show; QListView's own layout is passed by wherever it would
walk through all rows. Knows nothing of photos. Source: Qt's documentation of QAbstractItemView.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QCursor,
    QHoverEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QRegion,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QFrame,
    QListView,
    QStyle,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from mmsearch_desktop.ui.results_grid import Grid
from mmsearch_desktop.ui.sliding import MOST_CELLS, Slide

_MARGIN = 8
_Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()
_Cursor = QAbstractItemView.CursorAction
_Hint = QAbstractItemView.ScrollHint


class GridView(QListView):
    """Cells of the size that the delegate hints, in reading order.

    The first row in view stays where it is when the view is resized, the cells change size, or
    rows come and go above; at the very top, new rows push the others down. A new order of the
    same rows moves them under a view that stays where it is; they slide to their places.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = Grid(0, 0, 1, 1)
        self._placing = False  # the scroll bar is being moved by us, not by the person
        self._anchor = QPersistentModelIndex()  # the row that keeps its place
        self._anchor_share = 0.0  # how much of its cell is scrolled out, 0 to 1
        self._hovered = QPersistentModelIndex()
        self._band_start: QPoint | None = None  # on the grid, not in the window
        self._band = QRect()  # likewise
        self._slide = Slide(self)
        self._slide.stepped.connect(self.viewport().update)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    def rows_in_view(self) -> range:
        """Every row of each line that shows, even in part."""
        return self._grid.rows_between(self._top(), self._top() + self.viewport().height())

    def rows_looked_at(self) -> list[int]:
        """The one under the pointer, then all in view."""
        hovered = [self._hovered.row()] if self._hovered.isValid() else []
        return [*hovered, *self.rows_in_view()]

    @property
    def is_left_alone(self) -> bool:
        """Cells may move: no pointer is over them, and no menu, tooltip or drag is under way."""
        busy = QApplication.activePopupWidget() is not None or QToolTip.isVisible()
        pressed = QApplication.mouseButtons() != Qt.MouseButton.NoButton
        return not (self.viewport().underMouse() or busy or pressed)

    def selected_rows(self) -> list[int]:
        """Ascending."""
        return [row for part in self.selected_ranges() for row in part]

    def selected_ranges(self) -> list[range]:
        """Ascending; there are few, however many rows are selected."""
        return sorted(_parts(self.selectionModel().selection()), key=lambda part: part.start)

    def selected_count(self) -> int:
        return sum(len(part) for part in _parts(self.selectionModel().selection()))

    def _at(self, row: int) -> QModelIndex:
        return self.model().index(row, 0)

    def _top(self) -> int:
        """How far the grid is scrolled, pixels."""
        return self.verticalScrollBar().value()

    def _on_grid(self, point: QPoint) -> QPoint:
        return point + QPoint(0, self._top())

    def _grid_for(self, width: int) -> Grid:
        model, size = self.model(), self._cell_size(width - 2 * _MARGIN)
        return Grid(
            count=model.rowCount(),
            width=width,
            cell_width=size.width(),
            cell_height=size.height(),
            margin=_MARGIN,
            right_to_left=self.isRightToLeft(),
        )

    def _cell_size(self, _room_pixels: int) -> QSize:
        """Of all cells, given the width that they share."""
        return self.itemDelegate().sizeHint(self._option(), _NO_INDEX)

    def _option(self) -> QStyleOptionViewItem:
        option = QStyleOptionViewItem()
        self.initViewItemOption(option)
        return option

    def _place_scroll_bar(self) -> None:
        """Show the bar if the grid is too high without it; asked only so, it cannot flicker."""
        room = self.maximumViewportSize()
        needed = self._grid_for(room.width()).height > room.height()
        policy = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(
            policy.ScrollBarAlwaysOn if needed else policy.ScrollBarAlwaysOff
        )
        self._grid = self._grid_for(self.viewport().width())
        bar, height = self.verticalScrollBar(), self.viewport().height()
        bar.setRange(0, max(0, self._grid.height - height))
        bar.setPageStep(height)
        bar.setSingleStep(max(1, self._grid.cell_height // 4))

    def _keep_place(self) -> None:
        if self._anchor.isValid():
            inside = round(self._anchor_share * self._grid.cell_height)
            self.verticalScrollBar().setValue(self._grid.top_of(self._anchor.row()) + inside)

    def _set_anchor(self) -> None:
        """From now on what is first in view keeps its place; at the very top nothing does."""
        rows, top = self.rows_in_view(), self._top()
        if not rows or top == 0:
            self._anchor = QPersistentModelIndex()
            return
        self._anchor = QPersistentModelIndex(self._at(rows.start))
        self._anchor_share = (top - self._grid.top_of(rows.start)) / self._grid.cell_height

    def _scrolled(self) -> None:
        if not self._placing:
            self._set_anchor()

    def _order_leaves(self) -> None:
        followed = min(self._grid.count, MOST_CELLS)
        self._slide.leave(map(self._at, range(followed)), self._place_of)

    def _order_came(self) -> None:
        self._set_anchor()
        self._slide.arrive(self._place_of)
        if self.viewport().underMouse():
            self._hover(self.viewport().mapFromGlobal(QCursor.pos()))

    def _place_of(self, row: int) -> QPoint:
        return self._grid.cell(row).topLeft()

    def _rows_leave(self) -> None:
        """If the current row leaves, another becomes it, but the view does not run there."""
        self._slide.stop()
        self.setAutoScroll(False)

    def _rows_left(self) -> None:
        self.setAutoScroll(True)
        self.updateGeometries()
        if not self._anchor.isValid():
            self._set_anchor()
        self.viewport().update()

    def _hover(self, point: QPoint | None) -> None:
        index = self.indexAt(point) if point is not None else _NO_INDEX
        if self._hovered == index:
            return
        for changed in (self._hovered, index):
            if changed.isValid():
                self.viewport().update(self.visualRect(changed))
        self._hovered = QPersistentModelIndex(index)

    def _make_first_current(self) -> None:
        """Whoever uses the keyboard sees where it is; nothing is selected by that."""
        rows = self.rows_in_view()
        if rows and self.hasFocus():
            flags = QItemSelectionModel.SelectionFlag
            self.selectionModel().setCurrentIndex(self._at(rows.start), flags.NoUpdate)

    def _tell(self, what: QAccessible.Event, row: int) -> None:
        """Screen readers know the rows as children of the view."""
        if QAccessible.isActive():
            event = QAccessibleEvent(self, what)
            event.setChild(row)
            QAccessible.updateAccessibility(event)

    def _paint_cells(self, painter: QPainter, area: QRect) -> None:
        option = self._option()
        flags = QStyle.StateFlag
        base = option.state & ~(flags.State_MouseOver | flags.State_HasFocus | flags.State_Selected)
        on_grid = area.translated(0, self._top())
        rows = self._grid.rows_between(on_grid.top(), on_grid.bottom() + 1)
        for row in self._slide.with_moving(rows):
            cell = self._grid.cell(row).translated(self._slide.offset(row))
            if cell.intersects(on_grid):
                index = self._at(row)
                option.rect = cell.translated(0, -self._top())
                option.state = base | self._state_of(index)
                if self._slide.is_running:
                    self._paint_moving(painter, option, index)
                else:
                    self.itemDelegate().paint(painter, option, index)

    def _paint_moving(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        place, size = option.rect.topLeft(), option.rect.size()

        def paint(onto: QPainter) -> None:
            option.rect = QRect(QPoint(), size)
            self.itemDelegate().paint(onto, option, index)

        look = option.state.value
        painter.drawPixmap(place, self._slide.picture(index.row(), look, size, paint))

    def _state_of(self, index: QModelIndex) -> QStyle.StateFlag:
        state = QStyle.StateFlag.State_None
        if self.selectionModel().isSelected(index):
            state |= QStyle.StateFlag.State_Selected
        if self._hovered == index:
            state |= QStyle.StateFlag.State_MouseOver
        if self.hasFocus() and self.currentIndex() == index:
            state |= QStyle.StateFlag.State_HasFocus
        return state

    def _paint_band(self, painter: QPainter) -> None:
        accent = self.palette().color(QPalette.ColorRole.Highlight)
        painter.setPen(accent)
        accent.setAlpha(40)
        painter.setBrush(accent)
        painter.drawRect(self._band.translated(0, -self._top()))

    def setModel(self, model: QAbstractItemModel | None) -> None:
        old = self.model()
        if old is not None:
            old.rowsAboutToBeRemoved.disconnect(self._rows_leave)
            old.rowsRemoved.disconnect(self._rows_left)
            old.layoutAboutToBeChanged.disconnect(self._order_leaves)
            old.layoutChanged.disconnect(self._order_came)
            old.modelReset.disconnect(self._make_first_current)
        self._grid = Grid(0, 0, 1, 1)
        if model is not None:  # before the selection model is made, so as to hear it first
            model.rowsAboutToBeRemoved.connect(self._rows_leave)
            model.rowsRemoved.connect(self._rows_left)
            model.layoutAboutToBeChanged.connect(self._order_leaves)
            model.layoutChanged.connect(self._order_came)
        super().setModel(model)
        if model is not None:  # after the selection model, which forgets the current row
            model.modelReset.connect(self._make_first_current)

    def doItemsLayout(self) -> None:
        QAbstractItemView.doItemsLayout(self)
        self.viewport().update()

    def updateGeometries(self) -> None:
        if self._placing or self.model() is None:
            return
        self._placing = True
        try:
            QAbstractItemView.updateGeometries(self)
            self._place_scroll_bar()
            self._keep_place()
        finally:
            self._placing = False

    def reset(self) -> None:
        self._anchor = QPersistentModelIndex()
        self._hovered = QPersistentModelIndex()
        self._slide.stop()
        super().reset()
        self.verticalScrollBar().setValue(0)
        self.updateGeometries()
        self.viewport().update()

    def rowsInserted(self, parent: _Index, start: int, end: int) -> None:
        self._slide.stop()
        QAbstractItemView.rowsInserted(self, parent, start, end)
        self.updateGeometries()
        self.viewport().update()

    def dataChanged(self, first: _Index, last: _Index, roles: Sequence[int] = ()) -> None:
        self._slide.forget_pictures(range(first.row(), last.row() + 1))
        QAbstractItemView.dataChanged(self, first, last, list(roles))

    def resizeEvent(self, event: QResizeEvent) -> None:
        QAbstractItemView.resizeEvent(self, event)
        self.viewport().update()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.viewport().scroll(dx, dy)
        if self.viewport().underMouse():
            self._hover(self.viewport().mapFromGlobal(QCursor.pos()))

    def horizontalOffset(self) -> int:
        return 0

    def verticalOffset(self) -> int:
        return self._top()

    def visualRect(self, index: _Index) -> QRect:
        row = index.row() if index.isValid() else -1
        return self._grid.cell(row).translated(0, -self._top())

    def indexAt(self, point: QPoint) -> QModelIndex:
        place = self._on_grid(point)
        row = self._grid.row_at(place.x(), place.y())
        return _NO_INDEX if row is None else self._at(row)

    def scrollTo(self, index: _Index, hint: _Hint = _Hint.EnsureVisible) -> None:
        if not index.isValid():
            return
        bar, height = self.verticalScrollBar(), self.viewport().height()
        top = self._grid.top_of(index.row())
        bottom = top + self._grid.cell_height
        if hint == _Hint.PositionAtCenter:
            bar.setValue((top + bottom - height) // 2)
        elif hint == _Hint.PositionAtTop or top < bar.value():
            bar.setValue(top - _MARGIN)
        elif hint == _Hint.PositionAtBottom or bottom > bar.value() + height:
            bar.setValue(bottom + _MARGIN - height)

    def moveCursor(self, action: _Cursor, _modifiers: Qt.KeyboardModifier) -> QModelIndex:
        current = self.currentIndex()
        if self._grid.count == 0:
            return _NO_INDEX
        if not current.isValid():
            return self._at(self.rows_in_view().start)
        return self._at(_moved(self._grid, current.row(), action, self.viewport().height()))

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        """A band takes what it touches; Shift takes all from one row to the other, in order."""
        area = rect.translated(0, self._top())
        if self._band_start is not None:
            chosen = self._grid.rows_in(area.normalized())
        else:
            points = (area.topLeft(), area.bottomRight())
            rows = [self._grid.nearest_row(point.x(), point.y()) for point in points]
            ends = sorted(row for row in rows if row is not None)
            chosen = [range(ends[0], ends[-1] + 1)] if ends else []
        selection = QItemSelection()
        for part in chosen:
            selection.select(self._at(part.start), self._at(part.stop - 1))
        self.selectionModel().select(selection, command)

    def selectAll(self) -> None:
        """As one range; QListView asks about every row."""
        everything = QItemSelection(self._at(0), self._at(self._grid.count - 1))
        self.selectionModel().select(everything, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        region, visible = QRegion(), self.rows_in_view()
        for part in _parts(selection):
            for row in range(max(part.start, visible.start), min(part.stop, visible.stop)):
                region += self.visualRect(self._at(row))
        return region

    def currentChanged(self, current: _Index, previous: _Index) -> None:
        QAbstractItemView.currentChanged(self, current, previous)
        if current.isValid() and self.hasFocus():
            self._tell(QAccessible.Event.Focus, current.row())

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        QAbstractItemView.selectionChanged(self, selected, deselected)
        for part in _parts(selected)[:1]:
            self._tell(QAccessible.Event.SelectionAdd, part.start)
        for part in _parts(deselected)[:1]:
            self._tell(QAccessible.Event.SelectionRemove, part.start)

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHoverEvent):
            leaves = event.type() == QEvent.Type.HoverLeave
            self._hover(None if leaves else event.position().toPoint())
        return super().viewportEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = event.position().toPoint()
        if event.button() == Qt.MouseButton.LeftButton and not self.indexAt(place).isValid():
            self._band_start = self._on_grid(place)
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        QAbstractItemView.mouseMoveEvent(self, event)
        if self._band_start is not None:
            here = self._on_grid(event.position().toPoint())
            self._band = QRect(self._band_start, here).normalized()
            self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        QAbstractItemView.mouseReleaseEvent(self, event)
        if self._band_start is not None:
            self._band_start, self._band = None, QRect()
            self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        self._paint_cells(painter, event.rect())
        if not self._band.isNull():
            self._paint_band(painter)


def _parts(selection: QItemSelection) -> list[range]:
    """Its rows, as they lie in it."""
    ranges = [selection.at(place) for place in range(selection.size())]
    return [range(part.top(), part.bottom() + 1) for part in ranges]


def _moved(grid: Grid, row: int, action: _Cursor, height: int) -> int:
    """The row that a key leads to from this one; the same one where there is no way."""
    forward = -1 if grid.right_to_left else 1
    page = max(1, height // grid.cell_height) * grid.columns
    last = grid.count - 1
    steps = {
        _Cursor.MoveLeft: -forward,
        _Cursor.MoveRight: forward,
        _Cursor.MovePrevious: -1,
        _Cursor.MoveNext: 1,
        _Cursor.MoveUp: -grid.columns,
        _Cursor.MoveDown: grid.columns,
        _Cursor.MovePageUp: -min(page, row // grid.columns * grid.columns),
        _Cursor.MovePageDown: page,
        _Cursor.MoveHome: -row,
        _Cursor.MoveEnd: last - row,
    }
    wanted = row + steps[action]
    if wanted > last:
        return row if grid.line_of(row) == grid.line_of(last) else last
    return wanted if wanted >= 0 else row
