"""Hears of errors that nobody caught, on any thread, and shows them: one dialog at a time."""

from __future__ import annotations

import logging
import sys
import threading
import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal

from mmsearch_desktop.domain import MmsearchError
from mmsearch_desktop.ui.crash_dialog import CrashDialog
from mmsearch_desktop.ui.crash_report import Fault, about_program, fault_of, report_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from mmsearch_desktop.ui.crash_log import Logs
    from mmsearch_desktop.ui.desktop import Desktop
    from mmsearch_desktop.ui.main_window import MainWindow

_log = logging.getLogger("mmsearch.app")
_WORKERS = "mmsearch.background"  # logs the errors that its tasks did not expect
_QUIET_SECONDS = 60.0  # for an error that the person has just seen and gone on from


class CrashDesk(QObject):
    """Make it on the window's thread. `install` makes it hear; it shows once it has a window."""

    quit_wanted = Signal()  # by the person; the window has been asked to close
    _came = Signal(object)  # Fault, from any thread
    _explained = Signal(object)  # MmsearchError, which is news rather than a fault

    def __init__(
        self,
        logs: Logs,
        desktop: Desktop,
        packages: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`packages`: those whose versions are told."""
        super().__init__()
        self._logs, self._desktop, self._packages = logs, desktop, packages
        self._clock = clock
        self._window: MainWindow | None = None
        self._waiting: list[Fault] = []  # from before there was a window
        self._fault: Fault | None = None  # the one shown now
        self._times: dict[str, int] = {}  # by place
        self._others = 0  # since the dialog was opened
        self._left_at: dict[str, float] = {}  # when the person went on, by place
        self.dialog: CrashDialog | None = None
        self._came.connect(self._take, Qt.ConnectionType.QueuedConnection)

    def install(self) -> Callable[[], None]:
        """Hear of errors from now on. Returns how to undo it."""
        before = sys.excepthook, threading.excepthook
        handler = _WorkerFaults(self.tell)
        sys.excepthook, threading.excepthook = self._hook, self._thread_hook
        logging.getLogger(_WORKERS).addHandler(handler)

        def undo() -> None:
            sys.excepthook, threading.excepthook = before
            logging.getLogger(_WORKERS).removeHandler(handler)

        return undo

    def show_on(self, window: MainWindow) -> None:
        """Show what came so far and what comes on this window, until it closes."""
        self._window = window
        self._logs.know(self._folders)
        self._explained.connect(window.report, Qt.ConnectionType.QueuedConnection)
        waiting, self._waiting = self._waiting, []
        for fault in waiting:
            self._take(fault)

    def tell(self, error: BaseException, where: str) -> None:
        """From any thread; shown when the window's thread is back in its event loop."""
        self._came.emit(fault_of(error, where, self._folders()))

    def tell_of_last_time(self, report: Path) -> None:
        """Quietly: the program ended before it could say why, and this report was left."""
        if self._window is not None:
            self._window.parts.messages.tell(
                "mmsearch-desktop ended unexpectedly last time. Your photos are untouched. There is"
                f" a report of it: {report}",
                "Show report",
                lambda: self._show_report(report),
            )

    def tell_at_the_end(self, error: Exception) -> None:
        """The window could not be made: show why, and wait until that is read."""
        _log.error("the window cannot be made", exc_info=error)
        fault = fault_of(error, "while the window was made")
        self._times[fault.place] = 1
        self._made(fault, may_go_on=False).exec()

    # -- hooks -----------------------------------------------------------------------------

    def _hook(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, Exception):
            sys.__excepthook__(kind, error, trace)
            return
        _log.error("not caught", exc_info=(kind, error, trace))
        if isinstance(error, MmsearchError):
            self._explained.emit(error)
        else:
            self.tell(error, "in the window")

    def _thread_hook(self, told: threading.ExceptHookArgs) -> None:
        if not isinstance(told.exc_value, Exception):
            return  # SystemExit ends a thread in silence
        name = "" if told.thread is None else f" {told.thread.name}"
        _log.error("not caught in the thread%s", name, exc_info=told.exc_value)
        self.tell(told.exc_value, f"in the thread{name}")

    # -- on the window's thread ------------------------------------------------------------

    def _take(self, fault: Fault) -> None:
        if self._window is None:
            self._waiting.append(fault)
            return
        if not self._window.isVisible():  # it is closing; the log has it
            return
        self._times[fault.place] = self._times.get(fault.place, 0) + 1
        if self.dialog is None:
            if not self._was_just_seen(fault):
                self._show(fault)
            return
        if self._fault is not None and fault.place != self._fault.place:
            self._others += 1
        self._renew()

    def _was_just_seen(self, fault: Fault) -> bool:
        left_at = self._left_at.get(fault.place)
        return left_at is not None and self._clock() - left_at < _QUIET_SECONDS

    def _show(self, fault: Fault) -> None:
        self._others = 0
        dialog = self._made(fault)
        dialog.finished.connect(self._leave)
        self._renew()
        dialog.open()

    def _made(self, fault: Fault, *, may_go_on: bool = True) -> CrashDialog:
        about, log = self._about(), self._logs.recent.lines()
        self._fault = fault

        def report(names: bool) -> str:
            times = self._times[fault.place]
            return report_text(fault, times, self._others, about, log, names=names)

        self.dialog = CrashDialog(report, self._window, may_go_on=may_go_on)
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.dialog.copy_wanted.connect(self._desktop.copy_text)
        self.dialog.folder_wanted.connect(self._open_folder)
        self.dialog.folder_button.setEnabled(self._logs.folder.is_dir())
        self.dialog.quit_wanted.connect(self._quit)
        return self.dialog

    def _about(self) -> tuple[str, ...]:
        """Qt's thread only: model and device are read from the window."""
        known = about_program(self._packages)
        return known if self._window is None else (*known, self._window.parts.status.model.text())

    def _renew(self) -> None:
        if self.dialog is not None and self._fault is not None:
            self.dialog.show_counts(self._times[self._fault.place], self._others)

    def _leave(self) -> None:
        if self._fault is not None:
            self._left_at[self._fault.place] = self._clock()
        self.dialog = self._fault = None

    def _quit(self) -> None:
        """In order, if that can still be done."""
        if self._window is not None:
            self._window.close()
        self.quit_wanted.emit()

    def _show_report(self, report: Path) -> None:
        self._desktop.show_in_folder(report)

    def _folders(self) -> list[Path]:
        """Of the library, as last read. Any thread."""
        folders = () if self._window is None else self._window.folders.facts.folders
        return [folder.path for folder in folders]

    def _open_folder(self) -> None:
        self._desktop.open_file(self._logs.folder)


class _WorkerFaults(logging.Handler):
    """Errors of background tasks: told in the window as well, by whoever began the task."""

    def __init__(self, tell: Callable[[BaseException, str], None]) -> None:
        super().__init__(logging.ERROR)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not _is_explained(error):
            self._tell(error, "in background work")


def _is_explained(error: BaseException) -> bool:
    """Whether the window has a sentence for it that says what to do."""
    return isinstance(error, MmsearchError) or (isinstance(error, OSError) and bool(error.filename))
