"""The menu bar with its shortcuts, and the list of all shortcuts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QDialog, QFormLayout, QHBoxLayout, QMainWindow, QVBoxLayout, QWidget

from mmsearch_desktop.ui.theme import plain_label

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a menu; no text: a separator."""

    text: str = ""
    act: Callable[[], object] | None = None
    shortcut: str = ""
    also: str = ""  # a second shortcut


def build_menus(window: QMainWindow, menus: Sequence[tuple[str, Sequence[Entry]]]) -> None:
    for title, entries in menus:
        menu = window.menuBar().addMenu(title)
        for entry in entries:
            if entry.act is None:
                menu.addSeparator()
                continue
            action = QAction(entry.text, window)
            keys = [key for key in (entry.shortcut, entry.also) if key]
            action.setShortcuts([QKeySequence(key) for key in keys])
            action.triggered.connect(lambda _checked=False, act=entry.act: act())
            menu.addAction(action)


class ShortcutsDialog(QDialog):
    """Every shortcut, read from the menus, and the keys that the lists understand."""

    def __init__(
        self, menus: Sequence[tuple[str, Sequence[Entry]]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        columns = QHBoxLayout(self)
        columns.setContentsMargins(28, 20, 28, 24)
        columns.setSpacing(44)
        left, right = QVBoxLayout(), QVBoxLayout()
        for column in (left, right):
            column.setSpacing(18)
            columns.addLayout(column)
        for title, entries in menus:
            left.addLayout(_section(title.replace("&", ""), _keys_of(entries)))
        right.addLayout(_section("Photos", _ON_PHOTOS))
        right.addLayout(_section("Everywhere", _EVERYWHERE))
        for column in (left, right):
            column.addStretch(1)


def _keys_of(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    return [
        (
            f"{entry.shortcut} or {entry.also}" if entry.also else entry.shortcut,
            entry.text.replace("&", "").rstrip("…"),
        )
        for entry in entries
        if entry.shortcut
    ]


def _section(title: str, keys: Sequence[tuple[str, str]]) -> QFormLayout:
    form = QFormLayout()
    form.setHorizontalSpacing(22)
    form.setVerticalSpacing(6)
    form.addRow(plain_label(title, "OfferName"))
    for key, text in keys:
        form.addRow(plain_label(key, "Tag"), plain_label(text))
    return form


_ON_PHOTOS = (
    ("Enter", "Open"),
    ("Ctrl+Enter", "Search with this photo"),
    ("Ctrl+Shift+Enter", "Show in folder"),
    ("Ctrl+C", "Copy paths"),
    ("Ctrl+Shift+C", "Copy the picture"),
    ("Ctrl++ and Ctrl+-", "Larger and smaller pictures"),
    ("Shift+arrows, Ctrl+A", "Choose several, or all"),
    ("Letters", "Go on with the words"),
)
_EVERYWHERE = (
    ("Enter", "In the words: search at once"),
    ("Down", "In the words: to the photos"),
    ("Esc", "Clear the search"),
    ("Tab", "To the next part of the window"),
    ("Menu key", "What can be done with a photo or folder"),
)
