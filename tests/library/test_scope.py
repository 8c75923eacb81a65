"""Folders and days as a filter: the same as filtering by hand, in any time zone."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch_desktop.domain import Photo, Preparation, VectorSpace
from mmsearch_desktop.library.catalogue import Catalogue
from mmsearch_desktop.library.scope import ALL, Scope, day_of, of_year
from mmsearch_desktop.library.tables import Arrival, NewContent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SPACE = VectorSpace("colours", "1", 4, Preparation.APP)
VECTOR: NDArray[np.float32] = np.array([1, 0, 0, 0], dtype=np.float32)
_ZONES = ("UTC", "EST+5", "JST-9", "NPT-5:45", "LINT-14", "CET-1CEST,M3.5.0,M10.5.0/3")
ZONES = _ZONES if hasattr(time, "tzset") else (None,)  # Windows has the one it is set to
FOLDERS = ("home", "home/deep", "home/deeper", "stick", "away")
AROUND = (datetime(2020, 1, 1), datetime(2020, 3, 29), datetime(2021, 6, 1), datetime(1969, 12, 31))
PHOTOS = 300


@dataclass(frozen=True)
class Stored:
    """A catalogue, and what it ought to list: all photos but those of the folder that is away."""

    catalogue: Catalogue
    base: Path
    at_hand: tuple[Photo, ...] = field(repr=False)


def by_hand(photo: Photo) -> date:
    """The day, another way: by the C library's calendar."""
    if photo.taken is not None:
        return date(photo.taken.year, photo.taken.month, photo.taken.day)
    return date(*time.localtime(photo.modified_ns // 10**9)[:3])


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    """Photos within hours of four midnights, half of them without a date; some are copies."""
    base, chance = tmp_path_factory.mktemp("photos"), random.Random(5)  # noqa: S311 - the same each time
    for name in FOLDERS:
        (base / name).mkdir()
    catalogue = Catalogue(base / "catalogue.sqlite")
    ids = {name: catalogue.add_folder(base / name) for name in ("home", "stick", "away")}
    contents, arrivals = [], []
    for number in range(PHOTOS):
        content = chance.randrange(PHOTOS // 2)
        moments = random.Random(content)  # noqa: S311 - likewise
        taken = _moment(moments) if content % 2 else None
        changed = taken if content % 10 == 1 and taken else _moment(chance)
        changed_ns = int(changed.replace(tzinfo=UTC).timestamp()) * 10**9  # perhaps as `taken`
        folder, sha256 = chance.choice(FOLDERS), f"{content:064x}"
        path, folder_id = base / folder / f"{number}.jpg", ids[folder.split("/")[0]]
        contents.append(NewContent(sha256, 1, 1, "JPEG", taken, VECTOR))
        arrivals.append(Arrival(path, folder_id, sha256, 1, changed_ns))
    catalogue.store(SPACE, contents=contents, arrivals=arrivals)
    photos = catalogue.photos()
    assert len(photos) == PHOTOS
    (base / "away").rename(base / "unplugged")
    at_hand = tuple(p for p in photos if p.path.parent != base / "away")
    yield Stored(catalogue, base, at_hand)
    catalogue.close()


def _moment(chance: random.Random) -> datetime:
    return chance.choice(AROUND) + timedelta(seconds=15 * 60 * chance.randint(-150, 150))


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest) -> Iterator[None]:
    """This computer's clock is set to it."""
    before = os.environ.get("TZ")
    _set_zone(request.param)
    yield
    _set_zone(before)


def _set_zone(zone: str | None) -> None:
    os.environ.pop("TZ", None)
    if zone is not None:
        os.environ["TZ"] = zone
    if hasattr(time, "tzset"):
        time.tzset()


days = st.one_of(
    st.none(),
    st.sampled_from([moment.date() for moment in AROUND]),
    st.sampled_from(AROUND).flatmap(
        lambda moment: st.dates((moment - timedelta(2)).date(), (moment + timedelta(2)).date())
    ),
    st.dates(),
)


def expected(
    stored: Stored, folder: Path | None, since: date | None, until: date | None
) -> set[int]:
    return {
        photo.id
        for photo in stored.at_hand
        if (folder is None or folder in photo.path.parents)
        and (since is None or by_hand(photo) >= since)
        and (until is None or by_hand(photo) <= until)
    }


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([None, *FOLDERS, "home/none"]), days, days)
def test_a_scope_equals_filtering_by_hand(
    stored: Stored, zone: None, name: str | None, since: date | None, until: date | None
) -> None:
    folder = None if name is None else stored.base / name
    scope, catalogue = Scope(folder, since, until), stored.catalogue
    ids = expected(stored, folder, since, until)
    listed = catalogue.photos(scope)
    assert [photo.id for photo in listed] == [p.id for p in stored.at_hand if p.id in ids]
    assert catalogue.photo_count(scope) == len(ids)
    assert catalogue.content_ids(scope) == sorted({photo.content_id for photo in listed})
    assert {photo.id for photo in stored.at_hand if scope.holds(photo)} == ids
    assert (
        catalogue.waiting_count(VectorSpace("none", "1", 4, Preparation.APP), scope)
        == len({photo.content_id for photo in listed})
        or scope == ALL
    )  # of all, it counts those that are away as well


@pytest.mark.parametrize("name", [None, *FOLDERS])
def test_years_with_their_counts(stored: Stored, zone: None, name: str | None) -> None:
    folder = None if name is None else stored.base / name
    years = stored.catalogue.years(folder)
    by_year = [
        (year, len(expected(stored, folder, date(year, 1, 1), date(year, 12, 31))))
        for year in range(2025, 1960, -1)
    ]
    assert years == [(year, count) for year, count in by_year if count]
    for year, count in years:
        assert stored.catalogue.photo_count(of_year(year, folder)) == count


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(("new", "copy", "move", "replace", "remove", "unplug", "other")),
        st.sampled_from(("home", "stick")),
        st.integers(0, 5),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(_STEPS)
def test_what_is_remembered_of_a_scope_follows_every_write(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, int]]
) -> None:
    base = tmp_path_factory.mktemp("steps")
    catalogue = Catalogue(base / "catalogue.sqlite")
    ids = {}
    for name in ("home", "stick"):
        (base / name).mkdir()
        ids[name] = catalogue.add_folder(base / name)
    scopes = [ALL, Scope(base / "home"), Scope(since=date(2020, 1, 1)), of_year(2019, base)]
    for place, (action, folder, number) in enumerate(steps):
        photos = catalogue.photos()
        old = photos[number % len(photos)] if photos else None
        if action == "unplug":
            there, away = base / "stick", base / "unplugged"
            there.rename(away) if there.exists() else away.rename(there)
        elif action == "remove" and old is not None:
            catalogue.remove_photos([old.id])
        elif action == "other":
            catalogue.store(SPACE)
        else:
            content = number if action == "copy" else 100 + place
            taken = datetime(2019 + content % 3, 1, 1, 12)
            path = base / folder / f"{place}.jpg"
            if action == "replace" and old is not None:
                path = old.path
            moved = old.id if action == "move" and old is not None else None
            facts = NewContent(f"{content:064x}", 1, 1, "JPEG", taken, VECTOR)
            arrival = Arrival(path, ids[path.parent.name], facts.sha256, 1, 0, moved)
            catalogue.store(SPACE, contents=[facts], arrivals=[arrival])
        for scope in scopes:
            listed = catalogue.photos(scope, limit=100)
            assert catalogue.content_ids(scope) == sorted({p.content_id for p in listed})
    catalogue.close()


def test_new_photos_are_no_reason_to_look_at_all_again(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "catalogue.sqlite")
    for name in ("home", "stick"):
        (tmp_path / name).mkdir()
        catalogue.add_folder(tmp_path / name)

    def put(name: str, number: int) -> None:
        folder_id = {f.path.name: f.id for f in catalogue.folders()}[name]
        facts = NewContent(f"{number:064x}", 1, 1, "JPEG", None, VECTOR)
        arrival = Arrival(tmp_path / name / f"{number}.jpg", folder_id, facts.sha256, 1, 0)
        catalogue.store(SPACE, contents=[facts], arrivals=[arrival])

    put("home", 1)
    known = catalogue.content_ids(Scope(tmp_path / "home"))
    put("stick", 2)
    assert catalogue.content_ids(Scope(tmp_path / "home")) is known
    catalogue.close()


def test_an_empty_catalogue_has_no_years(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "catalogue.sqlite")
    assert catalogue.years() == []
    catalogue.close()


@pytest.mark.parametrize("taken", [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)])
def test_the_first_and_the_last_of_all_days(tmp_path: Path, taken: datetime) -> None:
    catalogue = Catalogue(tmp_path / "catalogue.sqlite")
    folder = catalogue.add_folder(tmp_path)
    facts = NewContent("0" * 64, 1, 1, "JPEG", taken, VECTOR)
    arrival = Arrival(tmp_path / "a.jpg", folder, facts.sha256, 1, -(10**18))
    (photo,) = catalogue.store(SPACE, contents=[facts], arrivals=[arrival])
    assert day_of(photo) == taken.date()
    assert catalogue.years() == [(taken.year, 1)]
    assert catalogue.photos(Scope(since=date.min, until=taken.date())) == [photo]
    assert catalogue.photos(Scope(since=taken.date(), until=date.max)) == [photo]
    catalogue.close()


def test_the_index_of_time_is_used(stored: Stored) -> None:
    """So that 100,000 photos are not looked at for those of a month."""
    where, parameters = stored.catalogue._present(Scope(since=date(2020, 1, 1)))
    plan = stored.catalogue._database.read(
        f"EXPLAIN QUERY PLAN SELECT content_id FROM photos WHERE {where}",  # noqa: S608
        parameters,
    )
    assert "photos_shown" in plan[0][-1]
