"""`index --watch` as a program of its own, ended by Ctrl+C."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from mmsearch_desktop.domain import FolderProblem
from mmsearch_desktop.watch_command import keep_watching
from tests.library.pictures import write_photo
from tests.models.tiny_visualized_bge import write_tiny_model

_PATIENCE_SECONDS = 60.0


class Program:
    """Its lines as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._out: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def json(self) -> dict[str, object]:
        """The next line, read as JSON."""
        value = json.loads(self._out.get(timeout=_PATIENCE_SECONDS))
        assert isinstance(value, dict)
        return value

    def end(self, number: signal.Signals) -> str:
        """What it said on standard error."""
        self.process.send_signal(number)
        self._reader.join()
        assert self.process.stderr is not None
        told = self.process.stderr.read()
        self.process.wait()
        return told

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._out.put(line)


@contextlib.contextmanager
def watching(tmp_path: Path) -> Iterator[Program]:
    model = write_tiny_model(tmp_path / "tiny")
    command = [sys.executable, "-m", "mmsearch_desktop", "index", str(tmp_path / "photos")]
    library = str(tmp_path / "library")
    options = ["--watch", "--json", "--library", library, "--embedder", str(model)]
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    ) as process:  # fmt: skip
        program = Program(process)
        try:
            yield program
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no sending of Ctrl+C there")
def test_what_comes_is_taken_in_until_it_is_ended(tmp_path: Path) -> None:
    write_photo(tmp_path / "photos" / "red.png", "red")
    with watching(tmp_path) as program:
        assert program.json()["indexed"] == 1
        (broken := tmp_path / "photos" / "broken.png").write_bytes(b"no photo")
        assert _unreadable(program.json()) == [str(broken)]
        blue = write_photo(tmp_path / "photos" / "new" / "blue.png", "blue")
        came = program.json()
        assert came["folder"] == str(tmp_path / "photos")
        assert (came["photos"], came["indexed"], came["removed"]) == (2, 1, 0)
        assert came["unchanged"] == 1
        assert _unreadable(came) == [str(broken)]  # of all, though only "new" was looked at
        blue.unlink()
        gone = program.json()
        assert (gone["photos"], gone["removed"]) == (1, 1)
        told = program.end(signal.SIGINT)
    assert "Watching for new photos. Ctrl+C ends it." in told
    assert "Watching has ended. What was indexed is kept." in told
    assert "Traceback" not in told
    assert program.process.returncode == 0


def _unreadable(summary: dict[str, object]) -> list[str]:
    told = summary["unreadable"]
    assert isinstance(told, list)
    return [one["path"] for one in told]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no sending of signals there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_either_signal_is_how_it_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    taken: list[Path] = []

    def take_in(folder: Path, within: Collection[Path] | None) -> None:
        assert within is None
        taken.append(folder)
        os.kill(os.getpid(), number)

    keep_watching([tmp_path], tmp_path / "library", take_in)
    assert taken == [tmp_path]
    assert "Watching has ended." in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.skipif(sys.platform == "win32", reason="there is no sending of signals there")
def test_it_is_told_in_which_folders_something_changed(tmp_path: Path) -> None:
    (tmp_path / "photos" / "old").mkdir(parents=True)
    taken: list[Collection[Path] | None] = []

    def take_in(folder: Path, within: Collection[Path] | None) -> None:
        taken.append(within)
        if within is None:
            write_photo(folder / "old" / "red.png", "red")
        else:
            os.kill(os.getpid(), signal.SIGINT)

    keep_watching([tmp_path / "photos"], tmp_path / "library", take_in)
    assert taken == [None, {tmp_path / "photos" / "old"}]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no sending of signals there")
def test_a_folder_that_is_away_ends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away, here = tmp_path / "drive", tmp_path / "photos"
    here.mkdir()

    def take_in(folder: Path, _within: Collection[Path] | None) -> None:
        if folder == here:
            away.mkdir()
            raise FolderProblem(f"{folder}: gone again")
        os.kill(os.getpid(), signal.SIGINT)

    keep_watching([here, away], tmp_path / "library", take_in)
    told = capsys.readouterr().err
    assert f"{away} is not there. Its photos are kept" in told
    assert f"{here}: gone again" in told
