"""Drags, drops and pastes as the window system would send them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import PySide6
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QGuiApplication,
    QImage,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_ACTIONS = Qt.DropAction.CopyAction | Qt.DropAction.MoveAction
_LEFT, _NO_KEYS = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def files(paths: Sequence[Path]) -> QMimeData:
    """As file managers give files."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    mime.setText("\n".join(str(path) for path in paths))
    return mime


def picture(image: QImage) -> QMimeData:
    """As programs that copy a part of a picture give it."""
    mime = QMimeData()
    mime.setImageData(image)
    return mime


def words(text: str) -> QMimeData:
    mime = QMimeData()
    mime.setText(text)
    return mime


def drop(widget: QWidget, mime: QMimeData, offered: Qt.DropAction = _ACTIONS) -> bool:
    """Enter, move, drop in the middle; whether all three were accepted."""
    return answer(widget, mime, offered) is not None


def answer(widget: QWidget, mime: QMimeData, offered: Qt.DropAction) -> Qt.DropAction | None:
    """The action that a drop of the offered ones is accepted with; None: refused."""
    enter = QDragEnterEvent(_place(widget), offered, mime, _LEFT, _NO_KEYS)
    move = QDragMoveEvent(_place(widget), offered, mime, _LEFT, _NO_KEYS)
    let_go = QDropEvent(QPointF(widget.rect().center()), offered, mime, _LEFT, _NO_KEYS)
    for event in (enter, move, let_go):
        QApplication.sendEvent(widget, event)
        if not event.isAccepted():
            QApplication.sendEvent(widget, QDragLeaveEvent())  # or Qt remembers the widget for ever
            return None
    return let_go.dropAction()


def copy(mime: QMimeData) -> None:
    """Put it on the clipboard, which owns it from now on."""
    QGuiApplication.clipboard().setMimeData(mime)


def press(widget: QWidget, key: Qt.Key, modifiers: Qt.KeyboardModifier = _NO_KEYS) -> None:
    QTest.keyClick(widget, key, modifiers)


def paste(widget: QWidget) -> None:
    press(widget, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)


def type_text(widget: QWidget, text: str) -> None:
    QTest.keyClicks(widget, text)


def _place(widget: QWidget) -> QPoint:
    """PySide6 before 6.12 takes only a QPoint here, later ones want a QPointF."""
    middle = widget.rect().center()
    if PySide6.__version_info__ >= (6, 12):
        return QPointF(middle)  # type: ignore[return-value] # the stubs are those of 6.11
    return middle
