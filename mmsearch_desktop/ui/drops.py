"""What is dropped on the window: taken as a copy wherever it falls; says what a drop would do.

Sources: Qt's documentation of drag and drop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent

from mmsearch_desktop.ui.pictures_in import may_take, take
from mmsearch_desktop.ui.theme import plain_label

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from mmsearch_desktop.ui.window_parts import WindowParts

_HINT = "A folder is added to the library  ·  a picture is searched with"
_HINT_BELOW_PIXELS = 18  # the upper edge of the pages


class Drops(QObject):
    """Hears the drags over one window. The work comes later: a drop handler only takes."""

    dropped = Signal(object)  # Given

    def __init__(self, window: QWidget, parts: WindowParts) -> None:
        super().__init__(window)
        self._window, self._parts = window, parts
        self.hint = plain_label(_HINT, "DropHint")
        self.hint.setParent(parts.pages)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hint.hide()
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def _hold(self, event: QDropEvent) -> None:
        """It is held over the window: accept it, and show what would happen."""
        beside = self._is_own_beside(event)
        if beside:
            event.ignore()
        elif may_take(event.mimeData()):
            accept_as_copy(event)
        self._show(over=event.isAccepted() and not beside, own=event.source() is not None)

    def _let_go(self, event: QDropEvent) -> None:
        self._show(over=False)
        if self._is_own_beside(event):
            event.ignore()
            return
        given = take(event.mimeData())
        if accept_as_copy(event):
            self.dropped.emit(given)

    def _show(self, *, over: bool, own: bool = False) -> None:
        parts = self._parts
        parts.query_bar.show_drag(over=over)
        parts.drop_zone.show_drag(over=over)
        says_so_itself = own or parts.pages.currentWidget() is parts.drop_zone
        if over and not says_so_itself:
            self._place_hint(parts.pages.width())
        self.hint.setVisible(over and not says_so_itself)

    def _place_hint(self, room: int) -> None:
        self.hint.ensurePolished()
        width = min(self.hint.sizeHint().width(), room - 2 * _HINT_BELOW_PIXELS)
        self.hint.setWordWrap(width < self.hint.sizeHint().width())
        self.hint.resize(width, max(self.hint.heightForWidth(width), self.hint.sizeHint().height()))
        self.hint.move((room - width) // 2, _HINT_BELOW_PIXELS)
        self.hint.raise_()

    def _is_own_beside(self, event: QDropEvent) -> bool:
        """A photo of the grid may be dropped on the query; elsewhere that is a slip of the hand."""
        if event.source() is None:
            return False
        bar, place = self._parts.query_bar, event.position().toPoint()
        return not bar.rect().contains(bar.mapFrom(self._window, place))

    def eventFilter(self, _window: QObject, event: QEvent) -> bool:
        kinds = QEvent.Type
        if isinstance(event, QDropEvent):  # those of entering and moving are of this kind too
            if event.type() == kinds.Drop:
                self._let_go(event)
            else:
                self._hold(event)
                if isinstance(event, QDragEnterEvent) and may_take(event.mimeData()):
                    accept_as_copy(event)  # or no further move is heard
            return True
        if event.type() == kinds.DragLeave:
            self._show(over=False)
        return False


def accept_as_copy(event: QDropEvent) -> bool:
    """Never as a move, after which the giver would delete the person's files."""
    for action in (Qt.DropAction.CopyAction, Qt.DropAction.LinkAction):
        if event.possibleActions() & action:
            event.setDropAction(action)
            event.accept()
            return True
    event.ignore()
    return False
