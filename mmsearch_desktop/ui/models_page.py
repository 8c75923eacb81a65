"""The models that can be had: what each is good and bad at, and the ways to get its files here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from mmsearch_desktop.models.offers import Offer, size_text, where_files_go
from mmsearch_desktop.ui.indexing_strip import duration
from mmsearch_desktop.ui.theme import icon_button, plain_label, restyle, styled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mmsearch_desktop.domain import Progress


@dataclass(frozen=True, slots=True)
class OfferState:
    """One row of the page."""

    offer: Offer
    installed: bool
    in_use: bool


class ModelsPage(QScrollArea):
    """Says what the person wants; fetches nothing itself."""

    download_wanted = Signal(object)  # Offer
    cancel_wanted = Signal()
    import_wanted = Signal(object)  # Offer
    use_wanted = Signal(object)  # Offer
    check_wanted = Signal()
    offline_toggled = Signal(bool)
    back_wanted = Signal()

    def __init__(self, models_folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Models")
        self._models_folder = models_folder
        self.cards: dict[str, OfferCard] = {}
        self.title = _label("Models", "PageTitle")
        self.reason = _label("", "PageText")
        self.offline = QCheckBox("&Offline: never fetch anything, even when asked to")
        self.check_button = icon_button("Look for files &again", "refresh")
        self.check_button.setToolTip("After you have put files into the folder by hand")
        self.back_button = QPushButton("&Back to the photos")
        self._build()
        self.offline.toggled.connect(self.offline_toggled)
        self.check_button.clicked.connect(self.check_wanted)
        self.back_button.clicked.connect(self.back_wanted)

    def show_offers(self, states: Sequence[OfferState], *, offline: bool, reason: str) -> None:
        """Show or renew the cards. `reason`: why the page is shown, in a sentence."""
        self.reason.setText(reason)
        self.reason.setVisible(bool(reason))
        for state in states:
            card = self.cards.get(state.offer.name) or self._add_card(state.offer)
            card.show_state(state, offline=offline)
        before = self.offline.blockSignals(True)  # noqa: FBT003 Qt's own call
        self.offline.setChecked(offline)
        self.offline.blockSignals(before)

    def show_progress(self, offer: Offer, progress: Progress | None) -> None:
        """How far the files of an offer are; None once nothing is being fetched."""
        for card in self.cards.values():
            card.show_progress(progress if card.offer.name == offer.name else None)
            card.set_blocked(blocked=progress is not None and card.offer.name != offer.name)

    def _add_card(self, offer: Offer) -> OfferCard:
        card = OfferCard(offer, self._models_folder)
        card.download_button.clicked.connect(lambda: self.download_wanted.emit(offer))
        card.import_button.clicked.connect(lambda: self.import_wanted.emit(offer))
        card.use_button.clicked.connect(lambda: self.use_wanted.emit(offer))
        card.cancel_button.clicked.connect(self.cancel_wanted)
        self.cards[offer.name] = card
        self._card_column.addWidget(card)
        return card

    def _build(self) -> None:
        body = styled(QWidget(), "PageBody")
        column = QVBoxLayout(body)
        column.setContentsMargins(28, 20, 28, 20)
        column.setSpacing(12)
        self._card_column = QVBoxLayout()
        self._card_column.setSpacing(14)
        row = QHBoxLayout()
        row.addWidget(self.back_button)
        row.addWidget(self.check_button)
        row.addStretch(1)
        column.addWidget(self.title)
        column.addWidget(self.reason)
        column.addLayout(self._card_column)
        column.addWidget(self.offline)
        column.addLayout(row)
        column.addStretch(1)
        self.setWidget(body)


class OfferCard(QFrame):
    """One model: facts, what it is good and bad at, its buttons, and where its files go."""

    def __init__(self, offer: Offer, models_folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("OfferCard")
        self.setAccessibleName(offer.title)
        self.offer = offer
        size = size_text(offer.size_bytes)
        self.state = _label("", "Tag", wrap=False)
        self.download_button = icon_button(
            f"&Download {size}", "download", role="main", name=f"Download {offer.title}"
        )
        self.import_button = icon_button(
            "&Import from folder…", "folder", name=f"Import {offer.title}"
        )
        self.use_button = icon_button("&Use this model", "check", name=f"Use {offer.title}")
        self.where_button = icon_button(
            "&Which file goes where", "info", role="quiet", name=f"Files of {offer.title}"
        )
        self.where_button.setCheckable(True)
        self.cancel_button = icon_button("&Cancel", "close", name=f"Cancel getting {offer.title}")
        self.bar = QProgressBar(textVisible=False)
        self.bar.setAccessibleName(f"Progress of {offer.title}")
        self.numbers = _label("", "Muted")
        self.where = _label(where_files_go(offer, models_folder), "Files")
        self.where.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._build()
        self.where.hide()
        self.where_button.toggled.connect(self.where.setVisible)
        self.show_progress(None)

    def show_state(self, state: OfferState, *, offline: bool) -> None:
        self.state.setText(_state_text(state))
        self.download_button.setVisible(not state.installed)
        self.download_button.setEnabled(not offline)
        tip = "Switch off Offline below to download" if offline else ""
        self.download_button.setToolTip(tip)
        self.import_button.setVisible(not state.installed)
        self.use_button.setVisible(state.installed and not state.in_use)
        restyle(self, "chosen", value=state.in_use)

    def show_progress(self, progress: Progress | None) -> None:
        running = progress is not None
        for part in (self.bar, self.numbers, self.cancel_button):
            part.setVisible(running)
        self.set_blocked(blocked=running)
        if progress is None:
            return
        total = progress.total or 0
        # Qt counts in 32 bits, files are larger
        self.bar.setRange(0, 1000 if total else 0)
        self.bar.setValue(round(1000 * progress.done / total) if total else 0)
        self.numbers.setText(_numbers(progress))

    def set_blocked(self, *, blocked: bool) -> None:
        """While one model is being fetched, no other is begun."""
        for button in (self.download_button, self.import_button):
            button.setProperty("busy", blocked)
            if blocked:
                button.setEnabled(False)
            elif button is self.import_button or not button.toolTip():
                button.setEnabled(True)

    def _build(self) -> None:
        head = QHBoxLayout()
        head.addWidget(_label(self.offer.title, "OfferName", wrap=False))
        head.addStretch(1)
        head.addWidget(self.state)
        buttons = QHBoxLayout()
        for button in (self.use_button, self.download_button, self.import_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        help_row = QHBoxLayout()
        help_row.addWidget(self.where_button)
        help_row.addStretch(1)
        progress = QHBoxLayout()
        progress.addWidget(self.bar, 1)
        progress.addWidget(self.numbers)
        progress.addWidget(self.cancel_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 14, 18, 16)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(_label(_facts(self.offer), "Muted"))
        column.addWidget(_label(f"Good at: {self.offer.good_at}."))
        column.addWidget(_label(f"Less good at: {self.offer.bad_at}."))
        column.addWidget(_label(self.offer.licence_note, "Muted"))
        column.addLayout(progress)
        column.addLayout(buttons)
        column.addLayout(help_row)
        column.addWidget(self.where)


def _facts(offer: Offer) -> str:
    size = size_text(offer.size_bytes)
    parts = (size, offer.languages, f"{offer.dimensions} dimensions", f"{offer.licence} licence")
    return "  ·  ".join(parts)


def _state_text(state: OfferState) -> str:
    if state.in_use:
        return "In use" if state.installed else "Chosen, files missing"
    return "On this computer" if state.installed else ""


def _numbers(progress: Progress) -> str:
    text = size_text(progress.done)
    if progress.total:
        text = f"{text} of {size_text(progress.total)}"
    if progress.seconds_left is not None:
        text = f"{text}  ·  {duration(progress.seconds_left)} left"
    return text


def _label(text: str, name: str = "", *, wrap: bool = True) -> QLabel:
    return plain_label(text, name, wrap=wrap)
