"""Puts the window together from its parts and runs it.

Workers hand their results to Qt's own event loop by queued signals, so no other loop is needed.
Heavy imports (torch, transformers, Milvus) happen on workers after the window is shown.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QMessageLogContext, QSocketNotifier, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from mmsearch_desktop import __version__, doctor, settings
from mmsearch_desktop.search.samples import find_samples
from mmsearch_desktop.ui import crash_report
from mmsearch_desktop.ui.crash_desk import CrashDesk
from mmsearch_desktop.ui.crash_log import Logs, log_folder
from mmsearch_desktop.ui.desktop import Desktop
from mmsearch_desktop.ui.engine import Engine, Services, standard_services
from mmsearch_desktop.ui.main_window import MainWindow
from mmsearch_desktop.ui.neighbours import Neighbours
from mmsearch_desktop.ui.pictures_in import Given
from mmsearch_desktop.ui.preferences import Overrides, Preferences
from mmsearch_desktop.ui.theme import Appearance, application_icon

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType

_qt_log = logging.getLogger("mmsearch.qt")
# Looking through all objects for garbage takes 0.3 s with a library of 100,000 photos, in which the
# window stands still. Most garbage dies young; the rest is let lie for longer than Python would.
_GARBAGE = (10_000, 50, 1000)
_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
}


class Options(Protocol):
    """What the command line says about the window."""

    library: Path | None
    embedder: str | None
    judge: str | None
    offline: bool
    folders: list[Path]
    paths: list[Path]  # folders to add, a picture to search with


def run(options: Options) -> int:
    """Show the window until it is closed. The exit status."""
    logs = Logs(log_folder())
    logs.start()
    last_crash = logs.last_crash(lambda: crash_report.about_program(doctor.PACKAGES))
    logs.watch_for_native_crashes()
    try:
        return _run(options, logs, last_crash)
    finally:
        logs.end()


def _run(options: Options, logs: Logs, last_crash: Path | None) -> int:
    gc.set_threshold(*_GARBAGE)
    messages = QtMessages()
    qInstallMessageHandler(messages)
    application = make_application()
    messages.window_is_possible()
    crashes = CrashDesk(logs, Desktop(), doctor.PACKAGES)
    stop_hearing = crashes.install()
    try:
        window = make_window(application, options, standard_services(settings.models_folder()))
    except Exception as error:  # noqa: BLE001 the border: without a window, this is all there is
        crashes.tell_at_the_end(error)
        return 1
    stop_watching = _close_on_signals(window.close)
    window.show()
    crashes.show_on(window)
    crashes.quit_wanted.connect(lambda: application.exit(1))
    if last_crash is not None:
        crashes.tell_of_last_time(last_crash)
    window.start()
    if options.paths:
        window.receive(Given(paths=tuple(options.paths)))
    try:
        return application.exec()
    finally:
        stop_watching()
        stop_hearing()
        gc.freeze()  # or Python searches all that torch made for garbage, for a second or more


def make_application() -> QApplication:
    application = QApplication(sys.argv[:1])
    application.setApplicationName("mmsearch-desktop")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("mmsearch-desktop")
    application.setWindowIcon(application_icon())
    return application


def make_window(application: QApplication, options: Options, services: Services) -> MainWindow:
    """The window with all its parts, not shown and not started yet."""
    stored = settings.load()
    preferences = Preferences(
        stored,
        Overrides(options.library, options.embedder, options.offline, options.judge),
        save=settings.save,
    )
    engine = Engine(services)
    window = MainWindow(
        engine,
        preferences,
        Appearance(application, stored.theme),
        Desktop(),
        models_folder=settings.models_folder(),
        folders=options.folders,
        samples=find_samples(),
    )
    Neighbours(window, engine, preferences, [*options.folders, *options.paths])
    return window


class QtMessages:
    """Qt's own messages go to the log; before one of them ends the program, it is told plainly.

    Without a screen that answers, or a library that Qt needs, Qt aborts: a crash to whoever looks.
    """

    def __init__(self) -> None:
        self._early: list[str] | None = []  # while there may be no window at all

    def window_is_possible(self) -> None:
        early, self._early = self._early or [], None
        for text in early:
            _qt_log.warning("%s", text)

    def __call__(self, kind: QtMsgType, _context: QMessageLogContext, text: str) -> None:
        if kind is QtMsgType.QtFatalMsg:
            self._give_up(text)
        elif self._early is not None and kind is not QtMsgType.QtDebugMsg:
            self._early.append(text.strip())
        else:
            _qt_log.log(_LEVELS.get(kind, logging.INFO), "%s", text)

    def _give_up(self, text: str) -> None:
        """Qt would abort after this; there is nothing open yet that has to be closed."""
        from mmsearch_desktop.terminal import PROGRAM, fail

        if self._early is None:
            status = fail(
                f"Qt cannot go on: {text}. Start the program again; photos are untouched."
            )
        else:
            status = fail(
                f"the window cannot be opened: {' '.join(self._early[:1]) or text}. Start it from a"
                f" desktop session, or use the commands: {PROGRAM} --help. What this computer"
                f" lacks says: {PROGRAM} doctor"
            )
        sys.stderr.flush()
        os._exit(status)


def _close_on_signals(close: Callable[[], object]) -> Callable[[], None]:
    """Ctrl+C and a polite kill close the window in its own order. Returns how to undo it.

    Python runs its handlers only between its own instructions: there are none while Qt waits, and
    they may be those of painting, in which nothing may be closed. So the handler does nothing, and
    the signal also writes to a socket that Qt watches.
    """
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)  # noqa: FBT003 the socket's own call
    wakeup_before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    notifier = QSocketNotifier(ours.fileno(), QSocketNotifier.Type.Read)

    def close_now() -> None:
        ours.recv(64)
        close()

    notifier.activated.connect(close_now)
    before = {number: signal.signal(number, _heard) for number in (signal.SIGINT, signal.SIGTERM)}

    def undo() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup_before)
        notifier.setEnabled(False)
        ours.close()
        theirs.close()

    return undo


def _heard(_number: int, _frame: FrameType | None) -> None:
    """Python's part of a signal, where Qt does the rest."""
