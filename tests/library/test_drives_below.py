"""Drives that begin below a folder of the library: they go away and come back with their photos."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.library.ingest import add_folder
from mmsearch_desktop.library.scan import FoundDrive, folder_states, scan_folder, scan_only
from tests.library.setting import Setting, counts

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Setting]:
    """Two photos, and two more in "stick", where the catalogue believes that a drive begins."""
    setting = Setting(tmp_path)
    for name in ("a.png", "in/b.png", "stick/c.png", "stick/deep/d.png"):
        setting.write(name, width=8 + len(name))
    setting.add()
    (folder,) = setting.library.catalogue.folders()
    setting.library.catalogue.folder_table.add_drive(setting.photos / "stick", folder.id)
    yield setting
    setting.library.close()


def kept(here: Setting) -> int:
    """Photos in the catalogue, shown or not."""
    ((number,),) = here.library.catalogue._database.read("SELECT count(*) FROM photos")
    return int(number)


def look(here: Setting, *names: str) -> tuple[int, int, int, int, int]:
    """Without looking whether all that is indexed is shown."""
    within = [here.photos / name for name in names] or None
    *_, last = add_folder(here.photos, here.library, here.index, here.embedder, within)
    assert last.summary is not None
    return counts(last.summary)


def test_where_a_drive_was_the_folder_is_not_that_drive(here: Setting) -> None:
    (folder,) = here.library.catalogue.folders()
    (drive,) = folder.drives
    assert (folder.connected, folder.photos) == (True, 4)
    assert (drive.path, drive.connected, drive.photos) == (here.photos / "stick", False, 2)
    assert here.library.catalogue.away() == [drive.id]
    assert folder.places_away == (drive.path,)
    assert here.names == ["photos/a.png", "photos/in/b.png"]
    assert len(here.library.catalogue.out_of_reach()) == 2


@pytest.mark.parametrize("within", [(), (".", "stick", "stick/deep")], ids=["all", "some folders"])
@pytest.mark.parametrize("left", ["nothing", "an empty folder", "folders"])
def test_what_was_on_it_is_not_deleted(here: Setting, left: str, within: tuple[str, ...]) -> None:
    for photo in (here.photos / "stick").rglob("*.png"):
        photo.unlink()
    if left != "folders":
        shutil.rmtree(here.photos / "stick")
    if left == "an empty folder":
        (here.photos / "stick").mkdir()
    (here.photos / "a.png").unlink()
    assert look(here, *within)[4] == 1  # a.png
    assert kept(here) == 3
    assert here.index.count() == 3
    assert here.names == ["photos/in/b.png"]


def test_what_is_put_in_its_place_is_found_and_the_rest_is_kept(here: Setting) -> None:
    (here.photos / "stick" / "c.png").rename(here.photos / "stick" / "e.png")
    assert look(here) == (4, 1, 3, 0, 0)  # the new one shows what another on the drive shows
    assert here.names == [
        "photos/a.png", "photos/in/b.png", "photos/stick/deep/d.png", "photos/stick/e.png",
    ]  # fmt: skip
    assert kept(here) == 5  # c.png is on the drive
    assert here.embedder.pictures_embedded == 4


def test_its_photos_are_not_taken_for_moved(here: Setting, tmp_path: Path) -> None:
    (other := tmp_path / "other").mkdir()
    (here.photos / "stick" / "c.png").rename(other / "copy.png")
    *_, last = here.start(other)
    assert last.summary is not None
    assert counts(last.summary) == (1, 1, 0, 0, 0)  # known, and not moved
    assert kept(here) == 5
    assert here.embedder.pictures_embedded == 4


def test_a_folder_on_it_is_part_of_it_and_goes_with_the_folder_around(here: Setting) -> None:
    look(here, "stick/deep")
    list(here.start(here.photos / "stick" / "deep"))
    (folder,) = here.library.catalogue.folders()
    assert here.library.catalogue.remove_folder(folder.id)
    assert kept(here) == 0
    assert here.library.catalogue.folders() == []
    assert here.library.catalogue.away() == []


def test_a_drive_on_a_drive_belongs_to_the_folder_that_was_added(here: Setting) -> None:
    table = here.library.catalogue.folder_table
    (folder,) = here.library.catalogue.folders()
    inner = table.add_drive(here.photos / "stick" / "deep", folder.drives[0].id)
    assert table.add_drive(here.photos / "stick", folder.id) == folder.drives[0].id
    (folder,) = here.library.catalogue.folders()
    assert [(drive.path.name, drive.photos) for drive in folder.drives] == [
        ("stick", 1), ("deep", 1),
    ]  # fmt: skip
    assert folder.drives[1].id == inner
    assert folder.photos == 4


def test_a_folder_that_was_added_and_lies_within_another_stays_a_drive(tmp_path: Path) -> None:
    here = Setting(tmp_path)
    here.write("a.png"), here.write("stick/b.png", "blue")
    stick = here.photos / "stick"
    here.add(stick)
    with here.library.catalogue._database.write() as connection:
        connection.execute("UPDATE folders SET mounted = 1")  # as one that is away
    (stick / "b.png").unlink()
    assert look(here) == (1, 1, 0, 0, 0)
    assert [folder.path for folder in here.library.catalogue.folders()] == [here.photos, stick]
    assert kept(here) == 2
    around, inner = here.library.catalogue.folders()
    here.library.catalogue.folder_table.absorb([inner.id], around.id)
    (folder,) = here.library.catalogue.folders()
    assert [(drive.id, drive.path) for drive in folder.drives] == [(inner.id, stick)]
    here.library.close()


def test_a_library_of_before_learns_of_its_drives_when_it_is_looked_through(
    tmp_path: Path, elsewhere: Path
) -> None:
    here = Setting(tmp_path)
    (here.photos / "stick").symlink_to(elsewhere)
    here.write("stick/a.png")
    here.add()
    with here.library.catalogue._database.write() as connection:  # as version 2 had it
        connection.execute(
            "UPDATE photos SET folder_id = (SELECT id FROM folders WHERE part_of IS NULL)"
        )
        connection.execute("DELETE FROM folders WHERE part_of IS NOT NULL")
    assert counts(here.add()) == (1, 0, 1, 0, 0)
    (folder,) = here.library.catalogue.folders()
    assert [(drive.photos, drive.connected) for drive in folder.drives] == [(1, True)]
    here.library.close()


# -- for real: by a link, which needs no rights, and as a drive is mounted ------------------


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another drive than all other tests' files."""
    memory = Path("/dev/shm")  # noqa: S108 - a drive, not a file
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second drive here that can be written to")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def test_a_drive_behind_a_link_goes_and_comes_back(tmp_path: Path, elsewhere: Path) -> None:
    here = Setting(tmp_path)
    (elsewhere / "album").mkdir()
    (here.photos / "stick").symlink_to(elsewhere / "album")
    here.write("a.png"), here.write("stick/b.png", "blue"), here.write("stick/in/c.png", "green")
    assert counts(here.add()) == (3, 3, 0, 0, 0)
    (elsewhere / "album").rename(elsewhere / "away")
    assert look(here) == (1, 0, 1, 0, 0)
    assert here.names == ["photos/a.png"]
    (elsewhere / "away").rename(elsewhere / "album")
    assert counts(here.add()) == (3, 0, 3, 0, 0)
    assert here.embedder.pictures_embedded == 3
    (elsewhere / "album" / "b.png").unlink()
    assert counts(here.add()) == (2, 0, 2, 0, 1)  # what is deleted on a drive that is there
    here.library.close()


def test_where_drives_begin_is_told_before_what_lies_on_them(
    tmp_path: Path, elsewhere: Path
) -> None:
    (tmp_path / "link").symlink_to(elsewhere)
    before = folder_states(tmp_path)
    (elsewhere / "deep").mkdir()
    (elsewhere / "deep" / "a.jpg").write_bytes(b"x")
    drive = FoundDrive(tmp_path / "link")
    assert next(iter(scan_folder(tmp_path))) == drive
    assert next(iter(scan_only(tmp_path, [tmp_path / "link" / "deep"]))) == drive
    (tmp_path / "link").unlink()
    (tmp_path / "link").mkdir()
    assert folder_states(tmp_path)[tmp_path / "link"] != before[tmp_path / "link"]


MOUNTED = """
import subprocess, sys
from pathlib import Path
from tests.library.setting import Setting, counts
from tests.library.test_drives_below import look

def run(*command):
    subprocess.run(command, check=True)

here = Setting(Path(sys.argv[1]))
memory, stick = Path(sys.argv[1]) / "memory", here.photos / "stick"
memory.mkdir(), stick.mkdir()
run("mount", "-t", "tmpfs", "none", memory)
run("mount", "--bind", memory, stick)
here.write("a.png"), here.write("stick/b.png", "blue"), here.write("stick/in/c.png", "green")
print(counts(here.add()))
run("umount", stick)
print(look(here), look(here, "stick", "stick/in"), here.names)
stick.rmdir()
print(look(here), here.names)
stick.mkdir()
run("mount", "--bind", memory, stick)
print(len(here.names), counts(here.add()), here.embedder.pictures_embedded)
(stick / "b.png").unlink()
print(counts(here.add()), here.names)
here.library.close()
"""


def test_a_drive_that_is_mounted_goes_and_comes_back(tmp_path: Path) -> None:
    if (
        shutil.which("unshare") is None
        or subprocess.run(
            ["unshare", "-rm", "mount", "-t", "tmpfs", "none", tmp_path], check=False
        ).returncode
    ):
        pytest.skip("no mount namespace can be had here")
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, "-c", MOUNTED, tmp_path],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "(3, 3, 0, 0, 0)",
        "(1, 0, 1, 0, 0) (0, 0, 0, 0, 0) ['photos/a.png']",
        "(1, 0, 1, 0, 0) ['photos/a.png']",
        "3 (3, 0, 3, 0, 0) 3",
        "(2, 0, 2, 0, 1) ['photos/a.png', 'photos/stick/in/c.png']",
    ]
