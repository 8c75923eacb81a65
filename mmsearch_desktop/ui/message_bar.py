"""One quiet line at the top of the window: what happened, and what can be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAccessible, QAccessibleEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from mmsearch_desktop.ui.theme import plain_label, restyle, set_icon, set_picture
from mmsearch_desktop.ui.wording import shown

if TYPE_CHECKING:
    from collections.abc import Callable


class MessageBar(QFrame):
    """Shows the latest message until it is closed or replaced; never takes the keyboard."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("MessageBar")
        self._act: Callable[[], None] | None = None
        self._picture = QLabel()
        self.text = plain_label(wrap=True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.action = QPushButton("Try again")
        self.close_button = QToolButton()
        set_icon(self.close_button, "close")
        self.close_button.setIconSize(QSize(16, 16))
        self.close_button.setAccessibleName("Close the message")
        self.close_button.setToolTip("Close the message")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 6, 8, 6)
        row.setSpacing(10)
        for part in (self._picture, self.text, self.action, self.close_button):
            row.addWidget(part, 1 if part is self.text else 0)
        self.close_button.clicked.connect(self.hide)
        self.action.clicked.connect(self._do)
        self.hide()

    def tell(self, text: str, action: str = "", act: Callable[[], None] | None = None) -> None:
        """Show news, with a button for what may be wanted next."""
        self._show(text, "info", action, act)

    def complain(self, text: str, action: str = "", act: Callable[[], None] | None = None) -> None:
        """Show a problem, with a button for its remedy where there is one."""
        self._show(text, "problem", action, act)

    def take_back(self, text: str) -> None:
        """It holds no more; another message stays."""
        if self.text.text() == shown(text):
            self.hide()

    def _show(self, text: str, picture: str, action: str, act: Callable[[], None] | None) -> None:
        self._act = act
        set_picture(self._picture, picture, 18)
        self.text.setText(shown(text))
        self.setAccessibleName(shown(text))
        self.action.setText(action)
        self.action.setVisible(act is not None)
        restyle(self, "problem", value=picture == "problem")
        self.show()
        if QAccessible.isActive():
            QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.Alert))

    def _do(self) -> None:
        act = self._act
        self.hide()
        if act is not None:
            act()
