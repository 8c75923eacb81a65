"""Bringing only some folders of a folder up to date comes to the same as all of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmsearch_desktop.domain import FolderProblem, IndexSummary
from mmsearch_desktop.library.ingest import add_folder
from mmsearch_desktop.library.scan import folder_states
from mmsearch_desktop.library.scope import Scope
from tests.library.setting import Setting, counts


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    setting = Setting(tmp_path)
    for name in ("a/red.png", "a/deep/green.png", "b/blue.png"):
        (setting.photos / name).parent.mkdir(parents=True, exist_ok=True)
        setting.write(name, Path(name).stem)
    setting.add()
    yield setting
    setting.library.close()


def add_within(setting: Setting, *names: str) -> IndexSummary:
    within = [setting.photos / name for name in names]
    *_, last = add_folder(setting.photos, setting.library, setting.index, setting.embedder, within)
    setting.check()
    assert last.summary is not None
    return last.summary


def test_only_these_folders_are_looked_at(setting: Setting) -> None:
    setting.write("a/black.png", "black")
    setting.write("b/white.png", "white")
    assert counts(add_within(setting, "a")) == (2, 1, 1, 0, 0)
    assert "photos/a/black.png" in setting.names
    assert "photos/b/white.png" not in setting.names
    assert "photos/a/deep/green.png" in setting.names
    assert setting.library.catalogue.folders()[0].photos == 4
    assert len(setting.library.catalogue.folders()) == 1


def test_what_moved_between_them_is_not_embedded_again(setting: Setting) -> None:
    before = setting.library.catalogue.photos(Scope(setting.photos / "a" / "deep"))
    (setting.photos / "a" / "deep" / "green.png").rename(setting.photos / "b" / "green.png")
    assert counts(add_within(setting, "a/deep", "b")) == (2, 0, 1, 1, 0)
    assert [
        one.id for one in setting.library.catalogue.photos() if one.path.name == "green.png"
    ] == [before[0].id]


def test_a_folder_that_is_gone_has_lost_its_photos(setting: Setting) -> None:
    shutil.rmtree(setting.photos / "a")
    assert add_within(setting, ".", "a", "a/deep").removed == 2
    assert setting.names == ["photos/b/blue.png"]


def test_a_folder_that_went_away_keeps_its_photos(setting: Setting, tmp_path: Path) -> None:
    setting.photos.rename(tmp_path / "away")
    with pytest.raises(FolderProblem):
        add_within(setting, "a")
    assert len(setting.library.catalogue.folders()) == 1
    assert setting.library.catalogue.photo_count() == 0  # not shown, but kept
    (tmp_path / "away").rename(setting.photos)
    assert counts(setting.add()) == (3, 0, 3, 0, 0)


def test_a_broken_photo_is_a_problem_until_it_is_good(setting: Setting) -> None:
    (setting.photos / "b" / "broken.png").write_bytes(b"no photo")
    assert len(add_within(setting, "b").unreadable) == 1
    assert len(setting.library.catalogue.problems()) == 1
    (setting.photos / "b" / "broken.png").unlink()
    add_within(setting, "b")
    assert not setting.library.catalogue.problems()


def test_folder_states_differ_where_photos_do(setting: Setting) -> None:
    before = folder_states(setting.photos)
    assert set(before) == {setting.photos / name for name in (".", "a", "a/deep", "b")}
    (setting.photos / "notes.txt").write_text("no photo")
    assert folder_states(setting.photos) == before
    setting.write("b/white.png", "white")
    after = folder_states(setting.photos)
    assert {folder for folder in after if after[folder] != before[folder]} == {setting.photos / "b"}
