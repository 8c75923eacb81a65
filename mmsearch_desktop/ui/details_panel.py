"""The panel beside the photos: one photo large, its facts, how it was found, what a judge said.

Only shows; every text is plain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from mmsearch_desktop.domain import Check, Hit, Photo, Standing, Verdict
from mmsearch_desktop.ui import verdict_wording
from mmsearch_desktop.ui.results_model import facts, how_it_matched
from mmsearch_desktop.ui.theme import plain_label, restyle, set_icon, styled
from mmsearch_desktop.ui.wording import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

NARROWEST_PIXELS = 210
PANEL_PIXELS = 320
_HIGHEST_SHARE = 1.15  # of a picture's height in its width; higher ones are narrower
_CORNER = 8
_NOTHING = "Choose a photo to see it here."


class DetailsPanel(QFrame):
    close_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("DetailsPanel")
        self.setAccessibleName("Details of the photo")
        self.setMinimumWidth(NARROWEST_PIXELS)
        self.close_button = QToolButton()
        set_icon(self.close_button, "close")
        self.close_button.setIconSize(QSize(16, 16))
        self.close_button.setToolTip("Close the details (F4)")
        self.close_button.setAccessibleName("Close the details")
        self.close_button.clicked.connect(self.close_wanted)
        self.picture = LargePicture()
        self.name, self.facts = _text("DetailsName"), _text("Muted")
        self.trouble = _text("Muted")
        self.match = MatchSection()
        self.verdict = VerdictSection()
        self._build()
        self.show_entry(None)

    @property
    def picture_pixels(self) -> int:
        """How wide a large picture may be, in pixels of the screen."""
        return round(max(self.picture.width(), PANEL_PIXELS) * self.devicePixelRatioF())

    def show_entry(self, entry: Hit | Photo | None) -> None:
        """Everything but the picture; None: nothing is chosen."""
        hit = entry if isinstance(entry, Hit) else None
        photo = entry.photo if isinstance(entry, Hit) else entry
        self.picture.setVisible(photo is not None)
        name, _, rest = (
            (_NOTHING, "", "")
            if photo is None
            else facts(photo, () if hit is None else hit.copies).partition("\n")
        )
        _show(self.name, name)
        _show(self.facts, rest)
        self.match.show_hit(hit)
        self.verdict.show_hit(hit)

    def show_trouble(self, reason: str) -> None:
        """Why the photo itself cannot be shown; empty: it can."""
        _show(self.trouble, reason)

    def _build(self) -> None:
        head = QHBoxLayout()
        head.addWidget(styled(plain_label("Details"), "SectionTitle"), 1)
        head.addWidget(self.close_button)
        body = styled(QWidget(), "PageBody")
        column = QVBoxLayout(body)
        column.setContentsMargins(16, 2, 16, 18)
        column.setSpacing(10)
        for part in (self.picture, self.name, self.facts, self.trouble, self.match, self.verdict):
            column.addWidget(part)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName("Details of the photo")
        scroll.setWidget(body)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 8, 0, 0)
        outer.setSpacing(4)
        head.setContentsMargins(8, 0, 8, 0)
        outer.addLayout(head)
        outer.addWidget(scroll, 1)


class LargePicture(QWidget):
    """A picture as wide as the panel, in its own shape, with round corners."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image = QImage()
        self._shape = (4, 3)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    @property
    def image(self) -> QImage:
        return self._image

    def show_shape(self, width: int, height: int) -> None:
        """Of the photo whose picture is shown, or comes: room is kept for it."""
        self._shape = (max(1, width), max(1, height))
        self.updateGeometry()

    def show_image(self, image: QImage) -> None:
        self._image = image
        self.update()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        wide, high = self._shape
        return min(round(width * high / wide), round(width * _HIGHEST_SHARE)) or 1

    def sizeHint(self) -> QSize:
        return QSize(PANEL_PIXELS, self.heightForWidth(PANEL_PIXELS))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        wide, high = self._shape
        scale = min(self.width() / wide, self.height() / high)
        target = QRectF(0, 0, wide * scale, high * scale)
        target.moveCenter(QRectF(self.rect()).center())
        outline = QPainterPath()
        outline.addRoundedRect(target, _CORNER, _CORNER)
        if self._image.isNull():
            painter.fillPath(outline, self.palette().color(QPalette.ColorRole.Light))
            return
        painter.setClipPath(outline)
        painter.drawImage(target, self._image)


class MatchSection(QFrame):
    """How the search found the photo; hidden where nothing was asked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.numbers = _text("")
        self.place = _text("Muted")
        column = _section(self, "Found by similarity")
        column.addWidget(self.numbers)
        column.addWidget(self.place)

    def show_hit(self, hit: Hit | None) -> None:
        self.setVisible(hit is not None)
        if hit is not None:
            _show(self.numbers, how_it_matched(hit))
            _show(self.place, verdict_wording.places(hit).capitalize())


class VerdictSection(QFrame):
    """What the judge said, growing as it comes; hidden where nothing was asked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.headline = _text("")
        self.reason = _text("Muted")
        self.checks: list[CheckBar] = []
        self._check_column = QVBoxLayout()
        self._check_column.setSpacing(9)
        self.words_title = _text("DetailsTitle")
        self.words_title.setContentsMargins(0, 6, 0, 0)
        self.words, self.words_note = _text("OwnWords"), _text("Muted")
        column = _section(self, "Judged")
        column.addWidget(self.headline)
        column.addWidget(self.reason)
        column.addLayout(self._check_column)
        for part in (self.words_title, self.words, self.words_note):
            column.addWidget(part)

    def show_hit(self, hit: Hit | None) -> None:
        self.setVisible(hit is not None)
        verdict = None if hit is None else hit.verdict
        _show(self.headline, verdict_wording.headline(verdict))
        self._show_checks(() if verdict is None else verdict_wording.parts(verdict))
        words = "" if verdict is None else verdict_wording.own_words(verdict)
        _show(self.reason, _more(verdict))
        _show(self.words_title, verdict_wording.OWN_WORDS if words else "")
        _show(self.words, f"“{words}”" if words else "")
        _show(self.words_note, verdict_wording.OWN_WORDS_NOTE if words else "")

    def _show_checks(self, checks: Sequence[Check]) -> None:
        while len(self.checks) < len(checks):
            self.checks.append(CheckBar())
            self._check_column.addWidget(self.checks[-1])
        for place, bar in enumerate(self.checks):
            bar.setVisible(place < len(checks))
            if place < len(checks):
                bar.show_check(checks[place])


class CheckBar(QWidget):
    """One question to the judge: the claim, the answer, and how likely the claim holds."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.claim, self.answer = plain_label("", wrap=True), plain_label("", "Muted")
        self.bar = QProgressBar(textVisible=False)
        self.bar.setRange(0, 100)
        words = QHBoxLayout()
        words.setSpacing(8)
        words.addWidget(self.claim, 1)
        words.addWidget(self.answer, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(words)
        column.addWidget(self.bar)

    def show_check(self, check: Check) -> None:
        said = verdict_wording.answer(check)
        claim, _, answer = said.rpartition(": ")
        self.claim.setText(shown(claim))
        self.answer.setText(shown(answer))
        self.bar.setValue(0 if check.probability is None else round(100 * check.probability))
        self.bar.setAccessibleName(said)
        self.setAccessibleName(said)
        unlikely = check.probability is not None and check.probability < 0.5
        if self.bar.property("no") is not unlikely:
            restyle(self.bar, "no", value=unlikely)


def _more(verdict: Verdict | None) -> str:
    """What the headline and the checks do not say."""
    if verdict is None or verdict.checks or verdict.standing is not Standing.JUDGED:
        return ""
    return "" if verdict.probability is None else verdict_wording.reason(verdict)


def _section(frame: QFrame, title: str) -> QVBoxLayout:
    frame.setObjectName("DetailsSection")
    column = QVBoxLayout(frame)
    column.setContentsMargins(0, 10, 0, 0)
    column.setSpacing(6)
    column.addWidget(plain_label(title, "DetailsTitle"))
    return column


def _text(name: str) -> QLabel:
    """Wraps anywhere, so that a long name does not widen the panel; hidden while empty."""
    label = plain_label("", name, wrap=True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setMinimumWidth(1)
    label.hide()
    return label


def _show(label: QLabel, text: str) -> None:
    """Only what is new, as screen readers are told of it."""
    text = shown(text)
    if label.text() != text:
        label.setText(text)
    label.setVisible(bool(text))
