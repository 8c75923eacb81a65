"""The pages shown where there are no photos to show: the drop zone, and a library in trouble."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from mmsearch_desktop.ui.sample_strip import SampleCard
from mmsearch_desktop.ui.theme import icon_button, plain_label, restyle, set_picture, styled
from mmsearch_desktop.ui.wording import shown

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

_BESIDE_PIXELS = 720  # of the page: below, the sample photos lie under the drop zone
_EDGE_PIXELS, _NARROW_EDGE_PIXELS = 28, 16
_TILES_FROM_PIXELS = 580  # below, it shows none of them
_PICTURE_FROM_PIXELS, _PROMISE_FROM_PIXELS = 480, 320  # of the page's height
_READABLE_PIXELS = 620  # width of a text that is read as one


class DropZonePage(QFrame):
    """What an empty library shows: drop a folder here, or try the sample photos."""

    choose_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("DropZonePage")
        self.zone = styled(QFrame(), "DropZone")
        self.picture = QLabel(alignment=Qt.AlignmentFlag.AlignHCenter)
        set_picture(self.picture, "photos", 84)
        self.choose_button = icon_button(
            "&Choose folder…", "folder-add", role="main", name="Choose a folder of photos"
        )
        self.choose_button.clicked.connect(self.choose_wanted)
        column = QVBoxLayout(self.zone)
        column.setContentsMargins(12, 24, 12, 24)
        column.setSpacing(12)
        column.addStretch(1)
        column.addWidget(self.picture)
        column.addWidget(_centred("Drop a folder of photos here", "PageTitle"))
        self.promise = _centred(_PROMISE, "PageText")
        column.addWidget(self.promise)
        column.addLayout(_centred_row(self.choose_button))
        column.addStretch(1)
        self.samples = SampleCard()
        self._around = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._around.setSpacing(16)
        self._around.addWidget(self.zone, 1)
        self._around.addWidget(self.samples)

    def show_drag(self, *, over: bool) -> None:
        restyle(self.zone, "dragged", value=over)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside = event.size().width() >= _BESIDE_PIXELS
        edge = _EDGE_PIXELS if event.size().width() >= _TILES_FROM_PIXELS else _NARROW_EDGE_PIXELS
        self._around.setContentsMargins(edge, 12, edge, edge)
        direction = QBoxLayout.Direction
        self._around.setDirection(direction.LeftToRight if beside else direction.TopToBottom)
        self.samples.lay(beside=beside, wide=event.size().width() >= _TILES_FROM_PIXELS)
        self.picture.setVisible(event.size().height() >= _PICTURE_FROM_PIXELS)
        self.promise.setVisible(event.size().height() >= _PROMISE_FROM_PIXELS)


class TroublePage(QFrame):
    """Says what is wrong with the library and what can be done."""

    retry_wanted = Signal()
    other_wanted = Signal()
    first_wanted = Signal()  # the window that has the library open

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("TroublePage")
        self.picture = QLabel(alignment=Qt.AlignmentFlag.AlignHCenter)
        set_picture(self.picture, "problem", 64)
        self.title = _centred("", "PageTitle")
        self.text = _centred("", "PageText")
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.first_button = QPushButton("&Show that window")
        self.first_button.setProperty("role", "main")
        self.first_button.clicked.connect(self.first_wanted)
        self.first_button.hide()
        self.retry_button = QPushButton("&Try again")
        self.retry_button.setProperty("role", "main")
        self.retry_button.clicked.connect(self.retry_wanted)
        self.other_button = QPushButton("&Use another library folder…")
        self.other_button.clicked.connect(self.other_wanted)
        column = QVBoxLayout(self)
        column.setContentsMargins(40, 24, 40, 24)
        column.setSpacing(14)
        column.addStretch(1)
        column.addWidget(self.picture)
        column.addWidget(self.title)
        self.text.setMaximumWidth(_READABLE_PIXELS)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.text, 100)
        row.addStretch(1)
        column.addLayout(row)
        buttons = (self.first_button, self.retry_button, self.other_button)
        column.addLayout(_centred_row(*buttons))
        column.addStretch(1)

    def offer_first(self) -> None:
        """The trouble is that another window has the library open, and that one can be shown."""
        self.first_button.show()
        self.first_button.setFocus()

    def first_is_silent(self) -> None:
        self.first_button.hide()
        silent = "That window does not answer: it may hang. Wait for it, or end its process."
        self.text.setText(f"{self.text.text()}\n{silent}")

    def show_trouble(self, title: str, text: str) -> None:
        self.first_button.hide()
        self.title.setText(title)
        self.text.setText(shown(text))
        self.setAccessibleName(f"{title}. {text}")


_PROMISE = (
    "They are read, never changed, and never leave this computer.\n"
    "Then search them with words, with a picture, or with both."
)


def _centred(text: str, name: str) -> QLabel:
    label = plain_label(text, name, wrap=True)
    label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
    return label


def _centred_row(*buttons: QPushButton) -> QHBoxLayout:
    row = QHBoxLayout()
    row.addStretch(1)
    for button in buttons:
        row.addWidget(button)
    row.addStretch(1)
    return row
