"""Killed at any moment and at each stage: nothing told is lost, nothing is double, all goes on.

The program that is killed is a real one, `killed_program.py`, with the real index and its process.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from mmsearch_desktop.library.index_check import Difference, full_difference
from mmsearch_desktop.library.milvus_engine import engine_folder
from mmsearch_desktop.library.stores import Library
from tests.fakes import COLOURS, ColourEmbedder
from tests.library.pictures import write_photo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REPOSITORY = Path(__file__).resolve().parents[2]
QUICK_KILLS, MANY_KILLS = 6, 110
NEW_PHOTOS = 24  # for each run, so that there is something to be killed in
ENGINE_CHILD = engine_folder() == "milvus-lite-2"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")


@dataclass
class Running:
    """One run of the program."""

    process: int
    status: int = 1

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)

    def kill_engine(self) -> None:
        """The processes that the index has started, whichever stage they are in."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    if "milvus" in child.name():
                        child.kill()


class Victim:
    """A folder of photos, the library made of it, and what was told of it so far."""

    def __init__(self, folder: Path, program: subprocess.Popen[str]) -> None:
        self._program = program
        self.folder = folder
        self.photos = folder / "photos"
        self.library = folder / "library"
        self.told: set[str] = set()
        self.hashes: dict[Path, tuple[str, int]] = {}
        self._made = 0

    def add_photos(self, count: int = NEW_PHOTOS) -> None:
        for _ in range(count):
            self._made += 1
            name = f"{self._made % 5}/{self._made} {COLOURS[self._made % 9]}.png"
            size = (8 + self._made % 40, 8 + self._made // 40)
            path = write_photo(self.photos / name, COLOURS[self._made % 9], size)
            self.hashes[path] = _look_at(path)

    def delete_photos(self, count: int) -> None:
        for path in random.sample(sorted(self.hashes), count):
            path.unlink()
            del self.hashes[path]

    @contextlib.contextmanager
    def running(self, stage: str = "", count: int = 0) -> Iterator[Running]:
        """The program, once it is ready; how it ended and what it told is known afterwards."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(json.dumps([str(self.folder), stage, count]) + "\n")
        self._program.stdin.flush()
        ready, process = self._program.stdout.readline().split()
        assert ready == "ready"
        running = Running(int(process))
        yield running
        for line in self._program.stdout:
            what, _, fact = line.strip().partition(" ")
            if what == "told" and fact.endswith(";"):  # else it was cut off: not told
                self.told.add(fact[:-1])
            elif what == "ended":
                running.status = int(fact)
                break
        assert running.status in {0, -signal.SIGKILL}

    def run(self, stage: str = "", count: int = 0) -> int:
        with self.running(stage, count) as running:
            pass
        return running.status

    def check(self) -> None:
        """What was told is there once, and the photos are what they were."""
        with Library(self.library, reserve_bytes=0) as library:
            assert library.notices == ()
            photos = library.catalogue.photos(limit=10**6)
            names = [photo.path.name for photo in photos]
            missing = self.told & {path.name for path in self.hashes} - set(names)
            assert not missing
            assert len(names) == len(set(names))
        assert {path: _look_at(path) for path in self.hashes} == self.hashes

    def check_whole(self) -> None:
        """After a run to the end: catalogue, index, thumbnails and photos agree; it is found."""
        self.check()
        embedder = ColourEmbedder()
        with Library(self.library, reserve_bytes=0) as library:
            index = library.open_index(embedder.space)
            assert full_difference(index, library.catalogue) == Difference([], [], [], [])
            assert list(index.reconcile(library.catalogue)) == []
            photos = {photo.content_id: photo for photo in library.catalogue.photos(limit=10**6)}
            assert {photo.path for photo in photos.values()} == set(self.hashes)
            assert index.count() == len(photos)
            assert all(library.thumbnails.load(photo.sha256) for photo in photos.values())
            for colour in ("red", "blue"):
                shown = [path for path in self.hashes if path.stem.endswith(colour)]
                hits = index.search(embedder.embed_words([colour])[0], len(shown))
                assert sorted(photos[id_].path for id_, _ in hits) == sorted(shown)


def _look_at(path: Path) -> tuple[str, int]:
    return hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns


@pytest.fixture(scope="module")
def program() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.library.killed_program"],
        cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        yield process
        process.kill()


@pytest.fixture
def victim(tmp_path: Path, program: subprocess.Popen[str]) -> Victim:
    made = Victim(tmp_path, program)
    made.add_photos()
    return made


# -- at each stage -------------------------------------------------------------------------

STAGES = (
    ("scan", 3),
    ("decode", 4),
    ("thumbnail write", 9),
    ("embed", 3),
    ("commit", 3),
    ("index write", 3),
    ("backup", 1),
)
FURTHER_STAGES = (
    ("thumbnail begun", 9),
    ("in the transaction", 6),
    ("in the commit", 3),
    ("between the stores", 2),
    ("index written", 2),
)


@pytest.mark.parametrize("stages", [STAGES, pytest.param(FURTHER_STAGES, marks=pytest.mark.slow)])
def test_killed_at_one_stage_after_the_other(
    stages: Sequence[tuple[str, int]], victim: Victim
) -> None:
    for stage, count in stages:
        assert victim.run(stage, count) == -signal.SIGKILL, f"never came to: {stage}"
        victim.check()
        victim.add_photos(12)
    assert victim.run() == 0
    victim.check_whole()


def test_killed_while_the_index_is_made_anew_and_while_photos_leave_it(victim: Victim) -> None:
    assert victim.run() == 0
    for stage in ("index write", "index written"):
        for file in (victim.library / "index").rglob("*.db"):
            file.write_bytes(b"garbled" * 5000)
        assert victim.run(stage, 1) == -signal.SIGKILL
        victim.check()
    assert victim.run() == 0
    victim.delete_photos(9)
    assert victim.run("index removal", 1) == -signal.SIGKILL
    victim.check()
    assert victim.run() == 0
    victim.check_whole()


@pytest.mark.parametrize("stage", ["restoring", pytest.param("restored", marks=pytest.mark.slow)])
def test_killed_while_a_damaged_catalogue_is_restored(stage: str, victim: Victim) -> None:
    assert victim.run() == 0
    catalogue = victim.library / "catalogue.sqlite"
    catalogue.write_bytes(b"garbled" * 5000)
    catalogue.with_name("catalogue.sqlite-wal").write_bytes(b"garbled" * 5000)
    assert victim.run(stage, 1) == -signal.SIGKILL
    assert victim.run() == 0
    victim.check_whole()
    with contextlib.closing(sqlite3.connect(catalogue)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# -- at any moment -------------------------------------------------------------------------


def _kill_now_and_then(victim: Victim, kills: int, seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311 - no secret
    started = time.monotonic()
    assert victim.run() == 0
    longest = time.monotonic() - started
    whom = ["program", "program", "engine", "both"] if ENGINE_CHILD else ["program"]
    for number in range(kills):
        victim.add_photos()
        if number % 3 == 2:
            victim.delete_photos(5)
        killed = whom[number % len(whom)]
        with victim.running() as running:
            time.sleep(chance.uniform(0, longest))
            if killed != "program":
                running.kill_engine()
            if killed != "engine":
                running.kill()
        assert killed != "engine" or running.status == 0
        victim.check()
    victim.add_photos()
    assert victim.run() == 0
    victim.check_whole()


def test_killed_at_a_few_random_moments(victim: Victim) -> None:
    _kill_now_and_then(victim, QUICK_KILLS, seed=time.time_ns())


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_more_than_a_hundred_times_at_random_moments(victim: Victim) -> None:
    _kill_now_and_then(victim, MANY_KILLS, seed=time.time_ns())
