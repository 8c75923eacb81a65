"""Adding folders when photos, models, disks or programs fail: what it costs, and what is told."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mmsearch_desktop.domain import (
    DeviceOutOfMemory,
    LibraryBusy,
    ModelProblem,
    NoSpace,
    Preparation,
    Stage,
)
from mmsearch_desktop.library.ingest import add_folder, forget_folder
from mmsearch_desktop.library.stores import Library
from tests.fakes import COLOURS, ColourEmbedder
from tests.library.memory_index import MemoryIndex
from tests.library.pictures import write_photo
from tests.library.setting import Setting, counts, touch_later

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from PIL import Image


REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Setting]:
    setting = Setting(tmp_path)
    yield setting
    setting.library.close()


# -- broken photos -------------------------------------------------------------------------


def test_each_broken_file_is_listed_once_and_leaves_the_list_when_healed(here: Setting) -> None:
    here.write("good.png")
    (here.photos / "bad.png").write_bytes(b"bad")
    (here.photos / "same bad.png").write_bytes(b"bad")
    (here.photos / "raw.nef").write_bytes(b"raw")
    items = list(here.start())
    told = [problem for item in items for problem in item.problems]
    assert [problem.path.name for problem in told] == ["raw.nef", "bad.png", "same bad.png"]
    assert items[-1].summary is not None
    assert {p.path for p in items[-1].summary.unreadable} == {p.path for p in told}
    assert all(problem.reason for problem in told)
    assert len(here.library.catalogue.problems()) == 3
    here.write("bad.png", "blue")
    (here.photos / "raw.nef").unlink()
    summary = here.add()
    assert counts(summary) == (2, 1, 1, 0, 0)
    assert [problem.path.name for problem in summary.unreadable] == ["same bad.png"]
    assert [p.path.name for p in here.library.catalogue.problems()] == ["same bad.png"]


def test_a_photo_that_breaks_is_a_problem_and_no_photo(here: Setting) -> None:
    path = here.write("a.png")
    here.add()
    path.write_bytes(b"broken now")
    summary = here.add()
    assert counts(summary) == (0, 0, 0, 0, 0)
    assert [problem.path for problem in summary.unreadable] == [path]
    assert here.names == []


def test_a_file_that_vanishes_during_the_run_is_no_problem(here: Setting) -> None:
    here.write("a.png")
    vanishing = here.write("b.png", "blue")
    here.add()
    touch_later(vanishing)
    run = here.start()
    assert next(run).stage is Stage.SCANNING
    vanishing.unlink()
    *_, last = run
    assert last.summary is not None
    assert counts(last.summary) == (1, 0, 1, 0, 1)
    assert last.summary.unreadable == ()


def test_strange_times_of_change_are_stored(here: Setting) -> None:
    path = here.write("a.png")
    try:
        os.utime(path, (0, 15_000_000_000))
    except OSError:
        os.utime(path, (0, -1))
    assert counts(here.add()) == (1, 1, 0, 0, 0)
    assert counts(here.add()) == (1, 0, 1, 0, 0)


# -- models that fail ----------------------------------------------------------------------


class SmallDevice(ColourEmbedder):
    """Has memory for so many pictures at once, and never for wide ones."""

    def __init__(self, most: int, *, too_wide: int = 10**6) -> None:
        super().__init__(batch_size=16)
        self.most = most
        self.too_wide = too_wide

    def embed_pictures(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        if len(pictures) > self.most or any(p.width > self.too_wide for p in pictures):
            raise DeviceOutOfMemory("too many pictures. Give fewer.")
        return super().embed_pictures(pictures)


def test_out_of_memory_halves_the_batch_and_goes_on(here: Setting) -> None:
    here.embedder = SmallDevice(most=4)
    for number in range(40):
        here.write(f"{number}.png", width=8 + number)
    assert counts(here.add()) == (40, 40, 0, 0, 0)
    assert here.embedder.pictures_embedded == 40


def test_a_photo_too_large_for_the_device_is_listed_and_tried_again(here: Setting) -> None:
    here.embedder = SmallDevice(most=4, too_wide=40)
    for width in (8, 9, 60, 10, 11):
        here.write(f"{width}.png", width=width)
    summary = here.add()
    assert counts(summary) == (4, 4, 0, 0, 0)
    assert [problem.path.name for problem in summary.unreadable] == ["60.png"]
    assert "memory" in summary.unreadable[0].reason
    here.embedder = ColourEmbedder()
    assert counts(here.add()) == (5, 1, 4, 0, 0)


class Confused(ColourEmbedder):
    """Gives no usable vector for red pictures."""

    value = np.nan

    def embed_pictures(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        rows = super().embed_pictures(pictures)
        reds = [picture.getpixel((0, 0)) == (255, 0, 0) for picture in pictures]
        rows[reds] = self.value
        return rows


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_vector_that_is_none_costs_its_photo_only(value: float, here: Setting) -> None:
    here.embedder = Confused()
    here.embedder.value = value
    shutil.copy(here.write("red.png", "red"), here.photos / "red copy.png")
    here.write("blue.png", "blue")
    for _ in range(2):
        summary = here.add()
        assert (summary.photos, len(summary.unreadable)) == (1, 2)
        assert "no usable vector" in summary.unreadable[0].reason
    assert here.embedder.pictures_embedded == 2


class Choosy(ColourEmbedder):
    """Refuses any batch with a red picture, as a model whose numbers overflow."""

    def embed_pictures(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        if any(picture.getpixel((0, 0)) == (255, 0, 0) for picture in pictures):
            raise ModelProblem("Choosy gave no usable numbers. Use the processor instead.")
        return super().embed_pictures(pictures)


def test_a_picture_that_spoils_its_batch_costs_itself_only(here: Setting) -> None:
    here.embedder = Choosy(batch_size=4)
    for number in range(3):
        here.write(f"{number}.png", "blue", width=8 + number)
        here.write(f"{number} red.png", "red", width=8 + number)
    summary = here.add()
    assert (summary.photos, len(summary.unreadable)) == (3, 3)
    assert all("no usable vector" in problem.reason for problem in summary.unreadable)


@pytest.mark.parametrize("batch_size", [1, 4, 50])
def test_a_model_that_refuses_all_stops_the_run(here: Setting, batch_size: int) -> None:
    here.embedder = Choosy(batch_size=batch_size)
    for number in range(30):
        here.write(f"{number}.png", "red", width=8 + number)
    with pytest.raises(ModelProblem, match="Use the processor instead"):
        here.add()
    here.embedder = ColourEmbedder(revision="repaired")
    here.index = MemoryIndex(here.embedder.space)
    assert here.add().photos == 30


def test_vectors_of_another_width_stop_the_run_before_anything_is_stored(here: Setting) -> None:
    here.write("a.png")
    here.embedder.space = replace(here.embedder.space, dimensions=5)
    here.index = MemoryIndex(here.embedder.space)
    with pytest.raises(ModelProblem, match="shape"):
        here.add()
    assert here.library.catalogue.photo_count() == 0


def test_another_model_embeds_again_and_the_first_keeps_its_vectors(here: Setting) -> None:
    for number in range(6):
        here.write(f"{number}.png", width=8 + number)
    here.add()
    first, here.embedder = here.embedder, ColourEmbedder(revision="2")
    here.index = MemoryIndex(here.embedder.space)
    assert counts(here.add()) == (6, 0, 6, 0, 0)
    assert here.embedder.pictures_embedded == 6
    here.embedder, here.index = first, MemoryIndex(first.space)
    assert counts(here.add()) == (6, 0, 6, 0, 0)
    assert first.pictures_embedded == 6


def test_the_official_preparation_is_a_space_of_its_own(here: Setting) -> None:
    here.write("a.png")
    here.embedder = ColourEmbedder(preparation=Preparation.OFFICIAL)
    here.index = MemoryIndex(here.embedder.space)
    assert counts(here.add()) == (1, 1, 0, 0, 0)


# -- stopping, and going on ----------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_a_cancelled_run_keeps_what_was_told_and_the_next_one_does_the_rest(
    steps: int, here: Setting
) -> None:
    for number in range(20):
        here.write(f"{number}.png", COLOURS[number % 9], 8 + number)
    run = here.start()
    told = [photo for _, item in zip(range(steps), run, strict=False) for photo in item.photos]
    run.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("decode")]
    here.check()
    assert {p.id for p in told} == {p.id for p in here.library.catalogue.photos()}
    assert counts(here.add()) == (20, 20 - len(told), len(told), 0, 0)
    assert here.index.inserted == 20


def test_one_run_at_a_time(here: Setting) -> None:
    here.write("a.png")
    run = here.start()
    next(run)
    with pytest.raises(LibraryBusy, match=r"being indexed.*cancel"):
        here.add()
    with pytest.raises(LibraryBusy):
        forget_folder(1, here.library, here.index)
    run.close()
    here.add()


def test_a_full_disk_is_told_after_storing_what_was_done(here: Setting) -> None:
    for number in range(12):
        here.write(f"{number}.png", width=8 + number)
    run = here.start()
    told = next(item for item in run if item.photos).photos
    here.library._reserve_bytes = 10**18
    with pytest.raises(NoSpace, match="Free some space"):
        list(run)
    assert here.library.catalogue.photo_count() == len(told)
    here.library._reserve_bytes = 0
    assert counts(here.add()) == (12, 12 - len(told), len(told), 0, 0)
    assert here.embedder.pictures_embedded <= 12 + here.embedder.batch_size


def test_an_index_that_fell_behind_is_caught_up_before_anything_else(here: Setting) -> None:
    here.write("a.png")
    here.add()
    here.index = MemoryIndex(here.embedder.space)
    first = next(here.start())
    assert first.stage is Stage.REBUILDING
    assert here.index.count() == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from mmsearch_desktop.library.ingest import add_folder
from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.library.vectors import MilvusIndex
from tests.fakes import ColourEmbedder

class Killing(MilvusIndex):
    def insert(self, ids, vectors):
        if self.count() >= 8:
            os.kill(os.getpid(), signal.SIGKILL)
        super().insert(ids, vectors)

folder = Path(sys.argv[1])
embedder = ColourEmbedder()
library = Library(folder / "library", reserve_bytes=0)
index = Killing(library.folder / "index", embedder.space, reserve_bytes=0)
for item in add_folder(folder / "photos", library, index, embedder):
    print(len(item.photos), flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_kill_between_the_two_writes_loses_and_doubles_nothing(tmp_path: Path) -> None:
    for number in range(20):
        write_photo(tmp_path / "photos" / f"{number}.png", "red", (8 + number, 8))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    told = sum(int(line) for line in done.stdout.split())
    assert told >= 8  # a slow machine makes batches of its own
    embedder = ColourEmbedder()
    with Library(tmp_path / "library", reserve_bytes=0) as library:
        stored = library.catalogue.photo_count()
        assert stored > told  # the last batch had reached the catalogue only
        index = library.open_index(embedder.space)
        assert index.count() == told
        *_, last = add_folder(tmp_path / "photos", library, index, embedder)
        assert last.summary is not None
        assert counts(last.summary) == (20, 20 - stored, stored, 0, 0)
        assert embedder.pictures_embedded == 20 - stored
        assert index.count() == 20
        assert index.missing(library.catalogue.embedded_ids(embedder.space)) == []
