"""Folders of the library: there or away without waiting, moved as a whole, known by two names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.domain import FolderProblem
from mmsearch_desktop.library.ingest import add_folder
from mmsearch_desktop.library.roots import Roots, as_listed, is_connected, known_spelling
from tests.library.setting import Setting, counts

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Setting]:
    setting = Setting(tmp_path)
    yield setting
    setting.library.close()


def test_a_folder_is_there_or_not(tmp_path: Path) -> None:
    roots = Roots()
    assert roots.is_connected(tmp_path, mounted=False)
    assert not roots.is_connected(tmp_path, mounted=True)
    assert not roots.is_connected(tmp_path / "missing", mounted=False)
    assert roots.is_connected(Path(tmp_path.anchor), mounted=True)


class Drive:
    """A folder on the network, which answers when it is let."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.asked = 0

    def look(self, path: Path, *, mounted: bool) -> bool:
        self.asked += 1
        self.answers.wait()
        return is_connected(path, mounted=mounted)


def test_a_drive_that_does_not_answer_is_away_until_it_does(tmp_path: Path) -> None:
    drive = Drive()
    roots = Roots(drive.look, patience_seconds=0.05)
    started = time.monotonic()
    for _ in range(50):
        assert not roots.is_connected(tmp_path, mounted=False)
    assert time.monotonic() - started < 2
    assert drive.asked == 1  # and no pile of threads that wait
    drive.answers.set()
    while not roots.is_connected(tmp_path, mounted=False):
        time.sleep(0.001)


def test_two_who_ask_at_the_same_time_get_the_same_answer(tmp_path: Path) -> None:
    """A search and a reading of the library's facts: neither may find all photos away."""
    drive = Drive()
    roots = Roots(drive.look, patience_seconds=30)
    answers: list[bool] = []
    askers = [
        threading.Thread(target=lambda: answers.append(roots.is_connected(tmp_path, mounted=False)))
        for _ in range(2)
    ]
    for asker in askers:
        asker.start()
    drive.answers.set()
    for asker in askers:
        asker.join()
    assert answers == [True, True]


def test_a_catalogue_goes_on_while_a_drive_does_not_answer(here: Setting) -> None:
    here.write("a.png")
    here.add()
    (other := here.photos.parent / "network").mkdir()
    shutil.copy(here.write("b.png", "blue"), other / "c.png")
    here.add(other)
    drive = Drive()

    def look(path: Path, *, mounted: bool) -> bool:
        return drive.look(path, mounted=mounted) if path == other else path.is_dir()

    here.library.catalogue.folder_table.roots = Roots(look, patience_seconds=0.05)
    assert [photo.path.name for photo in here.library.catalogue.photos()] == ["a.png"]
    drive.answers.set()
    while here.library.catalogue.away():
        time.sleep(0.001)
    assert here.library.catalogue.photo_count() == 2


# -- moved as a whole ----------------------------------------------------------------------


def test_a_folder_that_was_moved_and_added_again_embeds_nothing(here: Setting) -> None:
    for number in range(12):
        here.write(f"{number % 3}/{number}.png", width=8 + number)
    here.add()
    moved = here.photos.rename(here.photos.with_name("renamed ✓"))
    assert counts(here.add(moved)) == (12, 12, 0, 0, 0)
    assert here.embedder.pictures_embedded == 12
    assert here.index.inserted == 12
    old, new = here.library.catalogue.folders()
    assert (old.path, old.connected, old.photos) == (here.photos, False, 12)
    assert (new.path, new.connected, new.photos) == (moved, True, 12)
    assert here.library.catalogue.folder_table.moved_to(old.id) == moved
    assert here.library.catalogue.photo_count() == 12  # each shown once
    (moved / "0" / "0.png").unlink()
    list(here.start(moved))
    assert here.library.catalogue.folder_table.moved_to(old.id) is None  # not all of it


def test_its_old_place_is_told_as_moved_and_comes_back_when_it_is_moved_back(
    here: Setting,
) -> None:
    here.write("a.png")
    here.add()
    moved = here.photos.rename(here.photos.with_name("elsewhere"))
    here.add(moved)
    moved.rename(here.photos)
    assert counts(here.add()) == (1, 0, 1, 0, 0)
    assert [folder.connected for folder in here.library.catalogue.folders()] == [False, True]
    assert here.library.catalogue.photo_count() == 1


# -- one folder, two names -----------------------------------------------------------------


def test_a_known_folder_keeps_its_name(tmp_path: Path) -> None:
    (tmp_path / "album" / "summer").mkdir(parents=True)
    (tmp_path / "second").symlink_to(tmp_path / "album")
    known = [tmp_path / "album", tmp_path / "gone"]
    for path in (tmp_path / "second", tmp_path / "album"):
        assert known_spelling(path, known) == tmp_path / "album"
        assert known_spelling(path / "summer", known) == tmp_path / "album" / "summer"
    assert known_spelling(tmp_path / "other", known) == tmp_path / "other"
    assert known_spelling(tmp_path / "second", []) == tmp_path / "second"
    # a name that was changed in the size of its letters: the one it had goes on
    assert known_spelling(tmp_path / "album", [tmp_path / "second"]) == tmp_path / "second"


@pytest.fixture
def blurred(here: Setting) -> Setting:
    """On a file system that makes no difference between large and small letters."""
    here.write("Album/Deep/a.png")
    if not (here.photos / "ALBUM").exists():
        pytest.skip("this file system tells large from small letters")
    here.write("b.png", "blue")
    here.add()
    return here


def test_a_folder_below_a_known_one_goes_by_the_name_that_is_listed(blurred: Setting) -> None:
    deep = blurred.photos / "ALBUM" / "deep"
    assert as_listed(deep, blurred.photos) == blurred.photos / "Album" / "Deep"
    assert counts(blurred.add(deep)) == (1, 0, 1, 0, 0)
    assert len(blurred.library.catalogue.folders()) == 1


def test_what_is_renamed_in_the_size_of_its_letters_is_moved(blurred: Setting) -> None:
    (blurred.photos / "b.png").rename(blurred.photos / "B.png")
    (blurred.photos / "Album").rename(blurred.photos / "ALBUM")
    assert counts(blurred.add()) == (2, 0, 0, 2, 0)
    assert blurred.names == ["photos/ALBUM/Deep/a.png", "photos/B.png"]
    (blurred.photos / "ALBUM").rename(blurred.photos / "album")
    within = [blurred.photos / a / b for a in ("ALBUM", "album") for b in (".", "Deep")]
    *_, last = add_folder(blurred.photos, blurred.library, blurred.index, blurred.embedder, within)
    assert last.summary is not None
    assert counts(last.summary) == (1, 0, 0, 1, 0)  # though the old name leads there as well
    assert blurred.names == ["photos/B.png", "photos/album/Deep/a.png"]
    assert blurred.embedder.pictures_embedded == 2


def test_names_that_are_listed_stay(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for path in (tmp_path / "a" / "b", tmp_path / "a", tmp_path, tmp_path / "a" / "gone" / "b"):
        assert as_listed(path, tmp_path) == path


MOUNTED_TWICE = """
import sys
from pathlib import Path
from tests.library.setting import Setting, counts

here = Setting(Path(sys.argv[1]))
here.write("a.png"), here.write("in/b.png", "blue")
print(counts(here.add()))
twice = Path(sys.argv[1]) / "twice"
print(counts(here.add(twice)), counts(here.add(twice / "in")))
print([folder.path.name for folder in here.library.catalogue.folders()], here.names)
here.library.close()
"""


def test_a_folder_mounted_twice_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    for name in ("photos", "twice"):
        (folder / name).mkdir(parents=True)
    mount = f'mount --bind "{folder}/photos" "{folder}/twice" && exec "$@"'
    if (
        shutil.which("unshare") is None
        or subprocess.run(
            ["unshare", "-rm", "bash", "-c", mount, "bash", "true"], check=False
        ).returncode
    ):
        pytest.skip("no mount namespace can be had here")
    command = [sys.executable, "-c", MOUNTED_TWICE, str(folder)]
    done = subprocess.run(
        ["unshare", "-rm", "bash", "-c", mount, "bash", *command],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "(2, 2, 0, 0, 0)",
        "(2, 0, 2, 0, 0) (1, 0, 1, 0, 0)",
        "['photos'] ['photos/a.png', 'photos/in/b.png']",
    ]


# -- names and places ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["Ж 写真 100%", "e\u0301te\u0301", "new\nline", " trailing ", "-rf"]
)
def test_a_folder_of_any_name_is_indexed_and_rescanned(name: str, here: Setting) -> None:
    folder = here.photos / name
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this system has no such names")
    here.write(f"{name}/photo.png")
    assert counts(here.add(folder)) == (1, 1, 0, 0, 0)
    assert counts(here.add(folder)) == (1, 0, 1, 0, 0)
    (photo,) = here.library.catalogue.photos()
    assert photo.path.is_file()


def test_two_names_that_look_the_same_are_two_photos_where_the_system_has_both(
    here: Setting,
) -> None:
    here.write(unicodedata.normalize("NFC", "été.png"), "red")
    here.write(unicodedata.normalize("NFD", "été.png"), "blue")
    names = os.listdir(here.photos)  # noqa: PTH208 - as the system has them
    photos = len(names)
    assert counts(here.add()) == (photos, photos, 0, 0, 0)
    assert counts(here.add()) == (photos, 0, photos, 0, 0)
    assert {photo.path.name for photo in here.library.catalogue.photos()} == set(names)


@pytest.mark.skipif(os.name == "nt", reason="paths are shorter there")
def test_paths_beyond_what_the_system_takes_are_told(here: Setting) -> None:
    here.write("a.png")
    for path in (here.photos / ("n" * 300), Path(here.photos, *["d" * 200] * 25)):
        with pytest.raises(FolderProblem, match=r"too long for the system; move"):
            here.add(path)
    assert counts(here.add()) == (1, 1, 0, 0, 0)


@pytest.mark.skipif(os.name == "nt", reason="paths are shorter there")
def test_a_very_long_path_is_a_photo_like_any_other(here: Setting) -> None:
    deep = Path(*["d" * 200] * 12)
    path = here.write(str(deep / "photo.png"))
    assert len(os.fsencode(path)) > 2400
    assert counts(here.add()) == (1, 1, 0, 0, 0)
    assert counts(here.add()) == (1, 0, 1, 0, 0)
    assert [photo.path for photo in here.library.catalogue.photos()] == [path]


def test_links_in_circles_give_each_photo_once(here: Setting) -> None:
    here.write("a/photo.png")
    for name, target in (("a/up", here.photos), ("b", here.photos / "a"), ("c", Path("c"))):
        try:
            (here.photos / name).symlink_to(target)
        except OSError:
            pytest.skip("links cannot be made here")
    assert counts(here.add()) == (1, 1, 0, 0, 0)
    assert counts(here.add(here.photos / "b")) == (1, 0, 1, 0, 0)  # by its real path
    assert here.names == ["photos/a/photo.png"]


READ_ONLY = """
import sys
from pathlib import Path
from mmsearch_desktop.domain import LibraryProblem
from mmsearch_desktop.library.stores import Library

try:
    Library(Path(sys.argv[1]))
except LibraryProblem as error:
    print(error)
"""


def test_a_library_on_a_disk_that_cannot_be_written_is_told(here: Setting) -> None:
    here.write("a.png")
    here.add()
    here.library.close()
    folder = here.library.folder
    mount = (
        f'mount --bind "{folder}" "{folder}" && mount -o remount,bind,ro "{folder}" && exec "$@"'
    )
    if (
        shutil.which("unshare") is None
        or subprocess.run(
            ["unshare", "-rm", "bash", "-c", mount, "bash", "true"], check=False
        ).returncode
    ):
        pytest.skip("no mount namespace can be had here")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    done = subprocess.run(
        ["unshare", "-rm", "bash", "-c", mount, "bash", sys.executable, "-c", READ_ONLY, folder],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "cannot be written (Read-only file system). Give yourself the right" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
