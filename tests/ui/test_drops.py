"""Drags held over the window: what they would do is said, and only copies are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget

from tests.ui import qt_events
from tests.ui.windows import Rig, is_idle, page

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.ui.main_window import MainWindow

_COPY = Qt.DropAction.CopyAction
_LEFT, _NO_KEYS = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def hold(window: MainWindow, mime: QMimeData, place: QPoint | None = None) -> bool:
    """Enter and move there; whether a drop would be taken."""
    enter = QDragEnterEvent(place or window.rect().center(), _COPY, mime, _LEFT, _NO_KEYS)
    move = QDragMoveEvent(place or window.rect().center(), _COPY, mime, _LEFT, _NO_KEYS)
    QApplication.sendEvent(window, enter)
    QApplication.sendEvent(window, move)
    return enter.isAccepted() and move.isAccepted()


def leave(window: MainWindow) -> None:
    """Qt remembers the window that a drag is over until it leaves, or drops."""
    QApplication.sendEvent(window, QDragLeaveEvent())


def dragged(widget: QWidget) -> bool:
    return bool(widget.property("dragged"))


def test_what_is_held_over_photos_is_told_what_it_would_do(
    window: MainWindow, photos: Path
) -> None:
    hint = window.drops.hint
    assert hold(window, qt_events.files([photos]))
    assert hint.isVisible()
    assert "folder is added" in hint.text()
    assert "picture is searched with" in hint.text()
    assert dragged(window.parts.query_bar.field)
    leave(window)
    assert not hint.isVisible()
    assert not dragged(window.parts.query_bar.field)


def test_a_drop_ends_what_was_shown(window: MainWindow, photos: Path) -> None:
    assert qt_events.drop(window, qt_events.files([photos]))
    assert not window.drops.hint.isVisible()
    assert not dragged(window.parts.query_bar.field)


def test_the_drop_zone_says_so_itself(rig: Rig, photos: Path, qtbot: QtBot) -> None:
    with rig.window() as window:
        qtbot.waitUntil(lambda: is_idle(window))
        assert page(window) is window.parts.drop_zone
        assert hold(window, qt_events.files([photos]))
        assert dragged(window.parts.drop_zone.zone)
        assert not window.drops.hint.isVisible()
        leave(window)
        assert not dragged(window.parts.drop_zone.zone)


def test_what_is_of_no_use_is_not_taken(window: MainWindow) -> None:
    empty = QMimeData()
    empty.setData("application/x-something", b"1")
    assert not hold(window, empty)
    assert not window.drops.hint.isVisible()


def test_a_photo_of_the_grid_is_taken_on_the_query_alone(
    window: MainWindow, photos: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    """Qt knows a drag's source only while it really drags, so it is told here."""
    for kind in (QDragEnterEvent, QDragMoveEvent, QDropEvent):
        monkeypatch.setattr(kind, "source", lambda _self: window.parts.results)
    mime, bar = qt_events.files([photos / "red.png"]), window.parts.query_bar
    assert not hold(window, mime)
    assert not dragged(bar.field)
    there = bar.mapTo(window, bar.rect().center())
    assert hold(window, mime, there)
    assert dragged(bar.field)
    assert not window.drops.hint.isVisible()
    beside = QDropEvent(QPointF(window.rect().center()), _COPY, mime, _LEFT, _NO_KEYS)
    QApplication.sendEvent(window, beside)
    assert not beside.isAccepted()
    assert hold(window, mime, there)  # a drop comes after that alone
    on_it = QDropEvent(QPointF(there), _COPY, mime, _LEFT, _NO_KEYS)
    QApplication.sendEvent(window, on_it)
    qtbot.waitUntil(lambda: bar.query().picture is not None)
