"""The whole window on a real server, milvus-lite 3's own: there and back, and killed in between."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.library.server_address import Server
from mmsearch_desktop.library.stores import Library
from tests.library import servers
from tests.ui.windows import Rig, coloured_photos, is_idle, shown_names, shows_hits, type_words

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.ui.main_window import MainWindow

pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not servers.PYTHON.is_file(), reason="packaging/dev.py test lays .venv-servers"
    ),
]


def until(qtbot: QtBot, condition: Callable[[], bool]) -> None:
    qtbot.waitUntil(condition, timeout=60_000)


def finds(window: MainWindow, colour: str, qtbot: QtBot) -> None:
    type_words(window, colour)
    until(qtbot, lambda: shows_hits(window) and shown_names(window)[:1] == [f"{colour}.png"])


def state(window: MainWindow) -> str:
    return window.parts.status.server.accessibleName()


def test_the_library_lies_on_a_server_that_is_killed_and_comes_back(
    rig: Rig, photos: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    port, data = servers.free_port(), tmp_path / "data of the server"
    running = servers.start_lite(data, port)
    rig.folders = [photos]
    rig.services = {"open_library": lambda _folder: Library(rig.library)}
    try:
        with rig.window() as window:
            window.server.watch._first_ms = 200
            until(qtbot, lambda: is_idle(window) and len(shown_names(window)) == 3)
            window.server.choose(Server(f"127.0.0.1:{port}"))
            until(qtbot, lambda: "on this computer" in state(window) and is_idle(window))
            assert not list(rig.library.rglob("*.db"))
            finds(window, "red", qtbot)
            running.stop(signal.SIGKILL)
            type_words(window, "blue")
            until(qtbot, lambda: window.server.is_gone)
            window.folders.add(coloured_photos(tmp_path / "more", "yellow")[0].parent)
            until(qtbot, lambda: "does not answer" in window.parts.strip.title.text())
            running = servers.start_lite(data, port)
            until(qtbot, lambda: shown_names(window)[:1] == ["blue.png"])
            until(qtbot, lambda: is_idle(window) and not window.server.is_gone)
            finds(window, "yellow", qtbot)
            running.stop(signal.SIGKILL)
        rig.settings, rig.folders = rig.saved[-1], []
        with rig.window() as window:
            until(qtbot, lambda: window.server.is_gone and len(shown_names(window)) == 4)
            window.server.choose(None)
            until(qtbot, lambda: is_idle(window) and not state(window))
            finds(window, "green", qtbot)
    finally:
        running.stop(signal.SIGKILL)
