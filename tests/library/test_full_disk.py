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
MOUNT = 'mount -t tmpfs -o size=4m none "$1" && exec "${@:2}"'


def _on_a_small_disk(disk: Path, *command: object) -> subprocess.CompletedProcess[str]:
    disk.mkdir()
    return subprocess.run(
        ["unshare", "-rm", "bash", "-c", MOUNT, "bash", str(disk), *map(str, command)],
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
