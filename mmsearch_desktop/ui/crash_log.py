"""The log folder: a log of bounded size without names, its newest lines, and native crashes.

log.txt, log.txt.1    warnings and errors, names replaced
running-PID.txt       where Python's faulthandler would write; removed at an orderly end
crash-….txt           what a program that crashed had written there, and its last log lines
"""

from __future__ import annotations

import collections
import contextlib
import faulthandler
import logging
import os
import sys
import time
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch_desktop import settings
from mmsearch_desktop.ui.private_text import logged_text, without_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_log = logging.getLogger("mmsearch.app")
_LOG_NAME = "log.txt"
_LOG_BYTES = 1_000_000
_RECENT_LINES = 60
_CRASHES_KEPT = 5
_TRACE_BYTES = 100_000
_STYLE = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_folder() -> Path:
    return settings.data_folder() / "logs"


@dataclass(frozen=True, slots=True)
class LoggedLine:
    """One entry of the log, as it was and without names."""

    full: str
    private: str


class _WithoutNames(logging.Formatter):
    """A log line that may be passed on, with its traceback."""

    def __init__(self) -> None:
        super().__init__(_STYLE)
        self.known: Callable[[], Sequence[Path]] = lambda: ()

    def format(self, record: logging.LogRecord) -> str:
        plain = logging.makeLogRecord(record.__dict__)
        plain.msg, plain.args = logged_text(record, self.known()), ()
        plain.exc_info = plain.exc_text = plain.stack_info = None
        return super().format(plain)


class RecentLines(logging.Handler):
    """The newest entries of the log, in memory. Any thread."""

    def __init__(self, private: logging.Formatter) -> None:
        super().__init__(logging.WARNING)
        self._entries: collections.deque[LoggedLine] = collections.deque(maxlen=_RECENT_LINES)
        self._full, self._private = logging.Formatter(_STYLE), private

    def lines(self) -> tuple[LoggedLine, ...]:
        with self.lock or contextlib.nullcontext():
            return tuple(self._entries)

    def emit(self, record: logging.LogRecord) -> None:
        self._entries.append(LoggedLine(self._full.format(record), self._private.format(record)))


class Logs:
    """Writes the log from `start` on; whatever cannot be written stops nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._private = _WithoutNames()
        self.recent = RecentLines(self._private)
        self._handlers: list[logging.Handler] = []
        self._trace: Path | None = None

    def start(self) -> None:
        root = logging.getLogger()
        self._handlers = [self.recent, *self._file()]
        for handler in self._handlers:
            root.addHandler(handler)

    def know(self, folders: Callable[[], Sequence[Path]]) -> None:
        """These have names that are replaced wherever they stand. Called on any thread."""
        self._private.known = folders

    def watch_for_native_crashes(self) -> None:
        """From now on, what kills the process itself leaves the place in every thread."""
        trace = self.folder / f"running-{os.getpid()}.txt"
        try:
            # stays open to the very end: a crash writes to it without asking anything
            file = trace.open("wb", buffering=0)
        except OSError as error:
            _log.warning("%s cannot be written (%s); a crash leaves no trace", trace, error)
            return
        faulthandler.enable(file)
        self._trace = trace

    def end(self) -> None:
        """The program ends in order."""
        if self._trace is not None:
            faulthandler.disable()
            with contextlib.suppress(OSError):
                self._trace.unlink()
        for handler in self._handlers:
            logging.getLogger().removeHandler(handler)
            handler.close()

    def last_crash(self, about: Callable[[], Sequence[str]]) -> Path | None:
        """A report of the newest crash that nobody was told of; None: there was none.

        `about`: lines on program and computer. Older reports are removed.
        """
        newest = None
        for trace in self._left_behind():
            newest = self._report(trace, about) or newest
        for old in sorted(self.folder.glob("crash-*.txt"))[:-_CRASHES_KEPT]:
            with contextlib.suppress(OSError):
                old.unlink()
        return newest

    def _file(self) -> Iterator[logging.Handler]:
        path = self.folder / _LOG_NAME
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handler = RotatingFileHandler(
                path, maxBytes=_LOG_BYTES, backupCount=1, delay=True, encoding="utf-8",
                errors="backslashreplace",
            )  # fmt: skip
        except OSError as error:
            _log.warning("%s cannot be written (%s); nothing is logged to a file", path, error)
            return
        handler.setLevel(logging.WARNING)
        handler.setFormatter(self._private)
        yield handler

    def _left_behind(self) -> list[Path]:
        """Oldest first; those of programs that still run are theirs."""
        with contextlib.suppress(OSError):
            found = self.folder.glob("running-*.txt")
            left = [one for one in found if one != self._trace and not _runs(one)]
            return sorted(left, key=lambda path: path.stat().st_mtime)
        return []

    def _report(self, trace: Path, about: Callable[[], Sequence[str]]) -> Path | None:
        """Turn it into a report and remove it; None where it is empty: killed, or switched off."""
        try:
            with trace.open("rb") as file:
                told = file.read(_TRACE_BYTES).decode("utf-8", "replace").strip()
            ended = time.gmtime(trace.stat().st_mtime)
            trace.unlink()
            if not told:
                return None
            report = self.folder / time.strftime("crash-%Y-%m-%d-%H%M%S.txt", ended)
            when = time.strftime("It ended unexpectedly on %Y-%m-%d at %H:%M:%S UTC.", ended)
            parts = ("\n".join(about()), when, without_names(told), self._end_of_log())
            report.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
        except PermissionError:  # a program that still runs has it open
            return None
        except OSError as error:
            _log.warning("no report of a crash can be made: %s", error)
            return None
        return report

    def _end_of_log(self) -> str:
        try:
            lines = (self.folder / _LOG_NAME).read_text("utf-8", "replace").splitlines()
        except OSError:
            return "Nothing was logged."
        return "\n".join(["Last lines of the log:", *lines[-_RECENT_LINES:]])


def _runs(trace: Path) -> bool:
    """Whether the process that `trace` is named for is there.

    On Windows it is removed with success only where no process has it open, so nothing is asked.
    """
    number = trace.stem.partition("-")[2]
    if not number.isdecimal() or sys.platform == "win32" or int(number) == os.getpid():
        return False  # one of this very number is from before
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
