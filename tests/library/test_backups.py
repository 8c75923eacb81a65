"""The catalogue's backups: made whole, few, and in the place of a damaged one by themselves."""

from __future__ import annotations

import ast
import contextlib
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import mmsearch_desktop
from mmsearch_desktop.domain import LibraryDamaged, LibraryProblem, NoSpace
from mmsearch_desktop.library.backups import KEPT_DAYS, Backups, is_sound, version_of
from mmsearch_desktop.library.catalogue import Catalogue
from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.library.tables import VERSION
from tests.library.pictures import write_photo
from tests.library.setting import Setting, counts

DAY_SECONDS = 24 * 3600


def _reopen(here: Setting) -> None:
    here.library.close()
    here.library = Library(here.library.folder, reserve_bytes=0)


@pytest.fixture
def here(tmp_path: Path) -> Setting:
    """Twenty photos, and a library of them that was closed once, so that it has a backup."""
    setting = Setting(tmp_path)
    for number in range(20):
        setting.write(f"{number}.png", width=8 + number)
    setting.add()
    setting.library.close()
    return setting


def _catalogue(here: Setting) -> Path:
    return here.library.folder / "catalogue.sqlite"


def _copies(here: Setting) -> list[str]:
    return [copy.name for copy in Backups(_catalogue(here), version=VERSION).copies()]


def _aged(path: Path, days: int) -> None:
    """As if it had been made so many days ago."""
    then = time.time() - days * DAY_SECONDS
    os.utime(path, (then, then))
    path.rename(path.with_name(time.strftime("%Y-%m-%d.sqlite", time.localtime(then))))


# -- making them ---------------------------------------------------------------------------


def test_closing_keeps_one_copy_a_day_and_few_in_all(here: Setting) -> None:
    today = time.strftime("%Y-%m-%d.sqlite")
    assert _copies(here) == [today]
    folder = _catalogue(here).parent / "backups"
    for days in range(6, 0, -1):
        shutil.copy(folder / today, folder / "older")
        _aged(folder / "older", days)
    before = (folder / today).stat().st_mtime_ns
    _reopen(here)
    here.library.close()
    assert (folder / today).stat().st_mtime_ns == before  # nothing had changed
    here.write("new.png", "blue")
    _reopen(here)
    here.add()
    here.library.close()
    assert len(_copies(here)) == KEPT_DAYS
    assert _copies(here)[0] == today
    copy = Catalogue(folder / today)
    assert copy.photo_count() == 21
    copy.close()
    assert not list(folder.glob("*.new"))


def test_one_that_is_due_is_made_while_the_library_is_used(here: Setting) -> None:
    folder = _catalogue(here).parent / "backups"
    _aged(next(folder.iterdir()), 1)
    _reopen(here)
    here.library.back_up()
    assert len(_copies(here)) == 2
    here.library.back_up()
    here.library.close()
    assert len(_copies(here)) == 2


def test_an_empty_library_needs_none(tmp_path: Path) -> None:
    with Library(tmp_path / "library") as library:
        library.back_up()
    assert not (tmp_path / "library" / "backups").exists()


def test_a_backup_that_cannot_be_made_costs_nothing_else(
    here: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    folder = _catalogue(here).parent / "backups"
    shutil.rmtree(folder)
    folder.write_text("in the way")
    here.write("new.png", "blue")
    _reopen(here)
    here.add()
    here.library.close()
    assert "no backup was made" in caplog.text
    with Library(here.library.folder) as library:
        assert library.catalogue.photo_count() == 21


def test_of_a_damaged_catalogue_no_copy_is_made(
    here: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    backups = Backups(_catalogue(here), version=VERSION)
    (good,) = backups.copies()
    before = good.read_bytes()
    _vectors_garbled(_catalogue(here))
    assert not backups.make()
    assert good.read_bytes() == before
    assert "no copy is made of it" in caplog.text
    with pytest.raises(LibraryDamaged):  # it is looked at when it is next opened
        backups.require_sound()


# -- damage --------------------------------------------------------------------------------


def _garbled(path: Path) -> None:
    path.write_bytes(b"this was a database once" * 500)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4096])


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _scribbled_on(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = b"\x5a" * (len(data) - 4096)
    path.write_bytes(bytes(data))


DAMAGES = [_garbled, _cut, _cut_short, _emptied, _scribbled_on, Path.unlink]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_catalogue_is_restored_and_what_came_later_follows(
    damage: Callable[[Path], object], here: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    damage(_catalogue(here))
    damaged = _catalogue(here).read_bytes() if _catalogue(here).exists() else None
    here.write("later.png", "blue")
    _reopen(here)
    (notice,) = here.library.notices
    assert f"was restored from its backup of {time.strftime('%Y-%m-%d')}" in notice
    assert notice in caplog.text
    assert here.library.catalogue.photo_count() == 20
    assert counts(here.add()) == (21, 1, 20, 0, 0)
    assert here.embedder.pictures_embedded == 21
    here.library.close()
    if damaged is not None:
        (kept,) = (_catalogue(here).parent / "damaged").glob("*.sqlite")
        assert str(kept) in notice
        assert kept.read_bytes() == damaged
    with Library(here.library.folder) as library:
        assert library.notices == ()


def _vectors_garbled(path: Path) -> None:
    """Nothing that opening looks at by itself, found while working."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        names = ("embeddings", "sqlite_autoindex_embeddings_1")
        found = "SELECT rootpage FROM sqlite_schema WHERE name IN (?, ?)"
        roots = [root for (root,) in connection.execute(found, names)]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with path.open("r+b") as file:
        for root in roots:
            file.seek((root - 1) * size)
            file.write(b"\x77" * size)


def _vectors_garbled_and_found(path: Path) -> None:
    _vectors_garbled(path)
    path.with_suffix(".suspect").touch()


@pytest.mark.parametrize("damage", [*DAMAGES, _vectors_garbled_and_found])
def test_without_a_backup_the_folders_are_kept_where_they_can_be_told(
    damage: Callable[[Path], object], here: Setting
) -> None:
    shutil.rmtree(_catalogue(here).parent / "backups")
    (_catalogue(here).parent / "index").mkdir()  # that it was used is seen by this
    damage(_catalogue(here))
    _reopen(here)
    (notice,) = here.library.notices
    assert "begins empty" in notice
    assert here.library.catalogue.photo_count() == 0
    folders = [folder.path for folder in here.library.catalogue.folders()]
    known = "Its folders are known" in notice
    assert folders == ([here.photos] if known else [])
    assert known == (damage is _vectors_garbled_and_found)
    here.add()
    here.library.close()


def test_damage_that_is_found_while_working_is_mended_at_the_next_start(here: Setting) -> None:
    _vectors_garbled(_catalogue(here))
    here.library = Library(here.library.folder, reserve_bytes=0)
    assert not here.library.notices
    with pytest.raises(LibraryDamaged, match="Start the program again"):
        here.library.catalogue.embedded_ids(here.embedder.space)
    _reopen(here)
    assert "was restored" in here.library.notices[0]
    assert len(here.library.catalogue.embedded_ids(here.embedder.space)) == 20
    assert counts(here.add()) == (20, 0, 20, 0, 0)
    here.library.close()


def test_a_suspicion_without_reason_is_dropped(here: Setting) -> None:
    mark = _catalogue(here).with_suffix(".suspect")
    mark.touch()
    _reopen(here)
    assert here.library.notices == ()
    assert not mark.exists()
    here.library.close()


def test_a_damaged_backup_is_passed_over(here: Setting) -> None:
    folder = _catalogue(here).parent / "backups"
    newest = next(folder.iterdir())
    shutil.copy(newest, folder / "older")
    _aged(folder / "older", 2)
    _vectors_garbled(newest)
    _garbled(_catalogue(here))
    _reopen(here)
    then = time.strftime("%Y-%m-%d", time.localtime(time.time() - 2 * DAY_SECONDS))
    assert f"backup of {then}" in here.library.notices[0]
    here.library.close()


def test_a_write_ahead_log_that_was_left_does_not_reach_the_copy(here: Setting) -> None:
    log = _catalogue(here).with_name("catalogue.sqlite-wal")
    here.library = Library(here.library.folder, reserve_bytes=0)
    here.write("later.png", "blue")
    here.add()
    left = log.read_bytes()
    assert left
    here.library.close()
    log.write_bytes(left)
    _garbled(_catalogue(here))
    _reopen(here)
    assert here.library.catalogue.photo_count() == 21
    here.library.close()
    assert is_sound(_catalogue(here))


def test_without_room_for_restoring_nothing_is_touched(
    here: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    _garbled(_catalogue(here))
    before = _catalogue(here).read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfile", full)
        with pytest.raises(NoSpace, match=r"Free \d+ MB"):
            Library(here.library.folder)
    assert _catalogue(here).read_bytes() == before
    Library(here.library.folder).close()


@settings(max_examples=30)
@given(start=st.floats(0, 1), data=st.binary(min_size=1, max_size=9000))
@example(start=0.0162, data=b"\x80")  # SQLite then quotes it, and no text can be made of that
def test_no_damage_whatever_stops_the_library(
    start: float, data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("library")
    with Library(folder, reserve_bytes=0) as library:
        write_photo(folder.parent / "album" / "a.png", "red")
        library.catalogue.add_folder(folder.parent / "album")
        library.catalogue.changes += 1
    with (folder / "catalogue.sqlite").open("r+b") as file:
        file.seek(int(start * (file.seek(0, os.SEEK_END) - 1)))
        file.write(data)
    with contextlib.suppress(LibraryProblem), Library(folder) as library:  # or a newer format
        assert [f.path.name for f in library.catalogue.folders()] in ([], ["album"])
        library.catalogue.photos()


BY_HAND = re.compile(r"\b(Delete|Remove|Erase|Put back) (it|the|this|that|a|them)\b")


def test_nobody_is_told_to_mend_files_by_hand() -> None:
    for path in Path(mmsearch_desktop.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):  # messages name files, docstrings do not
                text = ast.unparse(node)
                assert not BY_HAND.search(text), f"{path}: {text}"


# -- other formats -------------------------------------------------------------------------


def test_a_newer_format_is_told_and_nothing_is_touched(here: Setting) -> None:
    with contextlib.closing(sqlite3.connect(_catalogue(here))) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = {path: path.read_bytes() for path in here.library.folder.rglob("*") if path.is_file()}
    with pytest.raises(LibraryProblem, match=r"newer version.*Use the newer program"):
        Library(here.library.folder)
    after = {path: path.read_bytes() for path in before}
    assert before == after


FORMAT_1 = ("folders", "contents", "photos", "spaces", "embeddings", "problems")


def _back_to_format_1(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        found = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        for (table,) in connection.execute(found).fetchall():
            if table not in FORMAT_1:
                connection.execute(f"DROP TABLE {table}")
        connection.execute("ALTER TABLE folders DROP COLUMN part_of")
        connection.execute("PRAGMA user_version = 1")


def test_an_older_format_is_copied_then_brought_up_to_date(here: Setting) -> None:
    _back_to_format_1(_catalogue(here))
    _reopen(here)
    here.library.close()
    copy = _catalogue(here).parent / "backups" / "format-1.sqlite"
    assert version_of(copy) == 1
    assert version_of(_catalogue(here)) == VERSION
    with Library(here.library.folder) as library:
        assert library.catalogue.photo_count() == 20


def test_an_older_backup_is_brought_up_to_date_when_it_is_needed(here: Setting) -> None:
    (copy,) = (_catalogue(here).parent / "backups").iterdir()
    _back_to_format_1(copy)
    _garbled(_catalogue(here))
    _reopen(here)
    assert here.library.catalogue.photo_count() == 20
    assert here.library.catalogue.judgements is not None
    here.library.close()
    assert version_of(_catalogue(here)) == VERSION
