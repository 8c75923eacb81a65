"""The folders of the library with their counts; one of them, or all, is what is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetrics, QGuiApplication, QPainter, QPalette
from PySide6.QtWidgets import (
    QFrame,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from mmsearch_desktop.ui.theme import icon, icon_button, plain_label
from mmsearch_desktop.ui.wording import as_tip, name_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mmsearch_desktop.domain import Folder

_FOLDER_ROLE = Qt.ItemDataRole.UserRole  # Folder; None for all photos
_COUNT_ROLE = Qt.ItemDataRole.UserRole + 1
_ICON_ROLE = Qt.ItemDataRole.UserRole + 2
ROW_PIXELS = 34


class LibraryPanel(QFrame):
    """Shows folders and says which one was chosen, or what shall be done with it."""

    scope_chosen = Signal(object)  # Path, or None for all photos
    add_wanted = Signal()
    rescan_wanted = Signal(object)  # Path
    show_wanted = Signal(object)  # Path
    removal_wanted = Signal(object)  # Folder
    models_wanted = Signal()
    settings_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("LibraryPanel")
        self._total = 0
        self._build()
        self.show_folders((), 0)
        self.scopes.currentItemChanged.connect(self._tell_scope)
        self.scopes.customContextMenuRequested.connect(self._open_menu)

    @property
    def scope(self) -> Path | None:
        item = self.scopes.currentItem()
        folder: Folder | None = item.data(_FOLDER_ROLE) if item else None
        return folder.path if folder else None

    @property
    def scope_photos(self) -> int:
        """How many photos the chosen scope has."""
        item = self.scopes.currentItem()
        folder: Folder | None = item.data(_FOLDER_ROLE) if item else None
        return _at_hand(folder) if folder else self._total

    def show_folders(self, folders: Sequence[Folder], total: int) -> None:
        """Renew the list; what was chosen stays chosen, or all photos where it is gone."""
        chosen, before = self.scope, self.scopes.blockSignals(True)  # noqa: FBT003 Qt's own call
        self._total = total
        if [None, *(folder.path for folder in folders)] != self._paths():
            self.scopes.clear()
            for _ in range(len(folders) + 1):
                self.scopes.addItem(QListWidgetItem())
        for row, folder in enumerate((None, *folders)):  # in place: nothing scrolls or flickers
            _fill(self.scopes.item(row), folder, total)
        if self.scope != chosen or self.scopes.currentRow() < 0:
            self.scopes.setCurrentRow(self._row_of(chosen))
        self.scopes.blockSignals(before)
        if self.scope != chosen:
            self.scope_chosen.emit(self.scope)

    def choose(self, folder: Path | None) -> None:
        self.scopes.setCurrentRow(self._row_of(folder))

    def show_watching(self, text: str, tip: str) -> None:
        """Whether new photos are noticed; "" hides it."""
        self.watching.setText(text)
        self.watching.setToolTip(as_tip(tip) if tip else "")
        self.watching.setVisible(bool(text))

    def menu_for(self, folder: Folder | None) -> QMenu:
        """What can be done with a folder, or with all photos."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("&Add folder…", self.add_wanted.emit)
        if folder is not None:
            menu.addAction("&Rescan", lambda: self.rescan_wanted.emit(folder.path))
            menu.addAction("&Show in file manager", lambda: self.show_wanted.emit(folder.path))
            menu.addSeparator()
            menu.addAction("Re&move from library…", lambda: self.removal_wanted.emit(folder))
        return menu

    def _paths(self) -> list[Path | None]:
        """Of the rows: None for all photos."""
        folders = [self.scopes.item(row).data(_FOLDER_ROLE) for row in range(self.scopes.count())]
        return [folder.path if folder else None for folder in folders]

    def _row_of(self, path: Path | None) -> int:
        for row in range(self.scopes.count()):
            folder: Folder | None = self.scopes.item(row).data(_FOLDER_ROLE)
            if path is not None and folder is not None and folder.path == path:
                return row
        return 0

    def _tell_scope(self) -> None:
        self.scope_chosen.emit(self.scope)

    def _open_menu(self, position: QPoint) -> None:
        item = self.scopes.itemAt(position) or self.scopes.item(0)
        self.menu_for(item.data(_FOLDER_ROLE)).popup(self.scopes.mapToGlobal(position))

    def _build(self) -> None:
        self.scopes = QListWidget()
        self.scopes.setAccessibleName("Folders of the library")
        self.scopes.setItemDelegate(_ScopeDelegate(self.scopes))
        self.scopes.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.scopes.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.add_button = icon_button("&Add folder…", "folder-add", role="quiet")
        self.models_button = icon_button("&Models", "models", role="quiet")
        self.settings_button = icon_button("S&ettings", "settings", role="quiet")
        self.watching = plain_label("", "Muted")
        self.watching.setContentsMargins(9, 2, 4, 2)
        self.watching.setMinimumWidth(10)  # a long text is cut, and does not widen the panel
        self.watching.hide()
        self.add_button.clicked.connect(self.add_wanted)
        self.models_button.clicked.connect(self.models_wanted)
        self.settings_button.clicked.connect(self.settings_wanted)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 14, 8, 8)
        column.setSpacing(4)
        column.addWidget(plain_label("LIBRARY", "SectionTitle"))
        column.addWidget(self.scopes, 1)
        column.addWidget(self.watching)
        for button in (self.add_button, self.models_button, self.settings_button):
            column.addWidget(button)


class _ScopeDelegate(QStyledItemDelegate):
    """A row: icon, name, count on the right."""

    def sizeHint(
        self, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return QSize(0, ROW_PIXELS)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        view = option.widget
        rect = option.rect
        style = view.style()
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, view)
        colours = QGuiApplication.palette()
        muted = colours.color(QPalette.ColorRole.PlaceholderText)
        metrics = QFontMetrics(view.font())
        inside = rect.adjusted(9, 0, -10, 0)
        picture = QRect(inside.left(), inside.center().y() - 8, 18, 18)
        icon(index.data(_ICON_ROLE), muted).paint(painter, picture)
        count = index.data(_COUNT_ROLE)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(view.font())
        painter.setPen(muted)
        painter.drawText(inside, int(middle | Qt.AlignmentFlag.AlignRight), count)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(colours.color(QPalette.ColorRole.Highlight))
            painter.drawRoundedRect(rect.adjusted(1, 1, -2, -2), 6, 6)
        painter.setPen(colours.color(QPalette.ColorRole.Text))
        room = inside.adjusted(27, 0, -metrics.horizontalAdvance(count) - 8, 0)
        name = metrics.elidedText(index.data(), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, int(middle | Qt.AlignmentFlag.AlignLeft), name)


def _fill(item: QListWidgetItem, folder: Folder | None, total: int) -> None:
    """Show a folder, or all photos."""
    if folder is None:
        _show(item, "All photos", f"{total:,}", "photos")
    elif folder.connected:
        _show(item, _name_of(folder), f"{_at_hand(folder):,}", "folder")
        item.setToolTip(as_tip("\n".join([str(folder.path), *_drives_away(folder)])))
    elif folder.moved_to is not None:
        _show(item, _name_of(folder), "moved", "folder-away")
        now = f"All its {folder.photos:,} photos are in {folder.moved_to} now."
        item.setToolTip(as_tip(f"{folder.path}\nIt is not there any more. {now}"))
    else:
        _show(item, _name_of(folder), "not connected", "folder-away")
        kept = f"Not connected. Its {folder.photos:,} photos are kept."
        item.setToolTip(as_tip(f"{folder.path}\n{kept}"))
    item.setData(_FOLDER_ROLE, folder)


def _at_hand(folder: Folder) -> int:
    return folder.photos - sum(drive.photos for drive in folder.drives_away)


def _drives_away(folder: Folder) -> list[str]:
    return [
        f"{drive.path} is not connected. Its {drive.photos:,} photos are kept."
        for drive in folder.drives_away
    ]


def _name_of(folder: Folder) -> str:
    return name_of(folder.path)


def _show(item: QListWidgetItem, name: str, count: str, picture: str) -> None:
    item.setText(name)
    item.setData(_COUNT_ROLE, count)
    item.setData(_ICON_ROLE, picture)
    item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{name}, {count}")
