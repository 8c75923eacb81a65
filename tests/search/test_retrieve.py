"""Searching a real library of one-colour photos with an embedder that sees only colours."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch_desktop.domain import (
    Hit,
    Mode,
    Photo,
    Query,
    QueryPicture,
    QueryProblem,
    Results,
    Similarities,
)
from mmsearch_desktop.library.ingest import add_folder
from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.search.query import picture_from_file
from mmsearch_desktop.search.retrieve import EMPTY_LIBRARY, encode, retrieve
from tests.fakes import COLOURS, ColourEmbedder
from tests.library.pictures import write_photo

if TYPE_CHECKING:
    from mmsearch_desktop.library.vectors import VectorIndex


@dataclass(frozen=True)
class Shop:
    """An open library and what is needed to search it."""

    library: Library
    index: VectorIndex
    photos: Path
    embedder: ColourEmbedder

    def search(self, query: Query) -> Results:
        return retrieve(query, library=self.library, index=self.index, embedder=self.embedder)

    def names(self, query: Query) -> list[str]:
        return [hit.photo.path.name for hit in self.search(query).hits]

    def add(self, folder: Path) -> None:
        list(add_folder(folder, self.library, self.index, self.embedder))


def _opened(folder: Path, embedder: ColourEmbedder) -> Iterator[Shop]:
    photos = folder / "photos"
    photos.mkdir()
    with Library(folder / "library") as library:
        index = library.open_index(embedder.space)
        list(index.reconcile(library.catalogue))
        yield Shop(library, index, photos, embedder)
        index.close()


@pytest.fixture
def empty_shop(tmp_path: Path) -> Iterator[Shop]:
    yield from _opened(tmp_path, ColourEmbedder())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Nine colours; the red one lies in three places, the second time beside the blue one."""
    for shop in _opened(tmp_path_factory.mktemp("shop"), ColourEmbedder()):
        for colour in COLOURS:
            write_photo(shop.photos / "colours" / f"{colour}.png", colour)
        write_photo(shop.photos / "blues" / "blue bag.png", "darkblue")
        write_photo(shop.photos / "blues" / "red again.png", "red")
        write_photo(shop.photos / "z" / "red copy.png", "red")
        shop.add(shop.photos)
        yield shop


def _red(shop: Shop) -> QueryPicture:
    return picture_from_file(shop.photos / "colours" / "red.png")


def _of(results: Results, name: str) -> Hit:
    return next(hit for hit in results.hits if hit.photo.path.name == name)


def test_words_find_their_colour(shop: Shop) -> None:
    results = shop.search(Query("yellow"))
    first = results.hits[0]
    assert first.photo.path == shop.photos / "colours" / "yellow.png"
    assert (first.rank, first.retrieval_rank) == (1, 1)
    assert first.score == pytest.approx(1, abs=1e-3)
    assert first.similarities == Similarities(words=first.similarities.words)
    assert first.similarities.words == pytest.approx(first.score, abs=1e-4)
    assert results.notices == ()


def test_one_content_is_one_hit(shop: Shop) -> None:
    results = shop.search(Query("red"))
    assert len(results.hits) == len(COLOURS) + 1
    red = results.hits[0]
    places = {red.photo.path, *red.copies}
    assert places == {
        shop.photos / "colours" / "red.png",
        shop.photos / "blues" / "red again.png",
        shop.photos / "z" / "red copy.png",
    }
    assert len(red.copies) == 2


def test_query_picture_and_its_copies_are_left_out(shop: Shop) -> None:
    results = shop.search(Query(picture=_red(shop)))
    assert all(hit.photo.sha256 != _red(shop).sha256 for hit in results.hits)
    assert len(results.hits) == len(COLOURS)
    assert results.hits[0].rank == 1
    assert results.notices == ("The query picture itself (3 copies) is left out.",)


def test_query_picture_may_be_shown(shop: Shop) -> None:
    results = shop.search(Query(picture=_red(shop), show_query_picture=True))
    assert results.hits[0].photo.sha256 == _red(shop).sha256
    assert results.notices == ()


def test_picture_from_outside_the_library(shop: Shop, tmp_path: Path) -> None:
    picture = picture_from_file(write_photo(tmp_path / "new.jpg", "darkgreen"))
    results = shop.search(Query(picture=picture))
    assert results.hits[0].photo.path.name == "green.png"
    assert results.notices == ()


def test_words_and_picture_are_read_together(shop: Shop) -> None:
    query = Query("blue", picture=_red(shop))
    vectors = encode(query, shop.embedder)
    hit = _of(shop.search(query), "purple.png")
    assert vectors.together is not None
    stored = shop.library.catalogue.embeddings([hit.photo.content_id], shop.embedder.space)
    vector = stored[hit.photo.content_id]
    assert hit.score == pytest.approx(float(vectors.together @ vector), abs=1e-4)
    assert hit.similarities.together == pytest.approx(hit.score, abs=1e-4)
    assert vectors.words is not None
    assert hit.similarities.words == pytest.approx(float(vectors.words @ vector), abs=1e-6)
    assert vectors.picture is not None
    assert hit.similarities.picture == pytest.approx(float(vectors.picture @ vector), abs=1e-6)


@pytest.mark.parametrize("mode", Mode)
def test_mode_chooses_what_is_asked_and_changes_no_similarity(shop: Shop, mode: Mode) -> None:
    query = Query("green", picture=_red(shop), mode=mode)
    results = shop.search(query)
    composed = shop.search(replace(query, mode=Mode.COMPOSED))
    asked = encode(query, shop.embedder).asked
    assert np.linalg.norm(asked) == pytest.approx(1)
    for hit in results.hits:
        name = hit.photo.path.name
        assert hit.similarities == _of(composed, name).similarities
        words, picture = hit.similarities.words, hit.similarities.picture
        assert words is not None
        assert picture is not None
        expected = {
            Mode.COMPOSED: hit.similarities.together,
            Mode.SUM: (words + picture) / _length_of_sum(query, shop.embedder),
            Mode.TEXT: words,
            Mode.PICTURE: picture,
        }
        assert hit.score == pytest.approx(expected[mode], abs=1e-4)


def _length_of_sum(query: Query, embedder: ColourEmbedder) -> float:
    vectors = encode(query, embedder)
    assert vectors.words is not None
    assert vectors.picture is not None
    return float(np.linalg.norm(vectors.words + vectors.picture))


@pytest.mark.parametrize("mode", Mode)
def test_query_of_one_part_uses_it_in_every_mode(shop: Shop, mode: Mode) -> None:
    assert shop.names(Query("black", mode=mode)) == shop.names(Query("black"))
    red = Query(picture=_red(shop), mode=mode)
    assert shop.names(red) == shop.names(replace(red, mode=Mode.COMPOSED))


def test_folder_scope_shows_paths_that_lie_in_it(shop: Shop) -> None:
    results = shop.search(Query("red", folder=shop.photos / "blues"))
    assert [hit.photo.path.name for hit in results.hits] == ["red again.png", "blue bag.png"]
    assert len(results.hits[0].copies) == 2
    only_z = shop.search(Query("blue", folder=shop.photos / "z"))
    assert [hit.photo.path.name for hit in only_z.hits] == ["red copy.png"]


def test_folder_without_photos_of_the_library(shop: Shop, tmp_path: Path) -> None:
    results = shop.search(Query("red", folder=tmp_path))
    assert results.hits == ()
    assert results.notices == (f"No photos of the library lie in {tmp_path}.",)


@settings(max_examples=40, deadline=None)
@given(
    st.builds(
        Query,
        words=st.lists(st.sampled_from(COLOURS), min_size=1, max_size=4).map(" ".join),
        mode=st.sampled_from(Mode),
        folder=st.sampled_from([None, Path("colours"), Path("blues"), Path("z")]),
        limit=st.integers(1, 12),
        show_query_picture=st.booleans(),
    ),
    st.booleans(),
)
def test_hits_are_ordered_distinct_and_no_more_than_asked(
    shop: Shop, query: Query, with_picture: bool
) -> None:
    if query.folder is not None:
        query = replace(query, folder=shop.photos / query.folder)
    query = replace(query, picture=_red(shop) if with_picture else None)
    hits = shop.search(query).hits
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert all(first.score >= second.score for first, second in itertools.pairwise(hits))
    assert len({hit.photo.content_id for hit in hits}) == len(hits) <= query.limit
    assert all(hit.photo.path.is_relative_to(query.folder or "/") for hit in hits)


def test_query_that_asks_nothing(shop: Shop) -> None:
    with pytest.raises(QueryProblem, match="empty"):
        shop.search(Query("  "))


def test_query_picture_that_is_none(shop: Shop) -> None:
    with pytest.raises(QueryProblem, match="cannot be used as the query picture"):
        shop.search(Query(picture=QueryPicture.from_bytes(b"no picture", "dropped")))


def test_over_long_words_are_told(shop: Shop) -> None:
    shop = replace(shop, embedder=ColourEmbedder(words_limit=5))
    assert shop.search(Query("yellow bag")).notices == (
        "The words are long: only the first 5 characters are used.",
    )
    shop = replace(shop, embedder=ColourEmbedder(words_limit=6))  # of which a picture takes one
    query = Query("yellow", picture=_red(shop), show_query_picture=True)
    assert len(shop.search(query).notices) == 1
    for mode in (Mode.SUM, Mode.TEXT, Mode.PICTURE):  # they read the words alone
        assert shop.search(replace(query, mode=mode)).notices == ()


def test_empty_library(empty_shop: Shop) -> None:
    results = empty_shop.search(Query("red"))
    assert (results.hits, results.notices) == ((), (EMPTY_LIBRARY,))


def test_photos_that_are_gone_leave_room_for_others(empty_shop: Shop) -> None:
    shop = empty_shop
    near = [write_photo(shop.photos / f"{i}.png", "red", (i + 1, 4)) for i in range(60)]
    write_photo(shop.photos / "blue.png", "blue")
    shop.add(shop.photos)
    photos = shop.library.catalogue.photos()
    gone = [photo.id for photo in photos if photo.path in near]
    shop.library.catalogue.remove_photos(gone)
    assert shop.names(Query("red", limit=1)) == ["blue.png"]


def test_photos_without_a_vector_are_told(empty_shop: Shop) -> None:
    shop = empty_shop
    write_photo(shop.photos / "old" / "red.png", "red")
    write_photo(shop.photos / "old" / "green.png", "green")
    write_photo(shop.photos / "new" / "blue.png", "blue")
    older = ColourEmbedder(revision="0")
    other = shop.library.open_index(older.space)
    list(add_folder(shop.photos / "old", shop.library, other, older))
    other.close()
    shop.add(shop.photos / "new")
    results = shop.search(Query("red"))
    assert [hit.photo.path.name for hit in results.hits] == ["blue.png"]
    assert results.notices == (
        "2 photos cannot be found with this model yet; index their folder to have them searched.",
    )
    assert shop.search(Query("red", folder=shop.photos / "new")).notices == ()
    (shop.photos / "old").rename(shop.photos / "unplugged")
    assert "cannot be found with" not in "".join(shop.search(Query("red")).notices)


def test_drive_that_is_away_is_told(empty_shop: Shop) -> None:
    shop = empty_shop
    drive, home = shop.photos / "drive", shop.photos / "home"
    write_photo(drive / "red.png", "red")
    write_photo(home / "blue.png", "blue")
    shop.add(drive)
    shop.add(home)
    drive.rename(shop.photos / "unplugged")
    results = shop.search(Query("red"))
    assert [hit.photo.path.name for hit in results.hits] == ["blue.png"]
    assert results.notices == (f"Not searched, since the drive is not connected: {drive}.",)
    assert shop.search(Query("red", folder=drive / "summer")).notices == results.notices
    assert shop.search(Query("red", folder=home)).notices == ()


def test_photos_of_a_drive_that_is_away_take_no_places(empty_shop: Shop) -> None:
    shop = empty_shop
    drive, home = shop.photos / "drive", shop.photos / "home"
    for width in range(1, 120):
        write_photo(drive / f"{width}.png", "red", (width, 4))
    for colour in ("darkred", "blue", "green"):
        write_photo(home / f"{colour}.png", colour)
    shop.add(drive)
    shop.add(home)
    drive.rename(shop.photos / "unplugged")
    assert shop.names(Query("red", limit=2)) == shop.names(Query("red", folder=home, limit=2))
    assert set(shop.names(Query("red"))) == {"darkred.png", "blue.png", "green.png"}


def test_a_query_picture_that_lies_elsewhere_is_not_told(shop: Shop) -> None:
    query = Query(picture=_red(shop), folder=shop.photos / "z")
    assert shop.search(query).notices == ("The query picture itself is left out.",)
    query = replace(query, folder=shop.photos / "colours" / "none")
    assert shop.search(query).notices == (f"No photos of the library lie in {query.folder}.",)


# -- days ----------------------------------------------------------------------------------

_DAYS = (date(2019, 12, 31), date(2020, 1, 1), date(2020, 2, 29), date(2024, 6, 1))


@pytest.fixture(scope="module")
def dated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Each colour once with the day it was taken; and twice without, in folders a year apart."""
    for shop in _opened(tmp_path_factory.mktemp("dated"), ColourEmbedder()):
        for number, colour in enumerate(COLOURS):
            day = _DAYS[number % len(_DAYS)]
            taken = f"{day:%Y:%m:%d} 00:30:00"
            write_photo(shop.photos / "taken" / f"{colour}.jpg", colour, taken=taken)
            for folder, changed in (("plain", day), ("later", day + timedelta(366))):
                path = write_photo(shop.photos / folder / f"{colour}.png", colour)
                _change_on(path, changed)
        shop.add(shop.photos)
        yield shop


def _change_on(path: Path, day: date) -> None:
    noon = datetime.combine(day, time(12)).timestamp()
    os.utime(path, (noon, noon))


def _day(photo: Photo) -> date:
    if photo.taken is not None:
        return photo.taken.date()
    return datetime.fromtimestamp(photo.path.stat().st_mtime).astimezone().date()


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([None, *_DAYS]) | st.dates(date(2018, 1, 1), date(2026, 1, 1)),
    st.sampled_from([None, *_DAYS]) | st.dates(date(2018, 1, 1), date(2026, 1, 1)),
    st.sampled_from([None, "taken", "plain", "later", "none"]),
    st.integers(1, 20),
)
def test_days_and_folder_equal_filtering_all_hits_by_hand(
    dated: Shop, one: date | None, other: date | None, name: str | None, limit: int
) -> None:
    since, until = (other, one) if one and other and other < one else (one, other)
    folder = None if name is None else dated.photos / name

    def fits(path: Path) -> bool:
        day = _day(photos[path])
        inside = folder is None or path.is_relative_to(folder)
        return inside and (since is None or since <= day) and (until is None or day <= until)

    photos = {photo.path: photo for photo in dated.library.catalogue.photos()}
    by_hand = []
    for hit in dated.search(Query("red")).hits:
        paths = sorted([hit.photo.path, *hit.copies])
        fitting = [path for path in paths if fits(path)]
        if fitting:
            by_hand.append((fitting[0], set(paths)))
    query = Query("red", folder=folder, since=since, until=until, limit=limit)
    results = dated.search(query)
    found = [(hit.photo.path, {hit.photo.path, *hit.copies}) for hit in results.hits]
    assert found == by_hand[:limit]
    assert bool(results.notices) == (not by_hand)


def test_days_without_photos_are_told(dated: Shop) -> None:
    def told(query: Query) -> str:
        results = dated.search(query)
        assert results.hits == ()
        return " ".join(results.notices)

    query = Query("red", since=date(2022, 1, 1), until=date(2022, 12, 31))
    assert told(query) == "No photos of the library are from 2022."
    taken = dated.photos / "taken"
    query = Query("red", folder=taken, since=date(2024, 6, 2))
    assert told(query) == f"No photos of the library in {taken} are from 2024-06-02 or later."
    nowhere = dated.photos / "nowhere"
    assert told(replace(query, folder=nowhere)) == f"No photos of the library lie in {nowhere}."


def test_days_that_cannot_be(dated: Shop) -> None:
    query = Query("red", since=date(2024, 1, 2), until=date(2024, 1, 1))
    with pytest.raises(QueryProblem, match="Swap the two"):
        dated.search(query)


def test_photos_that_wait_are_counted_within_the_days(empty_shop: Shop) -> None:
    shop = empty_shop
    for colour, taken in (("red", "2020:01:01 10:00:00"), ("blue", "2021:01:01 10:00:00")):
        write_photo(shop.photos / f"{colour}.jpg", colour, taken=taken)
    older = ColourEmbedder(revision="0")
    other = shop.library.open_index(older.space)
    list(add_folder(shop.photos, shop.library, other, older))
    other.close()
    results = shop.search(Query("red", since=date(2020, 6, 1)))
    assert results.hits == ()
    assert results.notices[0].startswith("1 photo cannot be found with this model yet")


def test_days_look_at_photos_at_hand_only(empty_shop: Shop) -> None:
    shop = empty_shop
    drive, home = shop.photos / "drive", shop.photos / "home"
    for folder, day in ((drive, date(2020, 5, 5)), (home, date(2021, 5, 5))):
        _change_on(write_photo(folder / "red.png", "red"), day)
        shop.add(folder)
    query = Query("red", until=date(2020, 12, 31))
    (hit,) = shop.search(query).hits
    assert (hit.photo.path, hit.copies) == (drive / "red.png", (home / "red.png",))
    drive.rename(shop.photos / "unplugged")
    assert shop.search(query).hits == ()
    assert shop.names(Query("red", since=date(2021, 1, 1))) == ["red.png"]
