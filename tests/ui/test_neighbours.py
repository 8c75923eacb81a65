"""Two windows on one library: found, handed over to, brought to the front, or said to be silent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.ui.neighbours import Doorbell, Neighbours, Ring, _name_of
from tests.ui.windows import Rig, coloured_photos, is_idle, page, shown_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.ui.main_window import MainWindow

SLOW_MS = 60_000  # three programs start here
PROJECT = Path(__file__).resolve().parents[2]


@contextmanager
def neighbour(rig: Rig, *given: Path, patience_ms: int = 30_000) -> Iterator[MainWindow]:
    rig.folders = given
    with rig.window() as window:
        window._preferences._overrides = rig.overrides.__class__(library=rig.library)
        Neighbours(window, window._engine, window._preferences, given, patience_ms=patience_ms)
        yield window


@pytest.fixture
def first(rig: Rig, qtbot: QtBot) -> Iterator[MainWindow]:
    with neighbour(rig) as window:
        qtbot.waitUntil(lambda: is_idle(window))
        yield window


def test_the_second_says_so_and_shows_the_first(rig: Rig, first: MainWindow, qtbot: QtBot) -> None:
    first.showMinimized()
    with neighbour(rig) as second:
        trouble = second.parts.trouble
        qtbot.waitUntil(trouble.first_button.isVisible)
        assert page(second) is trouble
        assert trouble.title.text() == "The library is in use"
        assert f"(process {os.getpid()})" in trouble.text.text()
        trouble.first_button.click()
        qtbot.waitUntil(lambda: not second.isVisible())
    assert not first.windowState() & Qt.WindowState.WindowMinimized
    assert first.isVisible()


def test_what_the_second_was_given_goes_to_the_first(
    rig: Rig, first: MainWindow, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / (os.fsdecode(b"h\xf6liday\n") if sys.platform == "linux" else "höliday")
    coloured_photos(odd, "red", "blue")
    monkeypatch.chdir(tmp_path)
    with neighbour(rig, Path(odd.name)) as second:
        qtbot.waitUntil(lambda: not second.isVisible())
        qtbot.waitUntil(lambda: is_idle(first) and len(shown_names(first)) == 2)


def test_a_command_that_has_the_library_is_named_by_its_process(rig: Rig, qtbot: QtBot) -> None:
    with Library(rig.library), neighbour(rig, rig.library.parent) as second:
        qtbot.waitUntil(lambda: page(second) is second.parts.trouble)
        qtbot.wait(100)
        assert second.isVisible()
        assert not second.parts.trouble.first_button.isVisible()
        assert f"(process {os.getpid()})" in second.parts.trouble.text.text()


def test_a_line_that_is_none_is_not_answered(tmp_path: Path, qtbot: QtBot) -> None:
    doorbell = Doorbell()
    heard: list[object] = []
    doorbell.rung.connect(heard.append)
    doorbell.listen(tmp_path)
    for line in (b"nonsense\n", b"7\n", b"[1]\n", b"[" * 2_000_000):
        socket = QLocalSocket()
        socket.connectToServer(_name_of(tmp_path))
        with qtbot.waitSignal(socket.disconnected):
            socket.write(line)
    assert heard == []
    with qtbot.waitSignal(Ring(tmp_path, [tmp_path / "album"], parent=doorbell).answered):
        pass
    assert heard == [(tmp_path / "album",)]
    doorbell.close()
    with qtbot.waitSignal(Ring(tmp_path, parent=doorbell).silent):
        pass


FIRST = """
import sys
import time
from pathlib import Path
from PySide6.QtWidgets import QApplication
from tests.ui.windows import Rig, is_idle, shown_names
from tests.ui.test_neighbours import neighbour

application = QApplication([])
with neighbour(Rig(library=Path(sys.argv[1])), *map(Path, sys.argv[2:])) as window:
    said = None
    while window.isVisible():
        time.sleep(0.01)
        application.processEvents()
        trouble = window.parts.trouble
        now = f"{len(shown_names(window))} {is_idle(window)} {trouble.first_button.isVisible()}"
        if "does not answer" in trouble.text.text():
            now = "silent"
        if now != said:
            print(now, flush=True)
        said = now
"""


@contextmanager
def _process(*arguments: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", FIRST, *arguments], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _until(process: subprocess.Popen[str], said: str) -> None:
    assert process.stdout is not None
    heard = []
    for line in process.stdout:
        heard.append(line.strip())
        if heard[-1] == said:
            return
    raise AssertionError(f"{said!r} was not said, but {heard}")


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGSTOP")
def test_two_real_programs(rig: Rig, photos: Path, qtbot: QtBot) -> None:
    with _process(rig.library) as first:
        _until(first, "0 True False")
        with _process(rig.library, photos) as second:
            assert second.wait(60) == 0
        _until(first, "3 True False")
        first.send_signal(signal.SIGSTOP)
        with neighbour(rig, patience_ms=300) as third:
            button = third.parts.trouble.first_button
            qtbot.waitUntil(button.isVisible, timeout=SLOW_MS)
            assert f"(process {first.pid})" in third.parts.trouble.text.text()
            button.click()
            silent = "does not answer"
            qtbot.waitUntil(lambda: silent in third.parts.trouble.text.text(), timeout=SLOW_MS)
            assert third.isVisible()
            first.kill()
            first.wait()
            third.parts.trouble.retry_button.click()
            qtbot.waitUntil(
                lambda: is_idle(third) and len(shown_names(third)) == 3, timeout=SLOW_MS
            )
    QLocalServer.removeServer(_name_of(rig.library))
