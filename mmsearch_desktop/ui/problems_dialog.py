"""The files that could not be indexed, each with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from mmsearch_desktop.ui.theme import icon_button, plain_label
from mmsearch_desktop.ui.wording import as_tip, shown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mmsearch_desktop.domain import Problem

_Index = QModelIndex | QPersistentModelIndex
_COLUMNS = ("File", "Why", "Folder")


class ProblemsModel(QAbstractTableModel):
    """One row a problem: file name, reason, folder."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: tuple[Problem, ...] = ()

    def show_problems(self, problems: Sequence[Problem]) -> None:
        self.beginResetModel()
        self.problems = tuple(problems)
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 Qt's own default
        return 0 if parent.isValid() else len(self.problems)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 Qt's own default
        return 0 if parent.isValid() else len(_COLUMNS)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> str | None:
        if not index.isValid() or index.row() >= len(self.problems):
            return None
        problem = self.problems[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            texts = (problem.path.name, problem.reason, str(problem.path.parent))
            return shown(texts[index.column()])
        if role == Qt.ItemDataRole.ToolTipRole:
            return as_tip(f"{problem.path}\n{problem.reason}")
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return shown(f"{problem.path}: {problem.reason}")
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _COLUMNS[section]
        return None


class ProblemsDialog(QDialog):
    """Shown beside the window, not in its way; grows while indexing finds more."""

    show_wanted = Signal(object)  # Path
    copy_wanted = Signal(str)
    retry_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Problems")
        self.resize(900, 440)
        self.model = ProblemsModel()
        self.intro = plain_label("", "Muted", wrap=True)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName("Files that could not be indexed")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setWordWrap(False)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(30)
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.resizeSection(0, 180)
        header.resizeSection(2, 190)
        self.detail = plain_label("", wrap=True)
        self.detail.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.detail.setMinimumHeight(2 * self.detail.fontMetrics().lineSpacing() + 4)
        self._build()
        self.table.selectionModel().currentChanged.connect(self._show_detail)
        self.show_problems(())

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Renew the list; what is looked at stays, where it still is one."""
        if self.model.problems != tuple(problems):
            row = self.table.currentIndex().row()
            looked_at = self.model.problems[row].path if row >= 0 else None
            self.model.show_problems(problems)
            self._look_at(looked_at)
        count = len(problems)
        files = "file" if count == 1 else "files"
        self.intro.setText(
            f"{count:,} {files} could not be indexed. The others are not affected, and no file was "
            "changed."
            if count
            else "Every photo that was found could be indexed."
        )
        for button in (self.show_button, self.copy_button):
            button.setEnabled(count > 0)

    def _build(self) -> None:
        self.show_button = icon_button("&Show in folder", "folder")
        self.copy_button = icon_button("&Copy list", "copy")
        self.retry_button = icon_button("Try &again", "refresh")
        self.close_button = QPushButton("C&lose")
        row = QHBoxLayout()
        row.addWidget(self.show_button)
        row.addWidget(self.copy_button)
        row.addWidget(self.retry_button)
        row.addStretch(1)
        row.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(12)
        column.addWidget(self.intro)
        column.addWidget(self.table, 1)
        column.addWidget(self.detail)
        column.addLayout(row)
        self.show_button.clicked.connect(self._show_chosen)
        self.table.doubleClicked.connect(self._show_chosen)
        self.copy_button.clicked.connect(lambda: self.copy_wanted.emit(self.as_text()))
        self.retry_button.clicked.connect(self.retry_wanted)
        self.close_button.clicked.connect(self.close)

    def as_text(self) -> str:
        """Path, tab, reason; one file a line."""
        lines = (f"{shown(str(p.path))}\t{shown(p.reason)}" for p in self.model.problems)
        return "\n".join(lines)

    def _look_at(self, path: Path | None) -> None:
        rows = (row for row, one in enumerate(self.model.problems) if one.path == path)
        row = next(rows, -1)
        if row >= 0:
            self.table.setCurrentIndex(self.model.index(row, 0))
        self._show_detail()

    def _show_detail(self) -> None:
        """The whole path and reason of the row that is looked at; the table may cut them."""
        row = self.table.currentIndex().row()
        told = self.model.problems[row] if 0 <= row < len(self.model.problems) else None
        self.detail.setText("" if told is None else shown(f"{told.path}\n{told.reason}"))

    def _show_chosen(self) -> None:
        row = max(0, self.table.currentIndex().row())
        if row < len(self.model.problems):
            path: Path = self.model.problems[row].path
            self.show_wanted.emit(path)
