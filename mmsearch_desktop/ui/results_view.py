"""The photos on screen: hits or the whole library, by mouse, by keyboard, and for screen readers.

Where cells lie and how they are scrolled and chosen is the grid's (`GridView`); here is what
belongs to photos: what can be done with them, tooltips, dragging out, and asking for thumbnails.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QSize,
    Qt,
    Signal,
    SignalInstance,
)
from PySide6.QtGui import (
    QAction,
    QContextMenuEvent,
    QDrag,
    QHelpEvent,
    QImage,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPalette,
    QPixmap,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QMenu, QToolTip, QWidget

from mmsearch_desktop.ui.grid_view import GridView
from mmsearch_desktop.ui.results_delegate import CellDelegate
from mmsearch_desktop.ui.results_model import ResultsModel

SMALLEST_PICTURE, LARGEST_PICTURE = 80, 384  # pixels
_ZOOM_STEP = 1.2
_DRAG_PICTURE = 96
_SIDE_STEP = 48  # of the sizes that thumbnails are scaled to, pixels of the screen
_Index = QModelIndex | QPersistentModelIndex
_Key = QKeySequence.StandardKey


class ResultsView(GridView):
    """Shows a ResultsModel. Paths that its signals carry are in the order shown."""

    open_requested = Signal(object)  # Path
    show_in_folder_requested = Signal(object)  # Path
    search_with_requested = Signal(object)  # Path
    copy_path_requested = Signal(object)  # list[Path]; as `list`, Qt would convert each of them
    copy_image_requested = Signal(object)  # Path
    picture_pixels_changed = Signal(int)
    text_typed = Signal(str)  # letters typed while the grid has the focus

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._empty_text = ""
        self._tip_place: QPoint | None = None
        self._wanted_rows: tuple[range, int] | None = None
        self._delegate = CellDelegate(self)
        self.setItemDelegate(self._delegate)
        self.setAccessibleName("Photos")
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self._add_actions()
        self.doubleClicked.connect(lambda _: self._open.trigger())

    def set_empty_text(self, text: str) -> None:
        """Said in the middle, as plain text, while there is no photo to show."""
        self._empty_text = text
        self.setAccessibleDescription(text)
        self.viewport().update()

    @property
    def picture_pixels(self) -> int:
        """How wide pictures are at least; they are a little wider where that fills the view."""
        return self._delegate.picture_pixels

    def set_picture_pixels(self, pixels: int) -> None:
        """Kept between SMALLEST_PICTURE and LARGEST_PICTURE."""
        pixels = min(max(pixels, SMALLEST_PICTURE), LARGEST_PICTURE)
        if pixels != self.picture_pixels:
            self._delegate.picture_pixels = pixels
            self.updateGeometries()
            self.viewport().update()
            self.picture_pixels_changed.emit(pixels)

    def selected_paths(self) -> list[Path]:
        results = self._results()
        return [path for rows in self.selected_ranges() for path in results.paths(rows)]

    def current_path(self) -> Path | None:
        index = self.currentIndex()
        return self._results().path_at(index.row()) if index.isValid() else None

    def first_in_view(self) -> int | None:
        """Its row; None at the very top, where what comes is to be seen."""
        rows = self.rows_in_view()
        return rows.start if rows and self.verticalScrollBar().value() > 0 else None

    def show_first(self, row: int) -> None:
        """Scroll so that this row is the first in view."""
        if 0 <= row < self.model().rowCount():
            self.scrollTo(self._at(row), QAbstractItemView.ScrollHint.PositionAtTop)

    def context_menu(self) -> QMenu:
        """What can be done with the photos that are selected."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        count = self.selected_count()
        self._copy_path.setText("&Copy path" if count < 2 else f"&Copy {count:,} paths")
        menu.addAction(self._open)
        menu.addAction(self._search_with)
        menu.addSeparator()
        menu.addAction(self._show_in_folder)
        menu.addAction(self._copy_path)
        menu.addAction(self._copy_image)
        return menu

    def _cell_size(self, room_pixels: int) -> QSize:
        return self._delegate.cell_size(self._option(), room_pixels)

    def _results(self) -> ResultsModel:
        model = self.model()
        assert isinstance(model, ResultsModel)  # noqa: S101  setModel lets in nothing else
        return model

    def _add_actions(self) -> None:
        one = self._with_current
        self._open = self._action("&Open", one(self.open_requested), "Return", "Enter")
        self._search_with = self._action(
            "Search &with this photo", one(self.search_with_requested), "Ctrl+Return"
        )
        self._show_in_folder = self._action(
            "Show in &folder", one(self.show_in_folder_requested), "Ctrl+Shift+Return"
        )
        self._copy_path = self._action("&Copy path", self._request_paths, _Key.Copy)
        self._copy_image = self._action(
            "Copy &picture", one(self.copy_image_requested), "Ctrl+Shift+C"
        )
        self._action("Larger pictures", partial(self._zoom, 1), "Ctrl++", "Ctrl+=")
        self._action("Smaller pictures", partial(self._zoom, -1), "Ctrl+-")

    def _action(self, text: str, do: Callable[[], None], *keys: str | _Key) -> QAction:
        action = QAction(text, self)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(lambda _checked: do())
        self.addAction(action)
        return action

    def _with_current(self, signal: SignalInstance) -> Callable[[], None]:
        def emit() -> None:
            path = self.current_path()
            if path is not None:
                signal.emit(path)

        return emit

    def _request_paths(self) -> None:
        paths = self.selected_paths()
        current = self.current_path()
        if not paths and current is not None:
            paths = [current]  # the one that the focus ring is on
        if paths:
            self.copy_path_requested.emit(paths)

    def _zoom(self, steps: int) -> None:
        self.set_picture_pixels(round(self.picture_pixels * _ZOOM_STEP**steps))

    def _show_tip(self, place: QPoint, index: _Index) -> None:
        """As plain text, whatever a file's name or a judge's words look like."""
        lines = html.escape(str(index.data(Qt.ItemDataRole.ToolTipRole))).split("\n")
        self._tip_place = place
        text = f"<qt>{'<br>'.join(lines)}</qt>"
        QToolTip.showText(place, text, self.viewport(), self.visualRect(index))

    def _want_thumbnails(self) -> None:
        """What is in view first, then what the next page shows, then the last."""
        exact = self._grid.cell_width * self.devicePixelRatioF()
        side = math.ceil(exact / _SIDE_STEP) * _SIDE_STEP  # resizing does not load all anew
        self._results().set_thumbnail_side(side)
        rows, count = self.rows_in_view(), self._grid.count
        if (rows, count) != self._wanted_rows:
            self._wanted_rows = (rows, count)
            ahead = range(rows.stop, min(rows.stop + len(rows), count))
            behind = range(rows.start - 1, max(rows.start - len(rows), 0) - 1, -1)
            self._results().want([*rows, *ahead, *behind])

    def _paint_empty_text(self) -> None:
        painter = QPainter(self.viewport())
        painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
        room = self.viewport().rect().adjusted(32, 32, -32, -32)
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(room, flags, self._empty_text)

    def _drag_picture(self, count: int) -> QPixmap:
        """The current photo, small, with the number of photos where there are several."""
        image = self.currentIndex().data(Qt.ItemDataRole.DecorationRole)
        picture = QPixmap(_DRAG_PICTURE, _DRAG_PICTURE // 2)
        picture.fill(self.palette().color(QPalette.ColorRole.Mid))
        if isinstance(image, QImage):
            keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode
            small = image.scaled(_DRAG_PICTURE, _DRAG_PICTURE, keep, smooth.SmoothTransformation)
            picture = QPixmap.fromImage(small)
        if count > 1:
            _paint_count(picture, count, self.palette())
        return picture

    def setModel(self, model: QAbstractItemModel | None) -> None:
        if model is not None and not isinstance(model, ResultsModel):
            raise TypeError(f"a ResultsModel is shown here, not {type(model).__name__}")
        old = self.model()
        if old is not None:
            old.layoutChanged.disconnect(self._want_anew)
            old.modelReset.disconnect(self._want_anew)
            old.rowsInserted.disconnect(self._want_anew)
            old.rowsRemoved.disconnect(self._want_anew)
        super().setModel(model)
        if model is not None:
            model.layoutChanged.connect(self._want_anew)
            model.modelReset.connect(self._want_anew)
            model.rowsInserted.connect(self._want_anew)
            model.rowsRemoved.connect(self._want_anew)

    def _want_anew(self) -> None:
        """As many rows in the same places, but other photos."""
        self._wanted_rows = None

    def dataChanged(self, first: _Index, last: _Index, roles: Sequence[int] = ()) -> None:
        super().dataChanged(first, last, roles)
        if not roles:  # more than a thumbnail: what is read of it in the tooltip may have grown
            self._want_anew()
            hovered, place = self._hovered, self._tip_place
            touched = hovered.isValid() and first.row() <= hovered.row() <= last.row()
            if touched and place is not None and QToolTip.isVisible():
                self._show_tip(place, hovered)

    def keyboardSearch(self, search: str) -> None:
        self.text_typed.emit(search)

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            index = self.indexAt(event.pos())
            if index.isValid():
                self._show_tip(event.globalPos(), index)
            else:
                QToolTip.hideText()
            return True
        return super().viewportEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._zoom(1 if event.angleDelta().y() > 0 else -1)
            event.accept()
        else:
            super().wheelEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """By mouse for the photo under it, by key for the current one."""
        if event.reason() == QContextMenuEvent.Reason.Mouse:
            index, place = self.indexAt(event.pos()), event.globalPos()
        else:
            index = self.currentIndex()
            place = self.viewport().mapToGlobal(self.visualRect(index).center())
        if index.isValid():
            if not self.selectionModel().isSelected(index):
                self.setCurrentIndex(index)
            self.context_menu().popup(place)

    def startDrag(self, _actions: Qt.DropAction) -> None:
        """Only ever as a copy: nothing outside may move a person's photos."""
        mime = self.model().mimeData([self._at(row) for row in self.selected_rows()])
        drag = QDrag(self)
        drag.setMimeData(mime)
        drag.setPixmap(self._drag_picture(len(mime.urls())))
        drag.exec(Qt.DropAction.CopyAction)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._grid.count:
            self._want_thumbnails()
            super().paintEvent(event)
        elif self._empty_text:
            self._paint_empty_text()


def _paint_count(picture: QPixmap, count: int, palette: QPalette) -> None:
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    text = str(count)
    back = painter.fontMetrics().boundingRect(text).adjusted(-8, -3, 8, 3)
    back.moveTopRight(picture.rect().topRight())
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(palette.color(QPalette.ColorRole.Highlight))
    painter.drawRoundedRect(back, back.height() / 2, back.height() / 2)
    painter.setPen(palette.color(QPalette.ColorRole.HighlightedText))
    painter.drawText(back, Qt.AlignmentFlag.AlignCenter, text)
    painter.end()
