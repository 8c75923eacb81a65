"""Says that something unexpected went wrong, and shows the report before it is copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from mmsearch_desktop.ui.theme import icon_button, plain_label, set_picture, styled

if TYPE_CHECKING:
    from collections.abc import Callable

_GO_ON = (
    "Your photos are untouched, and you can go on. If the window behaves oddly afterwards, quit and"
    " start the program again. The report says what happened; it stays here unless you pass it on."
)
_CANNOT_GO_ON = (
    "The window cannot be opened. Your photos are untouched. The report says what happened; it"
    " stays here unless you pass it on."
)


class CrashDialog(QDialog):
    """Closing it means to go on, where that is possible."""

    copy_wanted = Signal(str)
    folder_wanted = Signal()
    quit_wanted = Signal()

    def __init__(
        self,
        report: Callable[[bool], str],
        parent: QWidget | None = None,
        *,
        may_go_on: bool = True,
    ) -> None:
        """`report`: the text, with names of files or without."""
        super().__init__(parent)
        self.setWindowTitle("Something went wrong")
        self._report = report
        self._make_controls(may_go_on=may_go_on)
        self._build()
        self.setMinimumSize(480, 390)
        self.resize(700, 500)
        self.renew()

    def show_counts(self, times: int, others: int) -> None:
        """How often it has happened so far, and how many other errors came after it."""
        said = [f"It has happened {times:,} times."] if times > 1 else []
        if others:
            said.append(
                "Another error came after it; it is in the log."
                if others == 1
                else f"{others:,} other errors came after it; they are in the log."
            )
        self.counts.setText(" ".join(said))
        self.counts.setVisible(bool(said))
        self.renew()

    def renew(self) -> None:
        """Show the report as it is now."""
        text = self._report(self.names.isChecked())
        if text != self.text.toPlainText():
            self.text.setPlainText(text)
            self.copy_button.setText(" &Copy report")

    def _make_controls(self, *, may_go_on: bool) -> None:
        self.picture = QLabel()
        set_picture(self.picture, "problem", 32)
        self.title = plain_label("Something unexpected went wrong", "OfferName", wrap=True)
        self.sentence = plain_label(_GO_ON if may_go_on else _CANNOT_GO_ON, "Muted", wrap=True)
        self.counts = plain_label("", wrap=True)
        self.counts.hide()
        self.text = styled(QPlainTextEdit(readOnly=True), "Files")
        self.text.setAccessibleName("Report of the error")
        self.text.setTabChangesFocus(True)
        self.names = QCheckBox("&Include the names of files and folders")
        self.names.setToolTip("Without it, each name is replaced by a number that means nothing.")
        self.copy_button = icon_button("&Copy report", "copy")
        self.folder_button = icon_button("Open &log folder", "folder")
        self.quit_button = QPushButton("&Quit")
        self.go_on_button = QPushButton("&Go on", default=True)
        self.go_on_button.setProperty("role", "main")
        self.go_on_button.setVisible(may_go_on)

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(14)
        head.addWidget(self.picture, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(self.title)
        words.addWidget(self.sentence)
        head.addLayout(words, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.copy_button)
        buttons.addWidget(self.folder_button)
        buttons.addStretch(1)
        buttons.addWidget(self.quit_button)
        buttons.addWidget(self.go_on_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 20, 22, 18)
        column.setSpacing(12)
        column.addLayout(head)
        column.addWidget(self.counts)
        column.addWidget(self.text, 1)
        column.addWidget(self.names)
        column.addLayout(buttons)
        self.names.toggled.connect(self.renew)
        self.copy_button.clicked.connect(self._copy)
        self.folder_button.clicked.connect(self.folder_wanted)
        self.quit_button.clicked.connect(self._quit)
        self.go_on_button.clicked.connect(self.accept)

    def _copy(self) -> None:
        self.copy_wanted.emit(self.text.toPlainText())
        self.copy_button.setText(" Copied")

    def _quit(self) -> None:
        self.quit_wanted.emit()
        self.reject()
