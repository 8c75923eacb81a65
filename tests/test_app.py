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
    qtbot.waitUntil(lambda: window.parts.pages.currentWidget() is window.parts.models_page)
    assert window.parts.status.model.text() == "No model"


def test_an_error_that_nobody_caught_is_shown_and_logged(
    window: MainWindow, caplog: pytest.LogCaptureFixture
) -> None:
    hook = app._telling_hook(window.report)
    error = ValueError("seven is not even")
    with caplog.at_level(logging.ERROR, "mmsearch.app"):
        hook(ValueError, error, None)
    assert "seven is not even" in window.parts.messages.text.text()
    assert "not caught" in caplog.text


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


def test_errors_are_written_to_a_log_of_bounded_size(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = list(root.handlers)
    try:
        app._write_log(tmp_path / "data" / "log.txt")
        logging.getLogger("mmsearch.test").warning("a drive is away")
        assert "a drive is away" in (tmp_path / "data" / "log.txt").read_text(encoding="utf-8")
    finally:
        for handler in set(root.handlers) - set(before):
            root.removeHandler(handler)
            handler.close()


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("", encoding="utf-8")
    before = list(logging.getLogger().handlers)
    app._write_log(in_the_way / "log.txt")
    assert logging.getLogger().handlers == before


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
