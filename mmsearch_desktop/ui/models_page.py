"""The models that can be had: what each is good and bad at, and the ways to get its files here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QBoxLayout,
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
from mmsearch_desktop.ui.progress_strip import duration
from mmsearch_desktop.ui.spaces_list import SpacesList
from mmsearch_desktop.ui.theme import icon_button, plain_label, restyle, styled
from mmsearch_desktop.ui.wording import shown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PySide6.QtGui import QResizeEvent

    from mmsearch_desktop.domain import Progress

_ABOUT_JUDGES = (
    "A judge looks at the best hits of a search, one by one, puts them into a better order and "
    "says why. Searching works without one."
)
_NARROW_PIXELS = 480  # below: buttons lie under each other


@dataclass(frozen=True, slots=True)
class OfferState:
    """One row of the page."""

    offer: Offer
    installed: bool
    in_use: bool
    is_judge: bool = False
    prepared: bool = False  # photos are being prepared for it


class ModelsPage(QScrollArea):
    """Says what the person wants; fetches nothing itself."""

    download_wanted = Signal(object)  # Offer
    cancel_wanted = Signal()
    import_wanted = Signal(object)  # Offer
    use_wanted = Signal(object)  # Offer
    folder_wanted = Signal(object)  # Path: open it, so that files can be put there
    check_wanted = Signal()
    offline_toggled = Signal(bool)
    back_wanted = Signal()

    def __init__(self, models_folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setAccessibleName("Models")
        self._models_folder = models_folder
        self.cards: dict[str, OfferCard] = {}
        self.title = _label("Models", "PageTitle")
        self.reason = _label("", "PageText")
        self.elsewhere = _label("", "PageText")
        self.offline = QCheckBox("&Offline: never fetch anything, even when asked to")
        self.check_button = icon_button("Loo&k for files again", "refresh")
        self.check_button.setToolTip("After you have put files into the folder by hand")
        self.back_button = QPushButton("&Back to the photos")
        self.spaces = SpacesList()
        self._build()
        self.offline.toggled.connect(self.offline_toggled)
        self.check_button.clicked.connect(self.check_wanted)
        self.back_button.clicked.connect(self.back_wanted)

    def show_offers(
        self, states: Sequence[OfferState], *, offline: bool, reason: str, elsewhere: str = ""
    ) -> None:
        """Show or renew the cards.

        `reason`: why the page is shown, in a sentence. `elsewhere`: the folder of the model that
        is chosen where that is none of the offers.
        """
        chosen = f"The model in the folder {elsewhere} is chosen." if elsewhere else ""
        for label, text in ((self.reason, reason), (self.elsewhere, chosen)):
            label.setText(shown(text))
            label.setVisible(bool(text))
        for state in states:
            card = self.cards.get(state.offer.name) or self._add_card(state)
            card.show_state(state, offline=offline)
        before = self.offline.blockSignals(True)  # noqa: FBT003 Qt's own call
        self.offline.setChecked(offline)
        self.offline.blockSignals(before)

    def show_progress(self, offer: Offer, progress: Progress | None) -> None:
        """How far the files of an offer are; None once nothing is being fetched."""
        for card in self.cards.values():
            card.show_progress(progress if card.offer.name == offer.name else None)
            card.set_blocked(blocked=progress is not None and card.offer.name != offer.name)

    def _add_card(self, state: OfferState) -> OfferCard:
        offer = state.offer
        card = OfferCard(offer, self._models_folder)
        card.download_button.clicked.connect(lambda: self.download_wanted.emit(offer))
        card.import_button.clicked.connect(lambda: self.import_wanted.emit(offer))
        card.use_button.clicked.connect(lambda: self.use_wanted.emit(offer))
        card.cancel_button.clicked.connect(self.cancel_wanted)
        card.folder_button.clicked.connect(lambda: self.folder_wanted.emit(card.folder))
        self.cards[offer.name] = card
        (self._judge_column if state.is_judge else self._card_column).addWidget(card)
        return card

    def _build(self) -> None:
        body = styled(QWidget(), "PageBody")
        column = self._column = QVBoxLayout(body)
        column.setSpacing(12)
        self._card_column = QVBoxLayout()
        self._card_column.setSpacing(14)
        self._head = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._head.addWidget(self.title, 1)
        self._head.addWidget(self.check_button)
        self._head.addWidget(self.back_button)
        column.addLayout(self._head)
        column.addWidget(self.reason)
        column.addWidget(self.elsewhere)
        column.addWidget(self.offline)
        column.addWidget(self.spaces)
        column.addLayout(self._card_column)
        self._judge_column = QVBoxLayout()
        self._judge_column.setSpacing(14)
        column.addSpacing(14)
        column.addWidget(_label("Judges", "PageTitle"))
        column.addWidget(_label(_ABOUT_JUDGES, "PageText"))
        column.addLayout(self._judge_column)
        column.addStretch(1)
        self.setWidget(body)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        aside = 28 if event.size().width() >= _NARROW_PIXELS else 10
        self._column.setContentsMargins(aside, 20, aside, 20)
        _lay(self._head, narrow=event.size().width() < _NARROW_PIXELS + 100)
        for card in self.cards.values():
            card.fit(event.size().width())


class OfferCard(QFrame):
    """One model: facts, what it is good and bad at, its buttons, and where its files go."""

    def __init__(self, offer: Offer, models_folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("OfferCard")
        self.setAccessibleName(offer.title)
        self.offer = offer
        self.folder = offer.folder(models_folder)
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
        self.folder_button = icon_button(
            "Open &the folder", "folder", name=f"Open the folder for the files of {offer.title}"
        )
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
        self._was_missing = False
        for part in (self.where, self.folder_button):
            part.hide()
            self.where_button.toggled.connect(part.setVisible)
        self.show_progress(None)

    def show_state(self, state: OfferState, *, offline: bool) -> None:
        self.state.setText(_state_text(state))
        self.state.setVisible(bool(self.state.text()))
        self.download_button.setVisible(not state.installed)
        self.download_button.setEnabled(not offline)
        tip = "Switch off Offline below to download" if offline else ""
        self.download_button.setToolTip(tip)
        self.import_button.setVisible(not state.installed)
        taken = state.in_use or state.prepared
        self.use_button.setVisible(state.installed and not taken)
        self.where_button.setVisible(not state.offer.shipped)
        restyle(self, "chosen", value=state.in_use)
        missing = state.in_use and not state.installed
        if missing != self._was_missing:  # whoever closes it, finds it closed
            self.where_button.setChecked(missing)
            self._was_missing = missing

    def fit(self, width: int) -> None:
        """Lay the card out for a page of this width, pixels."""
        for row in (self._head, self._buttons):
            _lay(row, narrow=width < _NARROW_PIXELS)

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
        self._head = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._head.addWidget(_label(self.offer.title, "OfferName"), 1)
        self._head.addWidget(self.state)
        self._buttons = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        for button in (self.use_button, self.download_button, self.import_button):
            self._buttons.addWidget(button)
        self._buttons.addStretch(1)
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
        column.addLayout(self._head)
        column.addWidget(_label(_facts(self.offer), "Muted"))
        column.addWidget(_label(f"Good at: {self.offer.good_at}."))
        column.addWidget(_label(f"Less good at: {self.offer.bad_at}."))
        column.addWidget(_label(self.offer.licence_note, "Muted"))
        column.addLayout(progress)
        column.addLayout(self._buttons)
        column.addLayout(help_row)
        column.addWidget(self.where)
        column.addWidget(self.folder_button, alignment=Qt.AlignmentFlag.AlignLeft)


def _lay(row: QBoxLayout, *, narrow: bool) -> None:
    direction = QBoxLayout.Direction
    row.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)


def _facts(offer: Offer) -> str:
    size = "Comes with the program" if offer.shipped else size_text(offer.size_bytes)
    vectors = f"{offer.dimensions} dimensions" if offer.dimensions else ""
    parts = (size, offer.languages, vectors, f"{offer.licence} licence")
    return "  ·  ".join(filter(None, parts))


def _state_text(state: OfferState) -> str:
    if state.in_use:
        return "In use" if state.installed else "Chosen, files missing"
    if state.prepared:
        return "Being prepared"
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
