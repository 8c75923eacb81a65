"""The list "Searchable with": each model that photos were prepared for, and what it takes."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QBoxLayout, QFrame, QVBoxLayout, QWidget

from mmsearch_desktop.models.offers import size_text
from mmsearch_desktop.ui.theme import icon_button, plain_label, restyle
from mmsearch_desktop.ui.wording import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QResizeEvent

    from mmsearch_desktop.library.spaces import KeptSpace

_ABOUT = (
    "What photos look like to a model is kept for each model you have searched with. Removing it "
    "frees the disk; the photos stay, and so does the model."
)
_NARROW_PIXELS = 440
_NOT_KNOWN = "It is not known any more which model this was made with"


class SpaceUse(enum.StrEnum):
    SERVING = "In use"
    PREPARED = "Being prepared"
    KEPT = ""


@dataclass(frozen=True, slots=True)
class SpaceState:
    """One row of the list."""

    kept: KeptSpace
    use: SpaceUse
    photos: int  # in the library, different ones


class SpacesList(QFrame):
    """Hidden while there is nothing to show; says what the person wants, and removes nothing."""

    use_wanted = Signal(object)  # KeptSpace
    removal_wanted = Signal(object)  # KeptSpace

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Searchable with")
        self.rows: list[SpaceRow] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 8, 0, 8)
        self._column.setSpacing(10)
        self._column.addWidget(plain_label("Searchable with", "OfferName"))
        self._column.addWidget(plain_label(_ABOUT, "Muted", wrap=True))
        self.hide()

    def show_spaces(self, states: Sequence[SpaceState]) -> None:
        """Rows that stay are renewed in their place, so that no button loses the keyboard."""
        if [row.kept.space for row in self.rows] != [state.kept.space for state in states]:
            self._put_rows(states)
        for row, state in zip(self.rows, states, strict=True):
            row.show_state(state)
        self.setVisible(bool(self.rows))

    def _put_rows(self, states: Sequence[SpaceState]) -> None:
        for row in self.rows:
            self._column.removeWidget(row)
            row.deleteLater()
        self.rows = [SpaceRow(state.kept) for state in states]
        for row in self.rows:
            row.use_button.clicked.connect(lambda _=False, r=row: self.use_wanted.emit(r.kept))
            row.remove_button.clicked.connect(
                lambda _=False, r=row: self.removal_wanted.emit(r.kept)
            )
            self._column.addWidget(row)


class SpaceRow(QFrame):
    """One space: its model, how many photos, how many bytes, and its buttons."""

    def __init__(self, kept: KeptSpace) -> None:
        super().__init__()
        self.kept = kept
        title = shown(kept.name.title)
        self.setObjectName("OfferCard")
        self.setAccessibleName(title)
        self.title = plain_label(title, wrap=True)
        self.facts, self.state = plain_label("", "Muted", wrap=True), plain_label("", "Tag")
        self.use_button = icon_button("Use", "check", name=f"Search with {title}")
        self.remove_button = icon_button(
            "Remove…", "close", name=f"Remove what was prepared for {title}"
        )
        self.use_button.setEnabled(bool(kept.name.choice))
        self.use_button.setToolTip("" if kept.name.choice else _NOT_KNOWN)
        self._build()

    def show_state(self, state: SpaceState) -> None:
        self.kept = state.kept
        self.facts.setText(_facts(state))
        self.state.setText(state.use.value)
        restyle(self, "chosen", value=state.use is SpaceUse.SERVING)
        self.state.setVisible(state.use is not SpaceUse.KEPT)
        for button in (self.use_button, self.remove_button):
            button.setVisible(state.use is SpaceUse.KEPT)

    def _build(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.title)
        words.addWidget(self.facts)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(18, 10, 14, 10)
        self._row.addLayout(words, 1)
        for part in (self.state, self.use_button, self.remove_button):
            self._row.addWidget(part)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        direction, narrow = QBoxLayout.Direction, event.size().width() < _NARROW_PIXELS
        self._row.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)


def _facts(state: SpaceState) -> str:
    kept = state.kept
    if kept.photos >= state.photos:
        counted = "1 photo" if kept.photos == 1 else f"{kept.photos:,} photos"
    else:
        counted = f"{kept.photos:,} of {state.photos:,} photos"
    return f"{counted}  ·  {size_text(kept.size_bytes)}  ·  {kept.space.dimensions} dimensions"
