"""Which photos a folder holds: hostile names, links, loops, what is skipped and what is told."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmsearch_desktop.domain import FolderProblem, Problem
from mmsearch_desktop.library.decode import SUFFIXES
from mmsearch_desktop.library.scan import FoundFile, scan_folder
from mmsearch_desktop.library.stores import Library

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names or links")


def touch(path: Path, data: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def found(root: Path) -> list[str]:
    """Paths below `root` that were found, in order; there must be no problem."""
    items = list(scan_folder(root))
    assert not [item for item in items if isinstance(item, Problem)]
    return [item.path.relative_to(root).as_posix() for item in items]


def problems(root: Path) -> dict[str, str]:
    return {p.path.name: p.reason for p in scan_folder(root) if isinstance(p, Problem)}


def test_photos_come_with_size_and_time_by_name_within_each_folder(tmp_path: Path) -> None:
    touch(tmp_path / "b.jpg", b"12345")
    touch(tmp_path / "z" / "y.png")
    touch(tmp_path / "a" / "x.HEIC")
    touch(tmp_path / "a.jpg")
    os.utime(tmp_path / "b.jpg", ns=(7, 1_600_000_000_123_456_700))
    assert found(tmp_path) == ["a.jpg", "b.jpg", "a/x.HEIC", "z/y.png"]
    assert list(scan_folder(tmp_path))[1] == FoundFile(
        tmp_path / "b.jpg", 5, 1_600_000_000_123_456_700
    )


def test_every_supported_suffix_in_either_case_and_empty_files_too(tmp_path: Path) -> None:
    for number, suffix in enumerate(SUFFIXES):
        touch(tmp_path / f"{number}{suffix}", b"")
        touch(tmp_path / f"{number}-upper{suffix.upper()}", b"")
    assert len(found(tmp_path)) == 2 * len(SUFFIXES)


def test_what_is_no_photo_is_passed_over_silently(tmp_path: Path) -> None:
    for name in ("notes.txt", "film.mov", "jpg", "photo.jpg.part", "IMG_1.AAE", "Thumbs.db"):
        touch(tmp_path / name)
    assert found(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.NEF", "RAW"), ("a.dng", "RAW"), ("a.cr3", "RAW"), ("a.psd", "Photoshop"), ("a.jxl", "XL")],
)
def test_photo_formats_that_are_not_supported_are_said(
    tmp_path: Path, name: str, words: str
) -> None:
    touch(tmp_path / name)
    reason = problems(tmp_path)[name]
    assert words in reason
    assert "export" in reason


@pytest.mark.parametrize(
    "name",
    [
        ".thumbnails/a.jpg",
        ".Trash/a.jpg",
        "@eaDir/a.jpg",
        "$RECYCLE.BIN/a.jpg",
        "#recycle/a.jpg",
        "__MACOSX/a.jpg",
        "Catalog Previews.lrdata/a.jpg",
        "._a.jpg",
        ".trashed-1690000000-a.jpg",
        "Photos Library.photoslibrary/resources/derivatives/a.jpg",
        "Photos Library.photoslibrary/a.jpg",
    ],
)
def test_hidden_and_other_programs_own_files_are_left_out(tmp_path: Path, name: str) -> None:
    touch(tmp_path / name)
    touch(tmp_path / "seen.jpg")
    assert found(tmp_path) == ["seen.jpg"]


def test_the_originals_of_a_macos_library_are_photos(tmp_path: Path) -> None:
    touch(tmp_path / "My.photoslibrary" / "originals" / "A" / "a.heic")
    assert found(tmp_path) == ["My.photoslibrary/originals/A/a.heic"]


def test_a_hidden_folder_that_was_asked_for_is_read(tmp_path: Path) -> None:
    touch(tmp_path / ".private" / "a.jpg")
    assert found(tmp_path / ".private") == ["a.jpg"]


@posix
@pytest.mark.parametrize(
    "name",
    [
        b"two\nlines.jpg",
        b"tab\t.jpg",
        b"\xff\xfe not utf-8.jpg",
        "кошка на стуле.jpg".encode(),
        "日本.JPG".encode(),
        b"a" * 251 + b".jpg",
        b"-rf.jpg",
        b"C:\\windows.jpg",
        b"*?.jpg",
        b" .jpg",
    ],
)
def test_odd_names_survive(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(b"x")
    (item,) = scan_folder(tmp_path)
    assert os.fsencode(item.path.name) == name
    assert item.path.read_bytes() == b"x"


@posix
def test_a_link_to_a_photo_is_a_photo_and_a_dead_one_is_told(tmp_path: Path) -> None:
    photo = touch(tmp_path / "elsewhere" / "real.jpg", b"123")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link.jpg").symlink_to(photo)
    (root / "dead.jpg").symlink_to(tmp_path / "nothing")
    (root / "self.jpg").symlink_to(root / "self.jpg")
    items = {item.path.name: item for item in scan_folder(root)}
    link = items["link.jpg"]
    assert isinstance(link, FoundFile)
    assert link.size_bytes == 3
    assert problems(root).keys() == {"dead.jpg", "self.jpg"}
    assert "link" in problems(root)["dead.jpg"]


@posix
def test_loops_end_and_a_folder_reached_twice_counts_once_by_its_real_path(tmp_path: Path) -> None:
    root = tmp_path / "root"
    touch(root / "real" / "a.jpg")
    outside = touch(tmp_path / "outside" / "b.jpg").parent
    (root / "aaa").symlink_to(root / "real")  # comes first by name
    (root / "real" / "up").symlink_to(root)
    (root / "o1").symlink_to(outside)
    (root / "o2").symlink_to(outside)
    (outside / "back").symlink_to(root)
    (root / "above").symlink_to(tmp_path)  # holds the root and everything beside it
    assert found(root) == ["real/a.jpg", "o1/b.jpg"]


@posix
def test_a_root_that_is_itself_a_link_is_read(tmp_path: Path) -> None:
    touch(tmp_path / "real" / "a.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert found(tmp_path / "link") == ["a.jpg"]


def test_another_library_of_this_program_is_no_album(tmp_path: Path) -> None:
    with Library(tmp_path / "library") as library:
        library.thumbnails.save("ab" * 32, Image.new("RGB", (8, 8)))
    touch(tmp_path / "a.jpg")
    assert found(tmp_path) == ["a.jpg"]


@posix
def test_a_pipe_that_calls_itself_a_photo_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "regular" in problems(tmp_path)["pipe.jpg"]


@pytest.fixture
def locked(plain_folder: Path) -> Iterator[Path]:
    folder = touch(plain_folder / "locked" / "a.jpg").parent
    folder.chmod(0)
    yield folder
    folder.chmod(0o700)


@posix
def test_a_folder_that_may_not_be_read_is_told_and_the_rest_is_found(locked: Path) -> None:
    touch(locked.parent / "b.jpg")
    items = list(scan_folder(locked.parent))
    assert [item.path.name for item in items] == ["b.jpg", "locked"]
    assert "not permitted" in problems(locked.parent)["locked"]


def test_a_folder_that_vanishes_during_the_scan_is_told(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    gone = touch(tmp_path / "gone" / "b.jpg")
    items = scan_folder(tmp_path)
    next(items)
    gone.unlink()
    gone.parent.rmdir()
    (problem,) = items
    assert isinstance(problem, Problem)
    assert problem.path == gone.parent


@pytest.mark.parametrize("name", ["missing", "file.jpg", "nul\0byte"])
def test_an_unusable_root_is_refused_at_once_by_name(tmp_path: Path, name: str) -> None:
    touch(tmp_path / "file.jpg")
    with pytest.raises(FolderProblem, match=name.partition("\0")[0]):
        scan_folder(tmp_path / name)


def test_an_empty_folder_holds_nothing(tmp_path: Path) -> None:
    assert found(tmp_path) == []


@posix
def test_a_tree_deeper_than_paths_may_be_is_told_and_ends(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    opened = [here]
    for _ in range(25):
        os.mkdir("d" * 200, dir_fd=opened[-1])
        opened.append(os.open("d" * 200, os.O_RDONLY, dir_fd=opened[-1]))
    try:
        (problem,) = scan_folder(tmp_path)
        assert isinstance(problem, Problem)
        assert "too long" in problem.reason
    finally:
        for folder in reversed(opened):
            if folder != opened[-1]:
                os.rmdir("d" * 200, dir_fd=folder)
        for folder in opened:
            os.close(folder)


NAMES = st.sampled_from(
    ["a", "b", "c.jpg", "d.PNG", "e.txt", "f.nef", ".g.jpg", ".h", "i.photoslibrary", "ж.webp"]
)
TREES = st.recursive(
    st.none(), lambda below: st.dictionaries(NAMES, below, max_size=5), max_leaves=25
)


def _plant(folder: Path, tree: dict[str, object] | None) -> None:
    for name, below in (tree or {}).items():
        if isinstance(below, dict):
            (folder / name).mkdir()
            _plant(folder / name, below)
        else:
            (folder / name).write_bytes(b"")


def _walked(root: Path) -> set[Path]:
    """The same rules, over `os.walk`: a second way to the same answer."""
    photos = set()
    for folder, below, files in os.walk(root):
        package = folder.endswith(".photoslibrary")
        below[:] = [name for name in below if not (package or name.startswith("."))]
        if not package:
            kept = (name for name in files if not name.startswith("."))
            photos |= {Path(folder, n) for n in kept if Path(n).suffix.lower() in SUFFIXES}
    return photos


@settings(deadline=None, max_examples=60)
@given(TREES.filter(lambda tree: isinstance(tree, dict)))
def test_random_trees_agree_with_os_walk(tree: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        _plant(root, tree)
        items = list(scan_folder(root))
        paths = [item.path for item in items if isinstance(item, FoundFile)]
        assert len(paths) == len(set(paths))
        assert set(paths) == _walked(root)
        assert [item.path for item in items] == [item.path for item in scan_folder(root)]
