"""Errors that nobody caught, on any thread: one dialog, counted; explained ones only in a line."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication

from mmsearch_desktop.domain import FolderProblem
from mmsearch_desktop.ui.crash_desk import CrashDesk
from mmsearch_desktop.ui.crash_dialog import CrashDialog
from mmsearch_desktop.ui.crash_log import Logs
from tests.ui.windows import RememberingDesktop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.ui.main_window import MainWindow


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class _Desktop(RememberingDesktop):
    copied = ""

    def copy_text(self, text: str) -> None:
        self.copied = text


class _Crashes:
    """A desk that hears, on a window of its own."""

    def __init__(self, window: MainWindow, folder: Path) -> None:
        self.window, self.desktop, self.clock = window, _Desktop(), _Clock()
        self.logs = Logs(folder / "logs")
        self.logs.start()
        self.desk = CrashDesk(self.logs, self.desktop, ("pytest",), self.clock)
        self.undo = self.desk.install()
        self.desk.show_on(window)

    @property
    def dialog(self) -> CrashDialog:
        assert self.desk.dialog is not None
        return self.desk.dialog

    @property
    def is_shown(self) -> bool:
        return self.desk.dialog is not None and self.desk.dialog.isVisible()

    @property
    def report(self) -> str:
        return self.dialog.text.toPlainText()

    def close(self) -> None:
        self.undo()
        self.logs.end()
        if self.desk.dialog is not None:
            self.desk.dialog.accept()


@pytest.fixture
def crashes(window: MainWindow, tmp_path: Path) -> Iterator[_Crashes]:
    made = _Crashes(window, tmp_path)
    yield made
    made.close()


def _fail(text: str = "seven is not even") -> None:
    raise ArithmeticError(text)


def _on_the_window_s_thread(text: str = "seven is not even") -> None:
    """As Qt does with an error in a slot."""
    try:
        _fail(text)
    except ArithmeticError as error:
        sys.excepthook(ArithmeticError, error, error.__traceback__)


def test_an_error_on_the_window_s_thread_is_shown(crashes: _Crashes, qtbot: QtBot) -> None:
    _on_the_window_s_thread()
    assert not crashes.is_shown  # not in the middle of whatever was going on
    qtbot.waitUntil(lambda: crashes.is_shown)
    assert crashes.report.startswith("ArithmeticError in the window, 2")
    assert "in _fail" in crashes.report
    assert "seven is not even" in crashes.report
    assert "pytest " in crashes.report
    assert "Colours  ·  processor" in crashes.report
    assert "not caught" in crashes.report  # the log


def test_an_error_on_a_worker_is_shown(crashes: _Crashes, qtbot: QtBot) -> None:
    crashes.window._engine.housekeeping.call(_fail, lambda _: None, lambda _: None)
    qtbot.waitUntil(lambda: crashes.is_shown)
    assert crashes.report.startswith("ArithmeticError in background work")
    assert "in _fail" in crashes.report


def test_an_error_in_a_thread_is_shown(crashes: _Crashes, qtbot: QtBot) -> None:
    thread = threading.Thread(target=_fail, name="counter")
    thread.start()
    qtbot.waitUntil(lambda: crashes.is_shown)
    thread.join()
    assert crashes.report.startswith("ArithmeticError in the thread counter")


def test_an_error_that_is_explained_needs_no_dialog(crashes: _Crashes, qtbot: QtBot) -> None:
    error = FolderProblem("The folder is away. Connect its drive.")
    sys.excepthook(FolderProblem, error, None)
    qtbot.waitUntil(lambda: "The folder is away" in crashes.window.parts.messages.text.text())

    def read() -> str:
        return Path("/nowhere/at all").read_text(encoding="utf-8")

    done: list[Exception] = []
    crashes.window._engine.housekeeping.call(read, lambda _: None, done.append)
    qtbot.waitUntil(lambda: bool(done))
    QApplication.processEvents()
    assert crashes.desk.dialog is None


def test_many_errors_are_one_dialog_that_counts(crashes: _Crashes, qtbot: QtBot) -> None:
    for _ in range(40):
        _on_the_window_s_thread()
    _on_the_window_s_thread("of the same place")
    sys.excepthook(ValueError, ValueError("another"), None)
    qtbot.waitUntil(lambda: crashes.is_shown and "41 times" in crashes.dialog.counts.text())
    qtbot.waitUntil(lambda: "Another error" in crashes.dialog.counts.text())
    assert "seven is not even" in crashes.report
    assert len(crashes.window.findChildren(CrashDialog)) == 1


def test_one_just_seen_is_counted_in_silence_for_a_while(crashes: _Crashes, qtbot: QtBot) -> None:
    _on_the_window_s_thread()
    qtbot.waitUntil(lambda: crashes.is_shown)
    crashes.dialog.go_on_button.click()
    assert crashes.desk.dialog is None
    _on_the_window_s_thread()
    sys.excepthook(ValueError, ValueError("another"), None)  # which is shown
    qtbot.waitUntil(lambda: crashes.is_shown)
    assert crashes.report.startswith("ValueError")
    crashes.dialog.go_on_button.click()
    crashes.clock.now = 61
    _on_the_window_s_thread()
    qtbot.waitUntil(lambda: crashes.is_shown)
    assert crashes.dialog.counts.text() == "It has happened 3 times."


def test_the_library_s_folders_are_no_part_of_the_report(
    crashes: _Crashes, photos: Path, qtbot: QtBot
) -> None:
    _on_the_window_s_thread(f"no row for {photos.name!r} of {photos}")
    qtbot.waitUntil(lambda: crashes.is_shown)
    assert "no row for" in crashes.report
    assert photos.name not in crashes.report
    crashes.dialog.names.click()
    assert str(photos) in crashes.report


def test_report_and_folder_are_given_to_the_desktop(crashes: _Crashes, qtbot: QtBot) -> None:
    _on_the_window_s_thread()
    qtbot.waitUntil(lambda: crashes.is_shown)
    crashes.dialog.copy_button.click()
    assert crashes.desktop.copied == crashes.report
    crashes.dialog.folder_button.click()
    assert crashes.desktop.opened == [crashes.logs.folder]


def test_quitting_closes_the_window(crashes: _Crashes, qtbot: QtBot) -> None:
    _on_the_window_s_thread()
    qtbot.waitUntil(lambda: crashes.is_shown)
    with qtbot.waitSignal(crashes.desk.quit_wanted):
        crashes.dialog.quit_button.click()
    assert not crashes.window.isVisible()
    _on_the_window_s_thread()  # too late to be shown
    QApplication.processEvents()
    assert crashes.desk.dialog is None


def test_errors_before_the_window_are_shown_on_it(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    desk = CrashDesk(Logs(tmp_path / "logs"), RememberingDesktop(), ())
    desk.tell(ValueError("early"), "early on")
    QApplication.processEvents()
    assert window.findChildren(CrashDialog) == []
    desk.show_on(window)
    [dialog] = window.findChildren(CrashDialog)
    assert not dialog.folder_button.isEnabled()  # there is no log folder
    dialog.accept()


def test_a_window_that_cannot_be_made_is_told_of(qtbot: QtBot, tmp_path: Path) -> None:
    desk, seen = CrashDesk(Logs(tmp_path / "logs"), RememberingDesktop(), ()), []

    def look() -> None:
        assert desk.dialog is not None
        seen.append(desk.dialog.text.toPlainText())
        desk.dialog.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, on=False)
        desk.dialog.reject()

    QTimer.singleShot(0, look)
    desk.tell_at_the_end(ValueError("no colours"))
    assert "ValueError while the window was made" in seen[0]


def test_the_last_end_is_told_quietly(crashes: _Crashes) -> None:
    report = crashes.logs.folder / "crash-1.txt"
    crashes.desk.tell_of_last_time(report)
    messages = crashes.window.parts.messages
    assert "ended unexpectedly last time" in messages.text.text()
    assert str(report) in messages.text.text()
    messages.action.click()
    assert crashes.desktop.shown == [report]


def test_hooks_are_put_back(crashes: _Crashes) -> None:
    ours = sys.excepthook, threading.excepthook
    crashes.undo()
    assert sys.excepthook is not ours[0]
    assert threading.excepthook is not ours[1]
