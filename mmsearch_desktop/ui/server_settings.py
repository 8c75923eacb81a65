"""The part of the settings that says where the vectors are: on this computer, or on a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from mmsearch_desktop.domain import LibraryProblem
from mmsearch_desktop.library.server_address import Server
from mmsearch_desktop.settings import TOKEN_VARIABLE
from mmsearch_desktop.ui import server_wording
from mmsearch_desktop.ui.theme import restyle, set_picture, styled, wrapped_label
from mmsearch_desktop.ui.wording import shown

if TYPE_CHECKING:
    from mmsearch_desktop.settings import Settings

_HERE, _THERE = "On this computer", "On a Milvus server"


class ServerSettings(QWidget):
    """Shows what is set, tells what is chosen; whoever hears `check_wanted` shows what is found."""

    check_wanted = Signal(object)  # Server
    changed = Signal()  # so that what was found is of something else

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.where = QComboBox()
        self.where.setAccessibleName("Where the vectors are")
        self.where.addItems((_HERE, _THERE))
        self.address = QLineEdit(placeholderText="nas.local:19530")
        self.address.setAccessibleName("Address of the Milvus server")
        self.token = QLineEdit(echoMode=QLineEdit.EchoMode.Password)
        self.token.setPlaceholderText("A key, or user:password; empty where none is needed")
        self.token.setAccessibleName("Token of the Milvus server")
        self.tls = QCheckBox("&Encrypt the connection and verify the server (TLS)")
        self.certificate = QLineEdit(placeholderText="This system's authorities")
        self.certificate.setAccessibleName("Certificate file of the authority to trust")
        self.browse = QPushButton("&File…")
        self.browse.setAccessibleName("Choose the certificate file of the authority to trust")
        self.check_button = QPushButton("Chec&k")
        self.check_button.setAccessibleName("Check the Milvus server")
        self.finding = FindingCard()
        self._build()
        self._connect()
        self._show_what_is_needed()

    def show_settings(self, settings: Settings) -> None:
        self.address.setText(settings.milvus_address)
        self.where.setCurrentText(_THERE if settings.milvus_address.strip() else _HERE)
        self.tls.setChecked(settings.milvus_tls)
        self.certificate.setText(settings.milvus_certificate)

    def show_token(self, token: str, *, is_given: bool) -> None:
        """`is_given`: by the environment, whose word cannot be changed here."""
        self.token.setText(token)
        self.token.setToolTip(f"Given by {TOKEN_VARIABLE}" if is_given else "")
        self._show_what_is_needed()

    def server(self) -> Server | None:
        """What is chosen; None: this computer. LibraryProblem where that cannot be meant."""
        if self.where.currentText() == _HERE:
            return None
        certificate = self.certificate.text().strip()
        return Server.of(
            self.address.text(),
            token=self.token.text(),
            tls=self.tls.isChecked(),
            certificate=Path(certificate).expanduser() if certificate else None,
        )

    def is_sound(self) -> bool:
        """Whether `server` can be asked; where it cannot, what is wrong is shown."""
        try:
            self.server()
        except LibraryProblem as error:
            self.finding.show_finding(server_wording.not_found(error))
            self.address.setFocus()
            return False
        return True

    def show_checking(self) -> None:
        self.check_button.setEnabled(False)
        self.finding.show_busy("Looking for it…")

    def show_finding(self, finding: server_wording.Finding) -> None:
        self.check_button.setEnabled(True)
        self.finding.show_finding(finding)

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(2, 16, 2, 2)
        column.setSpacing(12)
        column.addLayout(self._form())
        column.addWidget(self.finding)
        column.addStretch(1)

    def _form(self) -> QFormLayout:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignVCenter)
        form.setVerticalSpacing(12)
        form.setHorizontalSpacing(16)
        note = wrapped_label(server_wording.LEAVES, "Muted")
        for wide in (self.where, note):
            wide.setSizePolicy(QSizePolicy.Policy.Expanding, wide.sizePolicy().verticalPolicy())
        authority, check = _row(self.certificate, self.browse), _row(None, self.check_button)
        form.addRow("&Vectors", self.where)
        form.addRow("", note)
        form.addRow("&Address", self.address)
        form.addRow("Toke&n", self.token)
        form.addRow("", self.tls)
        form.addRow("&Trust", authority)
        form.addRow("", check)
        form.labelForField(authority).setBuddy(self.certificate)  # type: ignore[attr-defined] # a QLabel
        return form

    def _connect(self) -> None:
        self.browse.clicked.connect(self._choose_certificate)
        self.check_button.clicked.connect(self._check)
        self.where.currentTextChanged.connect(self._change)
        self.tls.toggled.connect(self._change)
        for field in (self.address, self.token, self.certificate):
            field.textChanged.connect(self._change)
        self.address.textEdited.connect(self._take_scheme)

    def _check(self) -> None:
        if self.is_sound():
            self.check_wanted.emit(self.server())

    def _change(self) -> None:
        self.finding.hide()
        self._show_what_is_needed()
        self.changed.emit()

    def _take_scheme(self, typed: str) -> None:
        """Whoever writes https:// means TLS; the box shows it."""
        if typed.strip().lower().startswith("https://"):
            self.tls.setChecked(True)

    def _show_what_is_needed(self) -> None:
        there = self.where.currentText() == _THERE
        is_given = bool(self.token.toolTip())
        self.address.setEnabled(there)
        self.token.setEnabled(there and not is_given)
        self.tls.setEnabled(there)
        self.certificate.setEnabled(there and self.tls.isChecked())
        self.browse.setEnabled(self.certificate.isEnabled())
        self.check_button.setEnabled(there and bool(self.address.text().strip()))

    def _choose_certificate(self) -> None:
        chooser = QFileDialog(self, "Certificate of an authority", self.certificate.text())
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
        chooser.setNameFilters(("Certificates (*.pem *.crt *.cer)", "All files (*)"))
        chooser.fileSelected.connect(lambda chosen: self.certificate.setText(str(Path(chosen))))
        chooser.open()


def _row(wide: QWidget | None, button: QPushButton) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(8)
    if wide is not None:
        row.addWidget(wide, 1)
    row.addWidget(button)
    if wide is None:
        row.addStretch(1)
    return row


class FindingCard(QFrame):
    """Hidden until something was found."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("FindingCard")
        self.mark = QLabel()
        self.title = styled(QLabel(), "FindingTitle")
        self.text = wrapped_label()
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.title)
        words.addWidget(self.text)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 10, 12, 10)
        row.setSpacing(12)
        row.addWidget(self.mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        self.hide()

    def show_busy(self, text: str) -> None:
        self._show("search", text, "", is_doubtful=False)

    def show_finding(self, finding: server_wording.Finding) -> None:
        self._show(finding.mark, finding.title, finding.text, is_doubtful=finding.is_doubtful)

    def _show(self, mark: str, title: str, text: str, *, is_doubtful: bool) -> None:
        set_picture(self.mark, mark, 20)
        self.title.setText(title)
        self.text.setText(shown(text))
        self.text.setVisible(bool(text))
        self.setAccessibleName(f"{title}. {shown(text)}")
        restyle(self, "problem", value=is_doubtful)
        self.show()
