"""The line at the bottom of the window: what is shown, the model in use, problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStatusBar, QWidget

from mmsearch_desktop.ui.theme import ElidedLabel, plain_label, set_icon, set_picture

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from mmsearch_desktop.ui.server_wording import ServerState

_NARROW_PIXELS = 860  # below: no address of a server


class StatusLine(QStatusBar):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._server_state: ServerState | None = None
        self.text = ElidedLabel(Qt.TextElideMode.ElideRight)
        self.fetching = _label()
        self.model = _label()
        self.server, self.server_mark = plain_label(), QLabel()  # whole: it says what is safe
        self.problems_button = QPushButton()
        self.problems_button.setProperty("role", "quiet")
        set_icon(self.problems_button, "problem")
        self.setSizeGripEnabled(False)
        self.addWidget(self.text, 1)
        self.addPermanentWidget(self.fetching)
        self.addPermanentWidget(self.problems_button)
        self.show_fetching("")
        self.addPermanentWidget(_beside(self.server_mark, self.server))
        self.show_server(None)
        self.addPermanentWidget(self.model)
        self.show_problem_count(0)

    def tell(self, text: str) -> None:
        self.text.setText(text)
        self.text.setAccessibleName(text)

    def show_model(self, text: str) -> None:
        self.model.setText(text)

    def show_server(self, state: ServerState | None) -> None:
        """Which Milvus server holds the vectors; None where none does."""
        self._server_state = state
        text, tip = ("", "") if state is None else (state.text, state.tip)
        for part in (self.server, self.server_mark):
            part.setVisible(state is not None)
            part.setAccessibleName(text)
            part.setToolTip(f"{text}\n{tip}".strip())
        if state is not None:
            set_picture(self.server_mark, state.mark, 16)
        self._fit()

    def _fit(self) -> None:
        state = self._server_state
        if state is None:
            self.server.setText("")
        else:
            self.server.setText(state.short if self.width() < _NARROW_PIXELS else state.text)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        QTimer.singleShot(0, self, self._fit)  # a layout at work just now would not hear of it

    def show_fetching(self, text: str) -> None:
        """How far the files of a model are; "" hides it."""
        self.fetching.setText(text)
        self.fetching.setVisible(bool(text))

    def show_problem_count(self, count: int) -> None:
        text = "1 problem" if count == 1 else f"{count:,} problems"
        self.problems_button.setText(text)
        self.problems_button.setAccessibleName(f"{text}: show the list")
        self.problems_button.setToolTip("Files that could not be indexed")
        self.problems_button.setVisible(count > 0)


def _beside(mark: QLabel, label: QLabel) -> QWidget:
    both = QWidget()
    row = QHBoxLayout(both)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(2)
    row.addWidget(mark)
    row.addWidget(label)
    return both


def _label() -> QLabel:
    label = plain_label()
    label.setMinimumWidth(10)  # a long text is cut, and does not widen the window
    return label
