"""What the program is, and in the packaged app: what it is made of, and on what terms."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLayout,
    QPlainTextEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from mmsearch_desktop import __version__
from mmsearch_desktop.settings import resources_folder
from mmsearch_desktop.ui.theme import application_icon, plain_label, styled

_log = logging.getLogger("mmsearch.ui")
_ICON_PIXELS = 72
_COLUMNS = ("Part", "Version", "Licence")
_WHAT = (
    "Photo search by words, by a picture, or by both. Everything happens on this computer; photos"
    " are only ever opened for reading."
)
_FROM_SOURCE = (
    "This one runs from source: its parts are the packages installed with it, and their licences"
    " lie with them. Licences of models stand on the Models page."
)
_PACKED = "What it is made of. Licences of models stand on the Models page."


@dataclass(frozen=True, slots=True)
class PartShown:
    """One thing in the packaged app, and the files with its licence texts, each with a title."""

    name: str
    version: str
    licence: str
    page: str
    texts: tuple[tuple[str, Path], ...]


def licences_folder() -> Path:
    """Only the packaged app has one; packaging/bundle/documents.py writes it."""
    return resources_folder() / "licences"


def read_parts(folder: Path) -> tuple[PartShown, ...]:
    """None where there is no list, or one that cannot be read, which is logged."""
    path = folder / "parts.json"
    try:
        return tuple(_part(one, folder) for one in json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("%s cannot be read (%s); licences are not listed", path, error)
        return ()


def _part(stored: dict[str, Any], folder: Path) -> PartShown:
    texts = tuple((str(text["title"]), folder / text["file"]) for text in stored["texts"])
    name, version = str(stored["name"]), str(stored["version"])
    return PartShown(name, version, str(stored["licence"]), str(stored["page"]), texts)


def terms_of(part: PartShown) -> str:
    """All its licence texts, one after the other."""
    said = [f"{part.name} {part.version}", part.licence, part.page]
    lines = [line for line in said if line]
    for title, path in part.texts:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            text = f"{path} cannot be read: {error.strerror}"
        lines += ["", f"— {title}", "", text.strip()]
    return "\n".join(lines)


class AboutDialog(QDialog):
    """Name and version; beside the list of parts the licence of the one that is looked at."""

    def __init__(self, parts: tuple[PartShown, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About mmsearch-desktop")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._parts = parts
        self.table = _table(parts)
        self.terms = styled(QPlainTextEdit(), "Files")
        self.terms.setReadOnly(True)
        self.terms.setAccessibleName("Licence of the part that is chosen")
        self.close_button = QPushButton("C&lose")
        self.close_button.clicked.connect(self.close)
        self._build()
        self.table.currentCellChanged.connect(self._show_terms)
        if parts:
            self.table.setCurrentCell(0, 0)
            self.resize(940, 600)

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 18)
        column.setSpacing(14)
        column.addLayout(_heading())
        column.addWidget(plain_label(_PACKED if self._parts else _FROM_SOURCE, "Muted", wrap=True))
        if self._parts:
            row = QHBoxLayout()
            row.setSpacing(12)
            row.addWidget(self.table, 5)
            row.addWidget(self.terms, 6)
            column.addLayout(row, 1)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        column.addLayout(buttons)

    def _show_terms(self, row: int) -> None:
        self.terms.setPlainText(terms_of(self._parts[row]) if row >= 0 else "")


def _heading() -> QLayout:
    picture = QLabel()
    picture.setPixmap(application_icon().pixmap(_ICON_PIXELS, _ICON_PIXELS))
    words = QVBoxLayout()
    words.setSpacing(4)
    words.addWidget(plain_label("mmsearch-desktop", "PageTitle"))
    words.addWidget(plain_label(f"Version {__version__}  ·  Apache License 2.0", "Muted"))
    words.addWidget(plain_label(_WHAT, wrap=True))
    row = QHBoxLayout()
    row.setSpacing(18)
    row.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
    row.addLayout(words, 1)
    return row


def _table(parts: tuple[PartShown, ...]) -> QTableWidget:
    table = QTableWidget(len(parts), len(_COLUMNS))
    table.setAccessibleName("Parts of the program")
    table.setHorizontalHeaderLabels(list(_COLUMNS))
    for row, part in enumerate(parts):
        for column, text in enumerate((part.name, part.version, part.licence)):
            item = QTableWidgetItem(text)
            item.setToolTip(text)
            table.setItem(row, column, item)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setTabKeyNavigation(False)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.verticalHeader().hide()
    header = table.horizontalHeader()
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
    return table
