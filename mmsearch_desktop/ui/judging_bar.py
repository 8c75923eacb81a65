"""The quiet line below the photos: what is being judged, with stop, undo, and the two orders."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from mmsearch_desktop.ui.judging_state import JudgingState, Phase
from mmsearch_desktop.ui.theme import restyle, set_icon, set_picture
from mmsearch_desktop.ui.wording import as_tip, shown

_BAR_PIXELS = 84


class JudgingBar(QFrame):
    """Below the photos, so that they stay where they are when it comes and goes."""

    stop_wanted = Signal()
    judge_wanted = Signal()
    toggle_wanted = Signal()
    reset_wanted = Signal()
    move_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("JudgingBar")
        self._has_news = self._photos_show = False
        self._state: JudgingState | None = None
        self._failed: bool | None = None
        self._picture = QLabel()
        self.text = ElidedLabel()
        self.bar = QProgressBar(textVisible=False)
        self.bar.setFixedWidth(_BAR_PIXELS)
        self.bar.setAccessibleName("Progress of judging")
        self.stop_button = _tool("close", "Stop judging; what is judged stays")
        self.reset_button = _tool("undo", "Undo the judging: the search's order, without marks")
        self.judge_button = _button("Judge now")
        self.move_button = _button("Reorder now")
        self.order_button = _button("Original order")
        self.order_button.setCheckable(True)
        self.order_button.setToolTip("The order of the search, without the judge (F6)")
        self._build()
        self._connect()
        self.show_state(JudgingState())

    def show_state(self, state: JudgingState) -> None:
        if state == self._state:
            return
        self._state = state
        self._has_news = state.phase is not Phase.HIDDEN
        self._show_or_hide()
        self._show_trouble(failed=state.phase is Phase.FAILED)
        self.text.show_text(state.text)
        self._show_progress(state)
        self.stop_button.setVisible(state.at_work)
        self.judge_button.setVisible(state.may_be_asked)
        self.judge_button.setText(_ASKING.get(state.phase, "Judge now"))
        self.move_button.setVisible(state.waits)
        self.order_button.setVisible(state.has_order)
        self.order_button.setChecked(state.shows_original)
        self.reset_button.setVisible(state.judged > 0 and not state.at_work)

    def _show_trouble(self, *, failed: bool) -> None:
        if failed != self._failed:
            self._failed = failed
            set_picture(self._picture, "problem" if failed else "judge", 16)
            restyle(self, "problem", value=failed)

    def show_beside(self, *, photos: bool) -> None:
        """Whether the photos are on screen: without them it is hidden."""
        self._photos_show = photos
        self._show_or_hide()

    def _show_or_hide(self) -> None:
        self.setVisible(self._has_news and self._photos_show)

    def _show_progress(self, state: JudgingState) -> None:
        self.bar.setVisible(state.at_work)
        busy = state.phase is Phase.OPENING
        self.bar.setRange(0, 0 if busy else max(1, state.total))
        self.bar.setValue(0 if busy else state.settled)

    def _build(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 4, 10, 4)
        row.setSpacing(8)
        row.addWidget(self._picture)
        row.addWidget(self.text, 1)
        buttons = (self.judge_button, self.move_button, self.order_button)
        for part in (self.bar, self.stop_button, *buttons, self.reset_button):
            row.addWidget(part)

    def _connect(self) -> None:
        self.stop_button.clicked.connect(self.stop_wanted)
        self.judge_button.clicked.connect(self.judge_wanted)
        self.move_button.clicked.connect(self.move_wanted)
        self.order_button.clicked.connect(self.toggle_wanted)
        self.reset_button.clicked.connect(self.reset_wanted)


class ElidedLabel(QLabel):
    """A line that is cut with "…" where it has no room; its tooltip has all of it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def show_text(self, text: str) -> None:
        if text != self.text():
            self.setText(shown(text))
            self.setToolTip(as_tip(text))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        room = self.contentsRect()
        elided = self.fontMetrics().elidedText(
            self.text(), Qt.TextElideMode.ElideRight, room.width()
        )
        painter.setPen(self.palette().color(self.foregroundRole()))
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(room, flags | Qt.TextFlag.TextSingleLine, elided)


_ASKING = {Phase.STOPPED: "Go on", Phase.FAILED: "Try again"}


def _button(text: str) -> QPushButton:
    button = QPushButton(text)
    button.setProperty("role", "small")
    button.setAccessibleName(text)
    return button


def _tool(icon: str, purpose: str) -> QToolButton:
    button = QToolButton()
    set_icon(button, icon)
    button.setIconSize(QSize(16, 16))
    button.setToolTip(purpose)
    button.setAccessibleName(purpose)
    return button
