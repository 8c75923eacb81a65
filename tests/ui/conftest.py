"""A window with a small library of its own, for every test that asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtGui import QGuiApplication

from tests.ui.windows import Rig, coloured_photos, is_idle, shown_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.ui.main_window import MainWindow


@pytest.fixture(autouse=True)
def nothing_copied() -> Iterator[None]:
    """What a test leaves on the clipboard would outlive Python, and crash at the very end."""
    yield
    if QGuiApplication.instance() is not None:
        QGuiApplication.clipboard().clear()


@pytest.fixture
def rig(tmp_path: Path, qapp: object) -> Rig:
    return Rig(library=tmp_path / "library")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "holiday"
    coloured_photos(folder, "red", "green", "blue")
    return folder


@pytest.fixture
def window(rig: Rig, photos: Path, qtbot: QtBot) -> Iterator[MainWindow]:
    """With three photos in its library."""
    rig.folders = [photos]
    with rig.window() as window:
        qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) == 3)
        yield window
