"""Kept judgements: found while everything is the same, gone with their photos, never too many."""

from __future__ import annotations

import dataclasses
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch_desktop.domain import Check, Standing, Verdict
from mmsearch_desktop.library.catalogue import Catalogue
from mmsearch_desktop.library.database import Database
from mmsearch_desktop.library.judgements import Asked, Judgements
from mmsearch_desktop.library.tables import SCHEMA, UPGRADES, VERSION
from tests.library.test_catalogue import SPACE, put, sha

if TYPE_CHECKING:
    from collections.abc import Iterator

ASKED = Asked("phone case with this", sha(900), "Phi-3 Vision", "abc-1", "1.1 pointwise 1 0")
VERDICT = Verdict(
    0.9,
    "the whole request: yes 90 %",
    "Phi-3 Vision",
    Standing.JUDGED,
    2.2,
    (Check("the whole request", 0.9), Check("no stripes", None)),
    "Ein rotes «Ding» 犬",
)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue(tmp_path / "catalogue.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def judgements(catalogue: Catalogue) -> Judgements:
    return catalogue.judgements


def test_what_is_kept_comes_back_whole(judgements: Judgements) -> None:
    judgements.keep(ASKED, sha(1), VERDICT)
    unsure = Verdict(None, "", ASKED.judge, Standing.UNSURE)
    judgements.keep(ASKED, sha(2), unsure)
    assert judgements.find(ASKED, [sha(1), sha(2), sha(3)]) == {sha(1): VERDICT, sha(2): unsure}
    assert judgements.find(ASKED, []) == {}


def test_it_is_there_the_next_time_the_library_is_opened(catalogue: Catalogue) -> None:
    catalogue.judgements.keep(ASKED, sha(1), VERDICT)
    catalogue.close()
    again = Catalogue(catalogue.path)
    assert again.judgements.find(ASKED, [sha(1)]) == {sha(1): VERDICT}
    again.close()


def test_a_later_judgement_takes_the_place_of_an_earlier_one(judgements: Judgements) -> None:
    judgements.keep(ASKED, sha(1), VERDICT)
    longer = dataclasses.replace(VERDICT, words="now with words")
    judgements.keep(ASKED, sha(1), longer)
    assert judgements.find(ASKED, [sha(1)]) == {sha(1): longer}
    assert judgements.count() == 1


@pytest.mark.parametrize("part", [field.name for field in dataclasses.fields(Asked)])
def test_changing_any_part_finds_nothing(judgements: Judgements, part: str) -> None:
    judgements.keep(ASKED, sha(1), VERDICT)
    other = dataclasses.replace(ASKED, **{part: "other"})
    assert judgements.find(other, [sha(1)]) == {}
    assert judgements.find(ASKED, [sha(2)]) == {}


@given(st.lists(st.text(max_size=5), min_size=10, max_size=10))
def test_parts_cannot_run_into_each_other(parts: list[str]) -> None:
    one, other = Asked(*parts[:5]), Asked(*parts[5:])
    assert (one.about("x") == other.about("x")) == (one == other)


def test_no_picture_and_an_empty_one_differ() -> None:
    assert Asked("", None, "", "", "").about("x") != Asked("", "", "", "", "").about("x")


def test_a_content_that_leaves_for_good_takes_its_judgements_along(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    catalogue.add_folder(album)
    first = put(catalogue, album / "a.jpg", 1)
    put(catalogue, album / "b.jpg", 2)
    for number in (1, 2, 3):  # the third is no photo of the library
        catalogue.judgements.keep(ASKED, sha(number), VERDICT)
    catalogue.remove_photos([first.id])
    assert catalogue.judgements.count() == 3, "it may only have moved"
    catalogue.drop_forgotten(timedelta(0))
    found = catalogue.judgements.find(ASKED, [sha(1), sha(2), sha(3)])
    assert set(found) == {sha(2), sha(3)}
    catalogue.remove_folder(catalogue.folders()[0].id)
    assert list(catalogue.judgements.find(ASKED, [sha(2), sha(3)])) == [sha(3)]


def test_only_the_newest_stay(tmp_path: Path) -> None:
    database = Database(
        tmp_path / "catalogue.sqlite", schema=SCHEMA, version=VERSION, small_tables=()
    )
    few = Judgements(database, most=3)
    for number in range(10):
        few.keep(ASKED, sha(number), VERDICT)
    assert set(few.find(ASKED, [sha(n) for n in range(10)])) == {sha(7), sha(8), sha(9)}
    few.keep(ASKED, sha(8), VERDICT)
    few.keep(ASKED, sha(10), VERDICT)
    assert sha(8) in few.find(ASKED, [sha(8)])
    few.forget_all()
    assert few.count() == 0
    database.close()


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"probability": "high", "rationale": "", "score": 1, "checks": [], "words": "",'
        ' "standing": "judged"}',
        '{"probability": 1, "rationale": "", "score": NaN, "checks": [], "words": "",'
        ' "standing": "judged"}',
        '{"probability": 1, "rationale": "", "score": 1, "checks": [], "words": "",'
        ' "standing": "loved"}',
        '{"probability": 1, "rationale": "", "score": 1, "checks": [3], "words": "",'
        ' "standing": "judged"}',
    ],
)
def test_a_spoilt_row_is_judged_again(catalogue: Catalogue, answer: str) -> None:
    catalogue.judgements.keep(ASKED, sha(1), VERDICT)
    with sqlite3.connect(catalogue.path) as connection:
        connection.execute("UPDATE judgements SET answer = ?", (answer,))
    connection.close()
    assert catalogue.judgements.find(ASKED, [sha(1)]) == {}


def test_a_library_of_the_first_version_is_upgraded_with_all_it_holds(tmp_path: Path) -> None:
    path, album = tmp_path / "catalogue.sqlite", tmp_path / "album"
    album.mkdir()
    upgrade = UPGRADES[1]
    old = [statement for statement in SCHEMA if statement not in upgrade]
    assert len(old) == len(SCHEMA) - len(upgrade)
    old.append("ALTER TABLE folders DROP COLUMN part_of")
    Database(path, schema=old, version=1, small_tables=()).close()
    catalogue = Catalogue(path)
    catalogue.add_folder(album)
    put(catalogue, album / "a.jpg", 1)
    catalogue.judgements.keep(ASKED, sha(1), VERDICT)
    catalogue.close()
    again = Catalogue(path)
    assert again.photo_count() == 1
    assert again.embedded_count(SPACE) == 1
    assert again.judgements.find(ASKED, [sha(1)]) == {sha(1): VERDICT}
    again.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == VERSION
    connection.close()
