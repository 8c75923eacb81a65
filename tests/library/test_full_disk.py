"""A disk that is really full: what is told, and that nothing stored is lost.

The disk is a small one in memory, in a mount namespace of its own; where the system gives none to
these tests they are skipped.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.library.pictures import write_photo

REPOSITORY = Path(__file__).resolve().parents[2]
MOUNT = 'mount -t tmpfs -o size="$2" none "$1" && exec "${@:3}"'


def _on_a_small_disk(
    disk: Path, *command: object, size: str = "4m"
) -> subprocess.CompletedProcess[str]:
    disk.mkdir()
    return subprocess.run(
        ["unshare", "-rm", "bash", "-c", MOUNT, "bash", str(disk), size, *map(str, command)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A folder for `_on_a_small_disk`."""
    if shutil.which("unshare") is None or _on_a_small_disk(tmp_path / "probe", "true").returncode:
        pytest.skip("no mount namespace can be had here")
    return tmp_path / "disk"


ADDING = """
import sys
from pathlib import Path
from mmsearch_desktop.domain import NoSpace
from mmsearch_desktop.library.ingest import add_folder
from mmsearch_desktop.library.stores import Library
from tests.fakes import ColourEmbedder
from tests.library.memory_index import MemoryIndex

disk, first, second = map(Path, sys.argv[1:])
embedder = ColourEmbedder()

def add(folder):
    with Library(disk / "library", reserve_bytes=0) as library:
        index = MemoryIndex(embedder.space)
        list(add_folder(folder, library, index, embedder))
        print(library.catalogue.photo_count())

def fill():
    with (disk / "filler").open("ab", buffering=0) as filler:
        for size in (65536, 4096, 1):
            try:
                while filler.write(bytes(size)):
                    pass
            except OSError:
                pass

add(first)
with Library(disk / "library", reserve_bytes=0) as library:
    fill()
    try:
        list(add_folder(second, library, MemoryIndex(embedder.space), embedder))
    except NoSpace as error:
        print("adding:", error)
fill()  # closing made a little room
try:
    Library(disk / "library").close()
except NoSpace as error:
    print("opening:", error)
(disk / "filler").unlink()
add(second)
"""


def test_nothing_is_lost_on_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    red, blue = tmp_path / "red", tmp_path / "blue"
    for number in range(10):
        write_photo(red / f"{number}.png", "red", (8 + number, 8))
        write_photo(blue / f"{number}.png", "blue", (8 + number, 8))
    done = _on_a_small_disk(small_disk, sys.executable, "-c", ADDING, small_disk, red, blue)
    assert done.returncode == 0, done.stderr
    before, adding, opening, after = done.stdout.splitlines()
    assert (before, after) == ("10", "20")
    assert adding.startswith("adding: ")
    assert opening.startswith("opening: ")
    assert all("Free some space" in told for told in (adding, opening))


PAUSING = """
import sys
from pathlib import Path
from mmsearch_desktop.domain import NoSpace
from mmsearch_desktop.library.index_check import Difference, full_difference
from mmsearch_desktop.library.ingest import add_folder
from mmsearch_desktop.library.stores import Library
from tests.fakes import ColourEmbedder

disk, photos = map(Path, sys.argv[1:])
embedder = ColourEmbedder()
told = []
filler = (disk / "filler").open("wb", buffering=0)
RESERVE = 8_000_000
with Library(disk / "library", reserve_bytes=RESERVE) as library:
    index = library.open_index(embedder.space)
    list(index.reconcile(library.catalogue))
    try:
        for item in add_folder(photos, library, index, embedder):
            told += [photo.path for photo in item.photos]
            if told and library.missing_bytes() == 0:
                filler.write(bytes(8 * RESERVE // 10))  # so that soon there is less than that
    except NoSpace as error:
        print(error)
    print(library.missing_bytes() > 0, 0 < len(told) < 60)
    ((best, score),) = index.search(embedder.embed_words(["red"])[0], 1)
    print(round(score, 3))
with Library(disk / "library", reserve_bytes=RESERVE) as library:  # it opens, and finds
    index = library.open_index(embedder.space)
    ((best, score),) = index.search(embedder.embed_words(["red"])[0], 1)
    print({photo.path for photo in library.catalogue.photos()} >= set(told))
    filler.truncate(0)
    print(library.missing_bytes())
    *_, last = add_folder(photos, library, index, embedder)
    print(last.summary.photos, index.count())
    print(full_difference(index, library.catalogue) == Difference([], [], [], []))
"""


def test_indexing_stops_before_the_index_would_lose_rows_and_goes_on_later(
    small_disk: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    for number in range(60):
        write_photo(photos / f"{number}.png", "red" if number < 4 else "blue", (8 + number, 8))
    command = (sys.executable, "-c", PAUSING, small_disk, photos)
    done = _on_a_small_disk(small_disk, *command, size="48m")
    assert done.returncode == 0, done.stderr
    told, *facts = done.stdout.splitlines()
    assert "MB are free on this disk" in told
    assert "Free some space" in told
    assert facts == ["True True", "1.0", "True", "0", "60 60", "True"]
