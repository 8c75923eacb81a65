"""The strip above the sample photos: what their model is, and questions to try."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QImageReader, QPainter, QPainterPath, QPixmap
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from mmsearch_desktop.models.offers import SAMPLE_LABEL
from mmsearch_desktop.ui.theme import plain_label, set_picture, styled
from mmsearch_desktop.ui.wording import as_tip, shown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PySide6.QtGui import QResizeEvent

    from mmsearch_desktop.search.samples import Example

_NARROW_PIXELS = 640  # below: the questions have no title
_CHIP_PIXELS = 24


class SampleStrip(QFrame):
    """Two lines, each shown by itself: the label with its button, and the questions."""

    model_wanted = Signal()  # one for the person's own photos
    example_chosen = Signal(object)  # Example

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("SampleStrip")
        self.label_line, self.chip_line = QWidget(), QWidget()
        self.model_button = _small_button("")
        self.chips: list[QPushButton] = []
        self._try = plain_label("Try", "Muted")
        self._build()
        self.model_button.clicked.connect(self.model_wanted)
        self.show_parts(label=False, chips=False)

    def show_parts(self, *, label: bool, chips: bool) -> None:
        """Which of the lines are seen; without any, the strip is hidden."""
        self.label_line.setVisible(label)
        self.chip_line.setVisible(chips and bool(self.chips))
        self.setVisible(label or (chips and bool(self.chips)))

    def show_remedy(self, text: str) -> None:
        """What the label's button says."""
        self.model_button.setText(text)
        self.model_button.setAccessibleName(text.replace("&", ""))

    def show_examples(self, examples: Sequence[Example]) -> None:
        """A chip for each, in their order; once is enough."""
        row = self.chip_line.layout()
        if row is None or self.chips:
            return
        for number, example in enumerate(examples):
            chip = _chip(example)
            chip.clicked.connect(partial(self.example_chosen.emit, example))
            row.insertWidget(number + 1, chip)  # type: ignore[attr-defined] # a box layout
            self.chips.append(chip)

    def _build(self) -> None:
        picture = QLabel()
        set_picture(picture, "info", 16)
        label_row = QHBoxLayout(self.label_line)
        label_row.setContentsMargins(0, 0, 0, 0)
        label_row.setSpacing(8)
        label_row.addWidget(picture)
        label_row.addWidget(plain_label(SAMPLE_LABEL, "SampleLabel", wrap=True), 1)
        label_row.addWidget(self.model_button)
        chip_row = QHBoxLayout(self.chip_line)
        chip_row.setContentsMargins(0, 0, 0, 0)
        chip_row.setSpacing(8)
        chip_row.addWidget(self._try)
        chip_row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 6, 10, 6)
        column.setSpacing(6)
        column.addWidget(self.label_line)
        column.addWidget(self.chip_line)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._try.setVisible(event.size().width() >= _NARROW_PIXELS)


class SampleCard(QFrame):
    """On the page of an empty library: some of the sample photos, and a button to try them."""

    wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("SampleCard")
        self.pictures = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self.button = QPushButton(_TRY)
        self.button.setAccessibleName("Try the sample photos")
        self.button.clicked.connect(self.wanted)
        self._told = plain_label(_PROMISE, "Muted", wrap=True)
        self._square, self._row = QPixmap(), QPixmap()
        self._box = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._box.setContentsMargins(22, 20, 22, 20)
        self._box.setSpacing(14)
        self._text = QVBoxLayout()
        self._text.setSpacing(10)
        self._fill()
        self.hide()

    def show_pictures(self, paths: Sequence[Path]) -> None:
        """A few photos as one picture; at least one."""
        ratio = self.devicePixelRatioF()
        self._square = _mosaic(paths, _COLUMNS, _TILE_PIXELS, ratio)
        self._row = _mosaic(paths[:_IN_A_ROW], _IN_A_ROW, _SMALL_TILE_PIXELS, ratio)
        self.pictures.setPixmap(self._square)

    def show_busy(self, *, busy: bool) -> None:
        self.button.setEnabled(not busy)
        self.button.setText("Getting them ready…" if busy else _TRY)

    def lay(self, *, beside: bool, wide: bool) -> None:
        """Whether it stands beside the drop zone, or lies below it, with less to read."""
        direction = QBoxLayout.Direction
        self._box.setDirection(direction.TopToBottom if beside else direction.LeftToRight)
        self.setMaximumWidth(_CARD_PIXELS if beside else 16_777_215)
        self.pictures.setPixmap(self._square if beside else self._row)
        self.pictures.setVisible(beside or wide)
        self._told.setVisible(beside)

    def _fill(self) -> None:
        title = plain_label("No photos at hand?", "OfferName", wrap=True)
        self._box.addStretch(1)
        self._box.addWidget(self.pictures)
        self._box.addLayout(self._text)
        self._box.addStretch(1)
        for part in (title, self._told, self.button):
            self._text.addWidget(part)


_TRY = "&Try the sample photos"
_PROMISE = (
    "Some 300 pictures that this program drew, and a small model that understands them. Nothing is "
    "downloaded; it takes a few seconds."
)
_CARD_PIXELS = 290
_COLUMNS, _TILE_PIXELS = 3, 74
_IN_A_ROW, _SMALL_TILE_PIXELS = 5, 54
_GAP_PIXELS = 6
PICTURES = 9  # on the card


def _mosaic(paths: Sequence[Path], columns: int, side_pixels: int, ratio: float) -> QPixmap:
    """The photos as tiles, in rows of so many."""
    step = side_pixels + _GAP_PIXELS
    wide, high = (count * step - _GAP_PIXELS for count in (columns, -(-len(paths) // columns)))
    drawn = QPixmap(round(wide * ratio), round(high * ratio))
    drawn.setDevicePixelRatio(ratio)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for number, path in enumerate(paths):
        tile = _rounded(path, side_pixels, ratio)
        painter.drawPixmap(number % columns * step, number // columns * step, tile)
    painter.end()
    return drawn


def _rounded(path: Path, side_pixels: int, ratio: float) -> QPixmap:
    """A small picture of the file with round corners; empty where it cannot be read."""
    reader = QImageReader(str(path))
    side = round(side_pixels * ratio)
    reader.setScaledSize(QSize(side, side))
    image: QImage = reader.read()
    drawn = QPixmap(side, side)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    outline = QPainterPath()
    outline.addRoundedRect(0, 0, side, side, side * 0.14, side * 0.14)
    painter.setClipPath(outline)
    painter.drawImage(0, 0, image)
    painter.end()
    drawn.setDevicePixelRatio(ratio)
    return drawn


def _chip(example: Example) -> QPushButton:
    words = shown(example.words).replace("&", "&&")
    chip = styled(QPushButton(words), "ExampleChip")
    if example.picture is not None:
        chip.setText(f" {words}")  # Qt leaves too little room between the two
        chip.setIcon(QIcon(_rounded(example.picture, _CHIP_PIXELS, chip.devicePixelRatioF())))
        chip.setIconSize(QSize(_CHIP_PIXELS, _CHIP_PIXELS))
    chip.setCursor(Qt.CursorShape.PointingHandCursor)
    chip.setToolTip(as_tip(f"Search for {example.text}"))
    chip.setAccessibleName(f"Search for {example.text}")
    return chip


def _small_button(text: str) -> QPushButton:
    button = QPushButton(text)
    button.setProperty("role", "small")
    return button
