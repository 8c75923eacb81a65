"""A library folder: made private, held by one program, and every reason it cannot be used told."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mmsearch_desktop.domain import (
    LibraryBusy,
    LibraryProblem,
    NoSpace,
    Preparation,
    VectorSpace,
)
from mmsearch_desktop.library.ingest import add_folder
from mmsearch_desktop.library.stores import Library
from tests.fakes import ColourEmbedder
from tests.library.pictures import write_photo

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_library_is_made_where_there_is_none_and_nobody_else_may_enter(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "library Ж"
    with Library(folder) as library:
        assert library.folder == folder
        assert library.catalogue.photo_count() == 0
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_second_one_is_told_that_the_first_is_open(tmp_path: Path) -> None:
    with Library(tmp_path), pytest.raises(LibraryBusy) as caught:
        Library(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "close it first" in str(caught.value)
    assert f"(process {os.getpid()})" in str(caught.value)
    Library(tmp_path).close()


def test_another_process_is_told_so_too_and_a_dead_one_holds_nothing(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from mmsearch_desktop.library.stores import Library\n"
        "library = Library(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"open"
        with pytest.raises(LibraryBusy):
            Library(tmp_path)
        process.kill()
    Library(tmp_path).close()


def test_a_file_in_its_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LibraryProblem, match=r"file is a file\. Choose a folder"):
        Library(tmp_path / "file")
    with pytest.raises(LibraryProblem, match=r"cannot be made \(Not a directory\)\. Choose"):
        Library(tmp_path / "file" / "below")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder nobody may write")
def test_a_folder_that_cannot_be_written_is_named() -> None:
    with pytest.raises(LibraryProblem, match=r"/proc/library.*Choose another"):
        Library(Path("/proc/library"))
    with pytest.raises(LibraryProblem, match=r"/proc/\d+/task cannot be written"):
        Library(Path("/proc/self/task"))


def test_a_disk_that_is_nearly_full_is_told(tmp_path: Path) -> None:
    with Library(tmp_path, reserve_bytes=10**18) as library, pytest.raises(NoSpace, match="free"):
        library.require_space()


def test_each_space_has_one_index_which_lasts_and_ends_with_the_library(tmp_path: Path) -> None:
    embedder = ColourEmbedder()
    for colour in ("red", "blue"):
        write_photo(tmp_path / "photos" / f"{colour}.png", colour)
    with Library(tmp_path / "library", reserve_bytes=0) as library:
        index = library.open_index(embedder.space)
        assert library.open_index(embedder.space) is index
        list(add_folder(tmp_path / "photos", library, index, embedder))
        other = library.open_index(VectorSpace("colours", "2", 13, Preparation.APP))
        assert (index.count(), other.count()) == (2, 0)
    with pytest.raises(LibraryProblem, match="closed"):
        index.count()
    with pytest.raises(LibraryProblem, match="closed"):
        library.open_index(embedder.space)
    with Library(tmp_path / "library", reserve_bytes=0) as library:
        library.open_index(embedder.space).close()
        index = library.open_index(embedder.space)
        assert list(index.reconcile(library.catalogue)) == []
        ((best, score),) = index.search(embedder.embed_words(["red"])[0], 1)
        assert library.catalogue.photos_of([best])[best][0].path.name == "red.png"
        assert score == pytest.approx(1, abs=1e-3)
