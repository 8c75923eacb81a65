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
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QMessageLogContext, QSocketNotifier, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from mmsearch_desktop import __version__, settings
from mmsearch_desktop.ui.desktop import Desktop
from mmsearch_desktop.ui.engine import Engine, Services, standard_services
from mmsearch_desktop.ui.main_window import MainWindow
from mmsearch_desktop.ui.preferences import Overrides, Preferences
from mmsearch_desktop.ui.theme import Appearance, application_icon

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType, TracebackType

_log = logging.getLogger("mmsearch.app")
_qt_log = logging.getLogger("mmsearch.qt")
_LOG_BYTES = 1_000_000
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


def run(options: Options) -> int:
    """Show the window until it is closed. The exit status."""
    _write_log(settings.data_folder() / "log.txt")
    gc.set_threshold(*_GARBAGE)
    messages = QtMessages()
    qInstallMessageHandler(messages)
    application = make_application()
    messages.window_is_possible()
    window = make_window(application, options, standard_services(settings.models_folder()))
    sys.excepthook = _telling_hook(window.report)
    stop_watching = _close_on_signals(window.close)
    window.show()
    window.start()
    try:
        return application.exec()
    finally:
        stop_watching()
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
    return MainWindow(
        Engine(services),
        preferences,
        Appearance(application, stored.theme),
        Desktop(),
        models_folder=settings.models_folder(),
        folders=options.folders,
    )


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


def _telling_hook(
    tell: Callable[[Exception], None],
) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    """For `sys.excepthook`: log what nobody caught, and show it in the window."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not isinstance(error, Exception):
            sys.__excepthook__(kind, error, trace)
            return
        _log.error("not caught", exc_info=(kind, error, trace))
        tell(error)

    return hook


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


def _write_log(path: Path) -> None:
    """Warnings and errors go to a file as well, where that can be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=1, delay=True)
    except OSError as error:
        _log.warning("%s cannot be written (%s); nothing is logged to a file", path, error)
        return
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
