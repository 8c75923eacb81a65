"""The menu bar with its shortcuts, and the list of all shortcuts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QDialog, QFormLayout, QMainWindow, QWidget

from mmsearch_desktop.ui.theme import plain_label

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a menu; no text: a separator."""

    text: str = ""
    act: Callable[[], object] | None = None
    shortcut: str = ""


def build_menus(window: QMainWindow, menus: Sequence[tuple[str, Sequence[Entry]]]) -> None:
    for title, entries in menus:
        menu = window.menuBar().addMenu(title)
        for entry in entries:
            if entry.act is None:
                menu.addSeparator()
                continue
            action = QAction(entry.text, window)
            action.setShortcut(QKeySequence(entry.shortcut))
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
        form = QFormLayout(self)
        form.setContentsMargins(24, 20, 24, 20)
        form.setHorizontalSpacing(28)
        form.setVerticalSpacing(9)
        for _title, entries in menus:
            for entry in entries:
                if entry.shortcut:
                    text = entry.text.replace("&", "").rstrip("…")
                    self._add(form, entry.shortcut, text)
        for keys, text in _IN_LISTS:
            self._add(form, keys, text)

    def _add(self, form: QFormLayout, keys: str, text: str) -> None:
        form.addRow(plain_label(keys, "Tag"), plain_label(text))


_IN_LISTS = (
    ("Enter", "Search at once; on a photo: open it"),
    ("Esc", "Clear the search"),
    ("Tab", "To the next part of the window"),
    ("Menu key", "What can be done with the chosen photo or folder"),
)
