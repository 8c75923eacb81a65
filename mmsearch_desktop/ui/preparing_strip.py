"""A strip that shows how far another model is prepared: pause, cancel, or use it now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from mmsearch_desktop.domain import Progress, Stage
from mmsearch_desktop.ui.indexing_strip import duration
from mmsearch_desktop.ui.theme import plain_label, set_icon
from mmsearch_desktop.ui.wording import photos, shown

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from mmsearch_desktop.ui.preparing import PreparingState

_NARROW_PIXELS = 820  # below: the numbers lie under the words
_USE_NOW = "Search with it from now on; photos that it has not seen yet are found once it has"


class PreparingStrip(QFrame):
    """Dressed as the strip of indexing, in whose place it is shown."""

    pause_wanted = Signal()
    resume_wanted = Signal()
    cancel_wanted = Signal()
    now_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("IndexingStrip")
        self._stands = False
        self.title, self.numbers = plain_label(wrap=True), plain_label("", "Muted")
        self.bar = QProgressBar(textVisible=False)
        self.bar.setAccessibleName("Progress of preparing a model")
        self.now_button = QPushButton("Use it now")
        self.now_button.setToolTip(_USE_NOW)
        self.pause_button, self.cancel_button = QToolButton(), QToolButton()
        _name(self.cancel_button, "close", "Stop preparing it; what is prepared so far is kept")
        self._build()
        self.pause_button.clicked.connect(self._toggle)
        self.cancel_button.clicked.connect(self.cancel_wanted)
        self.now_button.clicked.connect(self.now_wanted)
        self.hide()

    def show_state(self, state: PreparingState, *, give_way: bool) -> None:
        """`give_way`: the other strip is shown, and nothing is done here meanwhile."""
        self._stands = state.stands
        self.setVisible(state.is_on and not give_way)
        self.title.setText(shown(_title(state)))
        self.numbers.setText("" if state.progress is None else _numbers(state.progress))
        if state.stands:
            purpose = "Try again" if state.held else "Go on with preparing"
            _name(self.pause_button, "resume", purpose)
        else:
            _name(self.pause_button, "pause", "Pause preparing")
        self._show_on_bar(state)

    def _show_on_bar(self, state: PreparingState) -> None:
        progress = state.progress
        if progress is not None and progress.total:
            self.bar.setRange(0, progress.total)
            self.bar.setValue(progress.done)
        else:  # a busy bar, or an empty one where nothing moves
            self.bar.setRange(0, 1 if state.stands else 0)
            self.bar.setValue(0)

    def _toggle(self) -> None:
        (self.resume_wanted if self._stands else self.pause_wanted).emit()

    def _build(self) -> None:
        self._words = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._words.addWidget(self.title, 1)
        self._words.addWidget(self.numbers)
        column = QVBoxLayout()
        column.setSpacing(6)
        column.addLayout(self._words)
        column.addWidget(self.bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 10, 10)
        row.setSpacing(6)
        row.addLayout(column, 1)
        for button in (self.now_button, self.pause_button, self.cancel_button):
            row.addWidget(button)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        direction, narrow = QBoxLayout.Direction, event.size().width() < _NARROW_PIXELS
        self.numbers.setWordWrap(narrow)
        self._words.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)
        self._words.setSpacing(2 if narrow else 18)


def _title(state: PreparingState) -> str:
    meanwhile = f"; searching with {state.serving} meanwhile"
    if state.held:
        return f"{state.title} is not prepared further: {state.held}{meanwhile}"
    if state.paused:
        return f"Paused: preparing {state.title}{meanwhile}"
    progress = state.progress
    if progress is None or progress.stage is not Stage.EMBEDDING or not progress.total:
        return f"Opening {state.title}{meanwhile}"
    return f"Preparing {photos(progress.total)} for {state.title}{meanwhile}"


def _numbers(progress: Progress) -> str:
    if progress.total is None:
        return ""
    parts = [f"{progress.done:,} of {progress.total:,}"]
    if progress.per_second:
        rate = progress.per_second
        parts.append(f"{rate:.0f} photos/s" if rate >= 10 else f"{rate:.1f} photos/s")
    if progress.seconds_left:
        parts.append(f"{duration(progress.seconds_left)} left")
    return "  ·  ".join(parts)


def _name(button: QToolButton, picture: str, purpose: str) -> None:
    set_icon(button, picture)
    button.setIconSize(QSize(20, 20))
    button.setAccessibleName(purpose)
    button.setToolTip(purpose)
