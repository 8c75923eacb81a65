"""The pages shown where there are no photos to show: the drop zone, and a library in trouble."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from mmsearch_desktop.ui.theme import icon_button, plain_label, restyle, set_picture, styled
from mmsearch_desktop.ui.wording import shown

_READABLE_PIXELS = 620  # width of a text that is read as one


class DropZonePage(QFrame):
    """What an empty library shows: drop a folder here."""

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
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(12)
        column.addStretch(1)
        column.addWidget(self.picture)
        column.addWidget(_centred("Drop a folder of photos here", "PageTitle"))
        column.addWidget(_centred(_PROMISE, "PageText"))
        column.addLayout(_centred_row(self.choose_button))
        column.addStretch(1)
        around = QVBoxLayout(self)
        around.setContentsMargins(28, 12, 28, 28)
        around.addWidget(self.zone)

    def show_drag(self, *, over: bool) -> None:
        restyle(self.zone, "dragged", value=over)


class TroublePage(QFrame):
    """Says what is wrong with the library and what can be done."""

    retry_wanted = Signal()
    other_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("TroublePage")
        self.picture = QLabel(alignment=Qt.AlignmentFlag.AlignHCenter)
        set_picture(self.picture, "problem", 64)
        self.title = _centred("", "PageTitle")
        self.text = _centred("", "PageText")
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
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
        column.addLayout(_centred_row(self.retry_button, self.other_button))
        column.addStretch(1)

    def show_trouble(self, title: str, text: str) -> None:
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
