"""A strip that shows how far indexing is, with pause, resume and cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from mmsearch_desktop.domain import Progress, Stage
from mmsearch_desktop.ui.theme import plain_label, set_icon
from mmsearch_desktop.ui.wording import name_of, shown

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from mmsearch_desktop.ui.indexing import IndexingState

_NARROW_PIXELS = 720  # below: the numbers lie under the words
_STAGES = {
    Stage.SCANNING: "Looking for photos in",
    Stage.EMBEDDING: "Indexing",
    Stage.REBUILDING: "Rebuilding the search index of",
    Stage.DOWNLOADING: "Downloading",
    Stage.FINISHED: "Finished",
}


class IndexingStrip(QFrame):
    """Hidden while there is nothing to do."""

    pause_wanted = Signal()
    resume_wanted = Signal()
    cancel_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("IndexingStrip")
        self._paused = False
        self.title, self.numbers = plain_label(), plain_label("", "Muted")
        self.bar = QProgressBar(textVisible=False)
        self.bar.setAccessibleName("Progress of indexing")
        self.pause_button, self.cancel_button = QToolButton(), QToolButton()
        _prepare(self.cancel_button, "close", "Cancel indexing; what is indexed so far stays")
        self._build()
        self.pause_button.clicked.connect(self._toggle)
        self.cancel_button.clicked.connect(self.cancel_wanted)
        self.hide()

    def show_state(self, state: IndexingState) -> None:
        self._paused = stands = state.paused or bool(state.held)
        self.setVisible(state.has_work or stands)
        self.title.setText(shown(_title(state)))
        self.numbers.setText(_numbers(state))
        _prepare(self.pause_button, "resume" if stands else "pause", _purpose(state))
        self.cancel_button.setVisible(state.has_work)
        _show_on(self.bar, state)

    def _toggle(self) -> None:
        (self.resume_wanted if self._paused else self.pause_wanted).emit()

    def _build(self) -> None:
        self.title.setMinimumWidth(10)  # a long name is cut, and does not widen the window
        self._words = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._words.setSpacing(2)
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
        row.addWidget(self.pause_button)
        row.addWidget(self.cancel_button)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        direction, narrow = QBoxLayout.Direction, event.size().width() < _NARROW_PIXELS
        self.numbers.setWordWrap(narrow)
        self._words.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def _purpose(state: IndexingState) -> str:
    if state.held and not state.paused:
        return "Try again now"
    return "Resume indexing" if state.paused else "Pause indexing"


def _title(state: IndexingState) -> str:
    folders = "1 folder" if state.waiting == 1 else f"{state.waiting} folders"
    waiting = f", {folders} waiting" if state.waiting else ""
    if state.folder is None:
        if state.held and not state.paused:
            return f"Paused: {state.held}"
        if state.paused:
            return f"Indexing is paused{waiting}"
        return f"Waiting for the model: {folders} to be indexed"
    name = name_of(state.folder)
    if state.paused:
        return f"Paused: {name}{waiting}"
    stage = state.progress.stage if state.progress else Stage.SCANNING
    return f"{_STAGES[stage]} {name}{waiting}"


def _numbers(state: IndexingState) -> str:
    progress = state.progress
    parts = [_count(progress)] if progress is not None else []
    if progress is not None and not state.paused:
        if progress.per_second:
            parts.append(f"{_rate(progress.per_second)} photos/s")
        if progress.seconds_left is not None:
            parts.append(f"{duration(progress.seconds_left)} left")
    if state.not_searchable:
        parts.append(f"{state.not_searchable:,} not searchable yet")
    return "  ·  ".join(parts)


def _count(progress: Progress) -> str:
    if progress.total is None:
        return f"{progress.done:,} photos found"
    return f"{progress.done:,} of {progress.total:,}"


def _rate(per_second: float) -> str:
    return f"{per_second:.0f}" if per_second >= 10 else f"{per_second:.1f}"


def _show_on(bar: QProgressBar, state: IndexingState) -> None:
    progress = state.progress
    bar.setVisible(state.folder is not None)
    if progress is not None and progress.total:
        bar.setRange(0, progress.total)
        bar.setValue(progress.done)
    else:  # a busy bar, or an empty one where nothing moves
        bar.setRange(0, 1 if state.paused else 0)
        bar.setValue(0)


def _prepare(button: QToolButton, picture: str, purpose: str) -> None:
    set_icon(button, picture)
    button.setIconSize(QSize(20, 20))
    button.setAccessibleName(purpose)
    button.setToolTip(purpose)
