"""Thumbnails on disk: small, whole or absent, and never in the way."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from collections.abc import Collection
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from mmsearch_desktop.domain import LibraryProblem, NoSpace
from mmsearch_desktop.library.thumbnails import Thumbnails
from tests.library.pictures import CORNERS, corner_colours, cornered, photo_like

KEY = hashlib.sha256(b"a photo").hexdigest()


@pytest.fixture
def thumbnails(tmp_path: Path) -> Thumbnails:
    return Thumbnails(tmp_path / "thumbnails", 96)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("size", "kept"),
    [
        ((400, 300), (96, 72)),
        ((300, 400), (72, 96)),
        ((50, 20), (50, 20)),  # never made larger
        ((20_000, 3), (96, 1)),
        ((1, 1), (1, 1)),
    ],
)
def test_the_longest_side_is_kept_and_nothing_is_made_larger(
    thumbnails: Thumbnails, size: tuple[int, int], kept: tuple[int, int]
) -> None:
    thumbnails.save(KEY, Image.new("RGB", size, "red"))
    loaded = thumbnails.load(KEY)
    assert loaded is not None
    assert loaded.size == kept
    assert loaded.mode == "RGB"


def test_it_looks_like_the_picture_and_leaves_the_picture_alone(thumbnails: Thumbnails) -> None:
    picture = cornered((400, 300))
    thumbnails.save(KEY, picture)
    loaded = thumbnails.load(KEY)
    assert loaded is not None
    assert corner_colours(loaded) == CORNERS
    assert picture.size == (400, 300)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I", "F"])
def test_pictures_in_other_modes_are_kept_as_rgb(thumbnails: Thumbnails, mode: str) -> None:
    thumbnails.save(KEY, Image.new(mode, (200, 100)))
    loaded = thumbnails.load(KEY)
    assert loaded is not None
    assert loaded.mode == "RGB"


def test_neither_exif_nor_profile_is_kept(thumbnails: Thumbnails) -> None:
    picture = Image.new("RGB", (200, 100))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture.info = {"exif": b"Exif\0\0secret place", "icc_profile": profile, "xmp": b"<secret/>"}
    thumbnails.save(KEY, picture)
    with Image.open(thumbnails.path_of(KEY)) as stored:
        assert not {"exif", "icc_profile", "xmp"} & stored.info.keys()
    assert b"secret" not in thumbnails.path_of(KEY).read_bytes()


def test_absent_then_present_then_removed(thumbnails: Thumbnails) -> None:
    assert not thumbnails.exists(KEY)
    assert thumbnails.load(KEY) is None
    thumbnails.save(KEY, cornered())
    assert thumbnails.exists(KEY)
    assert thumbnails.path_of(KEY).parent.parent == thumbnails.folder
    thumbnails.remove(KEY)
    thumbnails.remove(KEY)
    assert not thumbnails.exists(KEY)


@pytest.mark.parametrize("damage", [b"", b"not a picture", b"RIFF\x10\0\0\0WEBPVP8 "])
def test_a_damaged_one_is_removed_and_can_be_made_again(
    thumbnails: Thumbnails, damage: bytes
) -> None:
    thumbnails.save(KEY, cornered())
    thumbnails.path_of(KEY).write_bytes(damage)
    assert thumbnails.load(KEY) is None
    assert not thumbnails.exists(KEY)
    thumbnails.save(KEY, cornered())
    assert thumbnails.load(KEY) is not None


def test_one_that_was_cut_off_is_removed(thumbnails: Thumbnails) -> None:
    thumbnails.save(KEY, photo_like((200, 150)))
    path = thumbnails.path_of(KEY)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert thumbnails.load(KEY) is None
    assert not path.exists()


def test_no_unfinished_file_is_left(thumbnails: Thumbnails) -> None:
    for _ in range(3):
        thumbnails.save(KEY, cornered())
    assert files_below(thumbnails.folder) == [thumbnails.path_of(KEY)]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_says_so_and_leaves_nothing_half_written(
    thumbnails: Thumbnails, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    thumbnails.save(KEY, cornered())
    before = thumbnails.path_of(KEY).read_bytes()

    def full(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(NoSpace, match="full"):
        thumbnails.save(KEY, photo_like((50, 50)))
    assert thumbnails.path_of(KEY).read_bytes() == before
    assert len(files_below(thumbnails.folder)) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk to write to")
def test_a_disk_that_is_really_full(
    thumbnails: Thumbnails, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_full_disk(*_: object) -> tuple[int, str]:
        return os.open("/dev/full", os.O_WRONLY), str(thumbnails.folder / "x")

    monkeypatch.setattr("tempfile.mkstemp", on_full_disk)
    with pytest.raises(NoSpace):
        thumbnails.save(KEY, cornered())


def test_a_folder_that_cannot_be_made_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LibraryProblem, match="file"):
        Thumbnails(tmp_path / "file").save(KEY, cornered())


def test_what_cannot_be_read_or_removed_counts_as_missing(thumbnails: Thumbnails) -> None:
    thumbnails.path_of(KEY).mkdir(parents=True)  # a folder in its place
    assert thumbnails.load(KEY) is None
    thumbnails.remove(KEY)


def test_saving_and_loading_at_once_never_shows_half_a_picture(thumbnails: Thumbnails) -> None:
    thumbnails.save(KEY, cornered())
    wrong: list[object] = []

    def save() -> None:
        for _ in range(15):
            thumbnails.save(KEY, cornered())

    def load() -> None:
        for _ in range(30):
            loaded = thumbnails.load(KEY)
            if loaded is None or corner_colours(loaded) != CORNERS:
                wrong.append(loaded)

    threads = [threading.Thread(target=work) for work in (save, save, load, load)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# -- the limit ------------------------------------------------------------------------------

KEYS = [hashlib.sha256(bytes([number])).hexdigest() for number in range(10)]
ONE = bytes(4000)  # takes one block of 4,096


def limited(folder: Path, count: int, *, irreplaceable: Collection[str] = ()) -> Thumbnails:
    """Room for so many of `ONE`."""
    return Thumbnails(folder, limit_bytes=count * 4096, irreplaceable=lambda: irreplaceable)


def look(thumbnails: Thumbnails, key: str, hours_ago: int) -> None:
    """As if it was last looked at then."""
    seen_ns = time.time_ns() - hours_ago * 3600 * 10**9
    os.utime(thumbnails.path_of(key), ns=(seen_ns, seen_ns))


def test_beyond_the_limit_those_go_that_were_not_looked_at_for_longest(tmp_path: Path) -> None:
    thumbnails = limited(tmp_path, 5)
    for hours_ago, key in enumerate(KEYS[:5]):
        thumbnails.keep(key, ONE)
        look(thumbnails, key, hours_ago)
    assert thumbnails.all() == set(KEYS[:5])
    thumbnails.keep(KEYS[5], ONE)
    assert thumbnails.all() == {*KEYS[:3], KEYS[5]}  # down to nine tenths
    assert thumbnails.bytes_taken() == 4 * 4096


def test_loading_counts_as_looking(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path)
    for hours_ago, key in enumerate(KEYS[:5]):
        thumbnails.save(key, cornered())
        look(thumbnails, key, 2 + hours_ago)
    assert thumbnails.load(KEYS[4]) is not None
    thumbnails.limit_to(3 * 4096)
    assert thumbnails.all() == {KEYS[0], KEYS[4]}


def test_what_cannot_be_drawn_again_goes_last(tmp_path: Path) -> None:
    thumbnails = limited(tmp_path, 5, irreplaceable=KEYS[3:5])
    for hours_ago, key in enumerate(KEYS[:6]):
        thumbnails.keep(key, ONE)
        look(thumbnails, key, hours_ago)
    assert thumbnails.all() >= {*KEYS[3:5]}
    thumbnails.limit_to(2 * 4096)
    assert thumbnails.all() == {KEYS[3]}


def test_the_limit_holds_for_what_was_there_before(tmp_path: Path) -> None:
    before = Thumbnails(tmp_path)
    for key in KEYS[:8]:
        before.keep(key, ONE)
    again = limited(tmp_path, 5)
    again.keep(KEYS[8], ONE)
    assert again.bytes_taken() == 4 * 4096
    assert len(again.all()) == 4


def test_room_is_told_and_removing_makes_some(tmp_path: Path) -> None:
    thumbnails = limited(tmp_path, 5)
    assert thumbnails.has_room()
    for key in KEYS[:4]:
        thumbnails.keep(key, ONE)
    assert not thumbnails.has_room()
    thumbnails.remove(KEYS[0])
    assert thumbnails.has_room()


def test_many_threads_at_the_limit_lose_nothing_but_the_oldest(tmp_path: Path) -> None:
    thumbnails = limited(tmp_path, 20)
    keys = [hashlib.sha256(f"{n}".encode()).hexdigest() for n in range(200)]

    def keep(part: list[str]) -> None:
        for key in part:
            thumbnails.keep(key, ONE)

    threads = [threading.Thread(target=keep, args=(part,)) for part in (keys[:100], keys[100:])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    thumbnails.limit_to(20 * 4096)
    assert 1 <= len(thumbnails.all()) <= 20


def test_what_another_is_just_writing_is_never_given_up_for_room(tmp_path: Path) -> None:
    thumbnails = limited(tmp_path, 3)
    folder = tmp_path / "ab"
    folder.mkdir()
    writing = folder / "abcdef12x.new"
    writing.write_bytes(ONE)
    for number in range(9):
        thumbnails.keep(hashlib.sha256(f"{number}".encode()).hexdigest(), ONE)
    assert writing.read_bytes() == ONE
    assert 1 <= len(thumbnails.all()) <= 3


def test_what_a_killed_process_left_half_written_goes(tmp_path: Path) -> None:
    folder = tmp_path / "ab"
    folder.mkdir()
    left = folder / "abcdef12x.new"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    assert limited(tmp_path, 3).bytes_taken() == 0
    assert not left.exists()
