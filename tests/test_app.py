"""The composition root: what is imported before the window shows, errors, signals, and the end."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QMessageLogContext, QTimer, QtMsgType
from PySide6.QtWidgets import QApplication

from mmsearch_desktop import app
from mmsearch_desktop.search.samples import find_samples
from mmsearch_desktop.ui.crash_log import Logs
from mmsearch_desktop.ui.engine import standard_services

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.ui.main_window import MainWindow

_PROJECT = Path(__file__).resolve().parents[1]


@dataclass
class Options:
    library: Path | None = None
    embedder: str | None = None
    judge: str | None = None
    offline: bool = False
    folders: list[Path] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    made = app.make_window(application, Options(), standard_services(tmp_path / "models"))
    made.show()
    yield made
    made.close()
    made.deleteLater()


_HEAVY = """
import json, sys
from PySide6.QtWidgets import QApplication
from mmsearch_desktop import app
from mmsearch_desktop.ui.crash_log import Logs
from mmsearch_desktop.ui.engine import standard_services
from tests.test_app import Options
from pathlib import Path
application = app.make_application()
window = app.make_window(application, Options(), standard_services(Path("models")))
window.show()
application.processEvents()
heavy = ("torch", "transformers", "pymilvus", "milvus_lite", "httpx", "safetensors")
print(json.dumps([name for name in heavy if name in sys.modules]))
window.close()
"""


def test_nothing_heavy_is_imported_before_the_window_shows(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _HEAVY],
        cwd=_PROJECT,
        env=os.environ | {"MMSEARCH_DESKTOP_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout) == []


def test_without_weights_the_window_starts_and_says_so(window: MainWindow, qtbot: QtBot) -> None:
    window.start()
    qtbot.waitUntil(lambda: window.parts.status.model.text() == "No model")
    parts = window.parts
    first = parts.models_page if find_samples() is None else parts.drop_zone
    qtbot.waitUntil(lambda: parts.pages.currentWidget() is first)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signal")
def test_a_polite_kill_closes_the_window(window: MainWindow, qtbot: QtBot) -> None:
    undo = app._close_on_signals(window.close)
    try:
        QTimer.singleShot(0, lambda: os.kill(os.getpid(), signal.SIGTERM))
        qtbot.waitUntil(lambda: not window.isVisible())
    finally:
        undo()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is always a screen")
@pytest.mark.parametrize(
    ("screen", "fact"),
    [
        ({"DISPLAY": ":987"}, "could not connect to display :987"),
        ({"WAYLAND_DISPLAY": "nowhere", "DISPLAY": ""}, "wl_display"),
        ({"QT_QPA_PLATFORM": "nonsense"}, 'platform plugin "nonsense"'),
    ],
    ids=["x", "wayland", "no such platform"],
)
def test_a_screen_that_does_not_answer_is_told_without_a_crash(
    screen: dict[str, str], fact: str, tmp_path: Path
) -> None:
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-m", "mmsearch_desktop"],
        cwd=_PROJECT,
        env=kept | screen | {"MMSEARCH_DESKTOP_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("mmsearch-desktop: the window cannot be opened: ")
    assert fact in last
    assert "mmsearch-desktop doctor" in last


def test_what_qt_says_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    messages = app.QtMessages()
    with caplog.at_level(logging.INFO, "mmsearch.qt"):
        messages(QtMsgType.QtWarningMsg, QMessageLogContext(), "early")
        assert caplog.text == ""
        messages.window_is_possible()
        messages(QtMsgType.QtInfoMsg, QMessageLogContext(), "late")
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "early"),
        ("INFO", "late"),
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signal")
def test_the_whole_program_runs_and_ends_when_asked(tmp_path: Path) -> None:
    code = (
        "from mmsearch_desktop import app\n"
        "from tests.test_app import Options\n"
        "raise SystemExit(app.run(Options(offline=True)))\n"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=_PROJECT,
        env=os.environ | {"MMSEARCH_DESKTOP_DATA": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    with program:
        catalogue = tmp_path / "library" / "catalogue.sqlite"
        while not catalogue.is_file() and program.poll() is None:
            time.sleep(0.05)
        program.send_signal(signal.SIGTERM)
        _, said = program.communicate(timeout=60)
    assert (program.returncode, said) == (0, "")
    assert (tmp_path / "settings.json").is_file()
    assert list((tmp_path / "logs").iterdir()) == []  # nothing was wrong, and it ended in order


_CRASHES = """
import ctypes, sys, threading, time
from pathlib import Path
from mmsearch_desktop import app
from tests.test_app import Options
def crash():
    while not Path(sys.argv[1]).is_file():
        time.sleep(0.05)
    ctypes.string_at(0)
threading.Thread(target=crash, daemon=True).start()
app.run(Options(offline=True))
"""


def test_a_native_crash_of_the_window_is_reported_by_the_next_one(tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = subprocess.run(
        [sys.executable, "-c", _CRASHES, str(data / "library" / "catalogue.sqlite")],
        cwd=_PROJECT,
        env=os.environ | {"MMSEARCH_DESKTOP_DATA": str(data)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    logs = Logs(data / "logs")
    report = logs.last_crash(lambda: ["about"])
    assert report is not None
    text = report.read_text(encoding="utf-8")
    assert "in crash" in text
    assert 'File "mmsearch_desktop/app.py"' in text  # the window's thread, shortened


def test_a_window_that_cannot_be_made_ends_the_program_with_a_report(tmp_path: Path) -> None:
    code = (
        "from mmsearch_desktop import app\n"
        "class Broken: library = embedder = judge = None\n"  # without the rest of the options
        "raise SystemExit(app.run(Broken()))\n"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=_PROJECT,
        env=os.environ | {"MMSEARCH_DESKTOP_DATA": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    with program:
        log = tmp_path / "logs" / "log.txt"
        while not log.is_file() and program.poll() is None:
            time.sleep(0.05)
        still_open = program.poll() is None
        program.kill()
    assert still_open  # the dialog waits to be read
    assert "the window cannot be made" in log.read_text(encoding="utf-8")
