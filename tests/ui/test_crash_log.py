"""The log folder: bounded, without names, and what a crash of the process leaves in it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.domain import UnreadablePhoto
from mmsearch_desktop.ui.crash_log import Logs, log_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROJECT = Path(__file__).resolve().parents[2]
_PHOTO = Path("/home/anna/My photos/Tom & Eve.jpg")
_log = logging.getLogger("mmsearch.test")


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    made = Logs(tmp_path / "logs")
    made.start()
    yield made
    made.end()


def _written(logs: Logs) -> str:
    return (logs.folder / "log.txt").read_text(encoding="utf-8")


def _about() -> list[str]:
    return ["mmsearch-desktop 9.9"]


def test_the_folder_is_among_the_persons_data(own_data_folder: Path) -> None:
    assert log_folder() == own_data_folder / "logs"


def test_the_file_says_what_was_wrong_without_names(logs: Logs) -> None:
    try:
        raise UnreadablePhoto(_PHOTO, "it is cut off")
    except UnreadablePhoto as error:
        _log.warning("%s: %s", _PHOTO, error)
        _log.error("judging failed", exc_info=error)
    written = _written(logs)
    assert "it is cut off" in written
    assert "Traceback" in written
    for name in ("anna", "My photos", "Tom", "Eve"):
        assert name not in written


def test_the_newest_lines_are_kept_both_ways(logs: Logs) -> None:
    for number in range(100):
        _log.warning("%s cannot be read (%d)", _PHOTO, number)
    lines = logs.recent.lines()
    assert len(lines) == 60
    assert str(_PHOTO) in lines[-1].full
    assert lines[-1].full.endswith("(99)")
    assert "Tom" not in lines[-1].private
    assert lines[-1].private.endswith("(99)")


def test_nothing_is_logged_after_the_end(tmp_path: Path) -> None:
    before = list(logging.getLogger().handlers)
    logs = Logs(tmp_path / "logs")
    logs.start()
    logs.end()
    assert logging.getLogger().handlers == before


def test_the_file_is_bounded(logs: Logs) -> None:
    for _ in range(60):
        _log.warning("%s", "x" * 50_000)
    sizes = [path.stat().st_size for path in logs.folder.iterdir()]
    assert len(sizes) == 2
    assert max(sizes) <= 1_000_000


def test_a_folder_that_cannot_be_made_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    logs = Logs(tmp_path / "file" / "logs")
    logs.start()
    logs.watch_for_native_crashes()
    assert logs.last_crash(_about) is None
    _log.warning("still told")
    logs.end()
    assert "nothing is logged to a file" in caplog.text
    assert "leaves no trace" in caplog.text
    assert logs.recent.lines()[-1].full.endswith("still told")


_CRASHES = """
import ctypes, logging, sys
from pathlib import Path
from mmsearch_desktop.ui.crash_log import Logs
logs = Logs(Path(sys.argv[1]))
logs.start()
logs.watch_for_native_crashes()
logging.getLogger("mmsearch.test").warning("%s is about to be read", Path("/home/anna/Eve.jpg"))
def read_nowhere():
    ctypes.string_at(0)
{end}
"""


def _child(folder: Path, end: str) -> int:
    program = [sys.executable, "-c", _CRASHES.format(end=end), str(folder)]
    return subprocess.run(program, cwd=_PROJECT, capture_output=True, check=False).returncode


def test_a_native_crash_leaves_a_report_for_the_next_start(logs: Logs) -> None:
    assert _child(logs.folder, "read_nowhere()") != 0
    report = logs.last_crash(_about)
    assert report is not None
    text = report.read_text(encoding="utf-8")
    assert text.startswith("mmsearch-desktop 9.9")
    assert "ended unexpectedly on 2" in text
    assert "in read_nowhere" in text
    assert "is about to be read" in text
    assert "Eve" not in text
    assert logs.last_crash(_about) is None  # told once
    assert [path.name for path in logs.folder.glob("running-*")] == []


def test_an_orderly_end_leaves_nothing(logs: Logs) -> None:
    assert _child(logs.folder, "logs.end()") == 0
    assert list(logs.folder.glob("running-*")) == []


def test_a_program_that_was_killed_or_switched_off_is_no_crash(logs: Logs) -> None:
    _child(logs.folder, "import os; os._exit(3)")
    assert len(list(logs.folder.glob("running-*"))) == 1
    assert logs.last_crash(_about) is None
    assert list(logs.folder.glob("running-*")) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there, a file that is open cannot be removed")
def test_the_trace_of_a_program_that_still_runs_is_let_be(logs: Logs) -> None:
    other = logs.folder / f"running-{os.getppid()}.txt"
    other.write_text("it is going on", encoding="utf-8")
    assert logs.last_crash(_about) is None
    assert other.is_file()


def test_old_reports_go(logs: Logs) -> None:
    for number in range(7):
        trace = logs.folder / f"running-99999999{number}.txt"
        trace.write_text(f"Fatal Python error {number}", encoding="utf-8")
        at = time.time() - 1000 + number * 10
        os.utime(trace, (at, at))
    report = logs.last_crash(_about)
    assert report is not None
    assert "Fatal Python error 6" in report.read_text(encoding="utf-8")
    assert len(list(logs.folder.glob("crash-*.txt"))) == 5
