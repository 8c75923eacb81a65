"""Adding folders: what is embedded, counted, moved and kept."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.domain import (
    FolderProblem,
    Stage,
)
from mmsearch_desktop.library.ingest import forget_folder
from tests.fakes import COLOURS
from tests.library.setting import Setting, counts, touch_later

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Setting]:
    setting = Setting(tmp_path)
    yield setting
    setting.library.close()


# -- what a run tells ----------------------------------------------------------------------


def test_every_photo_is_embedded_once_and_told_once(here: Setting) -> None:
    for number in range(20):
        here.write(f"{number}.png", COLOURS[number % 9], 8 + number)
    items = list(here.start())
    told = [photo.path.name for item in items for photo in item.photos]
    assert sorted(told) == sorted(f"{number}.png" for number in range(20))
    assert here.embedder.pictures_embedded == 20
    embedding = [item for item in items if item.stage is Stage.EMBEDDING]
    assert [item.done for item in embedding] == sorted(item.done for item in embedding)
    assert (embedding[-1].done, embedding[-1].total) == (20, 20)
    assert all(item.per_second and item.seconds_left is not None for item in embedding)
    summary = items[-1].summary
    assert summary is not None
    assert counts(summary) == (20, 20, 0, 0, 0)
    here.check()
    words = here.embedder.embed_words(["purple"])[0]
    (hit, *_) = here.index.search(words, 3)
    assert here.library.catalogue.photos_of([hit[0]])[hit[0]][0].path.stem in {"5", "14"}


def test_a_second_run_opens_no_file(here: Setting) -> None:
    for number in range(5):
        here.write(f"{number}.png", width=8 + number)
    (here.photos / "broken.png").write_bytes(b"broken")
    here.add()
    for path in here.photos.iterdir():  # what is read now would be found broken, or not
        status = path.stat()
        path.write_bytes(bytes(status.st_size))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    again = here.add()
    assert counts(again) == (5, 0, 5, 0, 0)
    assert [problem.path.name for problem in again.unreadable] == ["broken.png"]
    assert here.embedder.pictures_embedded == 5


def test_a_lost_thumbnail_is_made_again_without_the_model(here: Setting) -> None:
    here.write("a.png")
    here.write("b.png", "blue")
    here.add()
    for photo in here.library.catalogue.photos():
        here.library.thumbnails.remove(photo.sha256)
    assert counts(here.add()) == (2, 0, 2, 0, 0)
    assert here.embedder.pictures_embedded == 2
    assert here.index.inserted == 2


def test_thumbnails_given_up_for_others_are_not_drawn_again_by_a_scan(here: Setting) -> None:
    for number in range(6):
        here.write(f"{number}.png", width=8 + number)
    here.library.thumbnails.limit_bytes = 5 * 4096  # a file takes one block
    *_, last = here.start()
    kept = here.library.thumbnails.all()
    assert len(kept) == 4
    *_, last = here.start()
    assert last.summary is not None
    assert counts(last.summary) == (6, 0, 6, 0, 0)
    assert here.library.thumbnails.all() == kept


def test_an_empty_folder_is_a_folder_without_photos(here: Setting) -> None:
    assert counts(here.add()) == (0, 0, 0, 0, 0)
    assert [(f.path, f.photos) for f in here.library.catalogue.folders()] == [(here.photos, 0)]


# -- content decides -----------------------------------------------------------------------


def test_copies_are_embedded_once_together_or_later(here: Setting) -> None:
    first = here.write("a.png")
    shutil.copy(first, here.photos / "b.png")
    assert counts(here.add()) == (2, 2, 0, 0, 0)
    shutil.copy(first, here.photos / "c.png")
    assert counts(here.add()) == (3, 1, 2, 0, 0)
    assert here.embedder.pictures_embedded == 1
    assert here.index.count() == 1
    (paths,) = here.library.catalogue.photos_of(here.index.ids).values()
    assert [photo.path.name for photo in paths] == ["a.png", "b.png", "c.png"]


def test_moving_and_renaming_a_hundred_files_embeds_none(here: Setting) -> None:
    for number in range(100):
        here.write(f"{number}.png", COLOURS[number % 9], 8 + number // 9)
    here.add()
    ids = {photo.sha256: photo.id for photo in here.library.catalogue.photos()}
    (here.photos / "below").mkdir()
    for number in range(100):
        (here.photos / f"{number}.png").rename(here.photos / "below" / f"new {number}.png")
    assert counts(here.add()) == (100, 0, 0, 100, 0)
    assert here.embedder.pictures_embedded == here.index.inserted == 100
    assert {photo.sha256: photo.id for photo in here.library.catalogue.photos()} == ids
    assert all(name.startswith("photos/below/new") for name in here.names)


@pytest.mark.parametrize("first", ["from", "to"])
def test_moving_between_folders_embeds_nothing_whichever_is_scanned_first(
    first: str, here: Setting
) -> None:
    here.write("from/a.png")
    here.write("to/b.png", "blue")
    folders = [here.photos / "from", here.photos / "to"]
    for folder in folders:
        here.add(folder)
    (here.photos / "from/a.png").rename(here.photos / "to/a.png")
    for folder in folders if first == "from" else reversed(folders):
        here.add(folder)
    assert here.names == ["photos/to/a.png", "photos/to/b.png"]
    assert here.embedder.pictures_embedded == 2


def test_an_edited_file_is_embedded_again(here: Setting) -> None:
    path = here.write("a.png", "red")
    here.write("b.png", "blue")
    here.add()
    here.write("a.png", "green", 30)
    touch_later(path)
    assert counts(here.add()) == (2, 1, 1, 0, 0)
    assert here.embedder.pictures_embedded == 3
    assert here.index.count() == 2


def test_deleted_files_leave_and_a_deleted_copy_does_not_take_the_other_along(
    here: Setting,
) -> None:
    first = here.write("a.png")
    shutil.copy(first, here.photos / "b.png")
    here.write("c.png", "blue")
    here.add()
    (here.photos / "a.png").unlink()
    (here.photos / "c.png").unlink()
    assert counts(here.add()) == (1, 0, 1, 0, 2)
    assert here.names == ["photos/b.png"]
    (here.photos / "b.png").unlink()
    assert counts(here.add()) == (0, 0, 0, 0, 1)
    shutil.copy(here.write("again.png"), here.photos / "a.png")
    here.add()
    assert here.embedder.pictures_embedded == 2


# -- folders -------------------------------------------------------------------------------


def test_a_missing_folder_keeps_its_photos(here: Setting) -> None:
    here.write("a.png")
    here.add()
    here.photos.rename(here.photos.with_name("away"))
    with pytest.raises(FolderProblem, match=r"photos: there is no such folder"):
        here.add()
    (folder,) = here.library.catalogue.folders()
    assert (folder.connected, folder.photos) == (False, 1)
    assert here.index.count() == 1
    here.photos.with_name("away").rename(here.photos)
    assert counts(here.add()) == (1, 0, 1, 0, 0)


def test_the_folder_left_where_a_drive_was_is_not_the_drive(here: Setting) -> None:
    here.write("a.png")
    here.add()
    database = here.library.catalogue._database
    with database.write() as connection:
        connection.execute("UPDATE folders SET mounted = 1")
    (here.photos / "a.png").unlink()
    with pytest.raises(FolderProblem, match=r"drive is not connected.*1 photos are kept"):
        here.add()
    assert database.read("SELECT count(*) FROM photos") == [(1,)]


def test_a_folder_within_a_known_one_doubles_nothing(here: Setting) -> None:
    here.write("a.png")
    here.write("in/b.png", "blue")
    here.add()
    assert counts(here.add(here.photos / "in")) == (1, 0, 1, 0, 0)
    here.write("in/c.png", "green")
    assert counts(here.add(here.photos / "in")) == (2, 1, 1, 0, 0)
    assert counts(here.add()) == (3, 0, 3, 0, 0)
    assert [folder.path for folder in here.library.catalogue.folders()] == [here.photos]


def test_a_folder_around_a_known_one_takes_it_in(here: Setting) -> None:
    here.write("a.png")
    here.write("in/b.png", "blue")
    here.add(here.photos / "in")
    assert counts(here.add()) == (2, 1, 1, 0, 0)
    assert [(f.path, f.photos) for f in here.library.catalogue.folders()] == [(here.photos, 2)]
    assert here.embedder.pictures_embedded == 2


def test_a_hidden_folder_added_on_purpose_survives_the_one_around_it(here: Setting) -> None:
    here.write("a.png")
    here.write(".hidden/b.png", "blue")
    here.add()
    assert here.names == ["photos/a.png"]
    here.add(here.photos / ".hidden")
    here.add()
    assert here.names == ["photos/.hidden/b.png", "photos/a.png"]


def test_what_lies_below_an_unreadable_folder_is_not_taken_for_deleted(
    here: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.write("a.png")
    here.write("in/b.png", "blue")
    (here.photos / "in" / "c.png").write_bytes(b"broken")
    here.add()
    list_folder = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "in":
            raise PermissionError(13, "Permission denied", str(path))
        return list_folder(path)

    monkeypatch.setattr(os, "scandir", refuse)
    summary = here.add()
    assert counts(summary) == (1, 0, 1, 0, 0)
    assert [problem.path.name for problem in summary.unreadable] == ["in"]
    assert here.names == ["photos/a.png", "photos/in/b.png"]
    monkeypatch.undo()
    assert [problem.path.name for problem in here.add().unreadable] == ["c.png"]


def test_the_library_never_indexes_itself(tmp_path: Path) -> None:
    here = Setting(tmp_path)
    here.write("a.png")
    here.add(tmp_path)
    thumbnails = list(here.library.folder.rglob("*.webp"))
    assert len(thumbnails) == 1
    here.add(tmp_path)
    assert here.names == ["photos/a.png"]
    with pytest.raises(FolderProblem, match="keeps its own files"):
        here.add(here.library.folder / "thumbnails")
    here.library.close()


def test_forgetting_a_folder_takes_all_but_the_photos(here: Setting) -> None:
    path = here.write("a.png")
    here.add()
    (photo,) = here.library.catalogue.photos()
    (folder,) = here.library.catalogue.folders()
    forget_folder(folder.id, here.library, here.index)
    assert here.index.count() == 0
    assert not here.library.thumbnails.exists(photo.sha256)
    assert here.library.catalogue.folders() == []
    assert path.exists()
    assert counts(here.add()) == (1, 1, 0, 0, 0)
    assert here.embedder.pictures_embedded == 2
