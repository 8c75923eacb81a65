"""What the strips above the photos share: words, numbers, a bar, and buttons beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from mmsearch_desktop.ui.theme import set_icon, wrapped_label

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from mmsearch_desktop.domain import Progress


class ProgressStrip(QFrame):
    """Hidden until there is something to show."""

    pause_wanted = Signal()
    resume_wanted = Signal()
    cancel_wanted = Signal()

    def __init__(
        self,
        title: QLabel,
        buttons: tuple[QWidget, ...],
        *,
        narrow_pixels: int,
        parent: QWidget | None = None,
    ) -> None:
        """Below `narrow_pixels` the numbers and `buttons` lie under the words, not beside them."""
        super().__init__(parent)
        self.setObjectName("IndexingStrip")
        self._stands = False
        self._narrow_pixels = narrow_pixels
        self.title, self.numbers = title, wrapped_label("", "Muted")
        self.bar = QProgressBar(textVisible=False)
        self.pause_button, self.cancel_button = QToolButton(), QToolButton()
        self._build(buttons)
        self.pause_button.clicked.connect(self._toggle)
        self.cancel_button.clicked.connect(self.cancel_wanted)
        self.hide()

    def _toggle(self) -> None:
        (self.resume_wanted if self._stands else self.pause_wanted).emit()

    def _show_on_bar(self, progress: Progress | None, *, busy: bool) -> None:
        if progress is not None and progress.total:
            self.bar.setRange(0, progress.total)
            self.bar.setValue(progress.done)
        else:  # a busy bar, or an empty one where nothing moves
            self.bar.setRange(0, 0 if busy else 1)
            self.bar.setValue(0)

    def _build(self, buttons: tuple[QWidget, ...]) -> None:
        self._words = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._words.setSpacing(2)
        self._words.addWidget(self.title, 1)
        facts = QHBoxLayout()
        facts.addWidget(self.numbers, 1)
        for button in buttons:
            facts.addWidget(button)
        self._words.addLayout(facts)
        column = QVBoxLayout()
        column.setSpacing(6)
        column.addLayout(self._words)
        column.addWidget(self.bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 10, 10)
        row.setSpacing(6)
        row.addLayout(column, 1)
        for control in (self.pause_button, self.cancel_button):
            row.addWidget(control)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        direction, narrow = QBoxLayout.Direction, event.size().width() < self._narrow_pixels
        self.numbers.setWordWrap(narrow)
        self._words.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)
        self._words.setSpacing(2 if narrow else 18)


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def rate(per_second: float) -> str:
    return f"{per_second:.0f} photos/s" if per_second >= 10 else f"{per_second:.1f} photos/s"


def name_button(button: QToolButton, picture: str, purpose: str) -> None:
    set_icon(button, picture)
    button.setIconSize(QSize(20, 20))
    button.setAccessibleName(purpose)
    button.setToolTip(purpose)
