"""What both ways of judging share: pictures from files, time limits, who comes next."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Generator
from pathlib import Path

import pytest

from mmsearch_desktop.domain import Hit, Query, QueryPicture, QueryProblem, UnreadablePhoto
from mmsearch_desktop.search.judging import (
    MOST_DEPTH,
    Stopwatch,
    TooSlow,
    counted,
    next_of,
    picture_key,
    picture_of,
    query_key,
    query_picture,
    result_within,
    to_be_judged,
    within,
)
from tests.fakes_judges import coloured_hits, picture_to_ask_with
from tests.library.pictures import write_photo


def _hit_of(path: Path, *copies: Path) -> Hit:
    (hit,) = coloured_hits("red")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    photo = dataclasses.replace(hit.photo, path=path, sha256=sha256)
    return dataclasses.replace(hit, photo=photo, copies=copies)


def test_the_picture_comes_from_the_file(tmp_path: Path) -> None:
    hit = _hit_of(write_photo(tmp_path / "red.png", "red"))
    picture = picture_of(hit)
    assert (picture.mode, picture.getpixel((0, 0))) == ("RGB", (255, 0, 0))


def test_or_from_a_copy_where_the_file_is_gone(tmp_path: Path) -> None:
    first = write_photo(tmp_path / "red.png", "red")
    hit = _hit_of(first, tmp_path / "nowhere.png", write_photo(tmp_path / "copy.png", "red"))
    first.unlink()
    assert picture_of(hit).getpixel((0, 0)) == (255, 0, 0)
    (tmp_path / "copy.png").unlink()
    with pytest.raises(UnreadablePhoto, match=r"red\.png"):
        picture_of(hit)


def test_a_file_that_changed_since_is_not_judged_as_what_it_was(tmp_path: Path) -> None:
    hit = _hit_of(write_photo(tmp_path / "photo.png", "red"))
    write_photo(tmp_path / "photo.png", "blue")
    with pytest.raises(UnreadablePhoto, match="changed since it was indexed"):
        picture_of(hit)


def test_the_query_picture_is_decoded_or_explained() -> None:
    query = Query(picture=picture_to_ask_with("red"))
    picture = query_picture(query)
    assert picture is not None
    assert picture.getpixel((0, 0)) == (255, 0, 0)
    assert query.picture is not None
    assert query_key(query) == picture_key(query.picture.sha256)
    assert query_picture(Query("red")) is None
    assert query_key(Query("red")) is None
    with pytest.raises(QueryProblem, match=r"letter\.txt"):
        query_picture(Query(picture=QueryPicture.from_bytes(b"Dear Ada", "letter.txt")))


def test_steps_within_their_time_pass_and_their_result_comes_out() -> None:
    def steps() -> Generator[None, None, str]:
        yield
        yield
        return "done"

    (hit,) = coloured_hits("red")
    timed = result_within(steps(), hit, 10, lambda: 0.0)
    assert next(timed) is hit
    assert next(timed) is hit
    with pytest.raises(StopIteration) as end:
        next(timed)
    assert end.value.value == "done"


def test_steps_over_their_time_are_closed() -> None:
    closed = []

    def steps() -> Generator[int, None, None]:
        try:
            yield from range(100)
        finally:
            closed.append(True)

    now = iter(range(100))
    with pytest.raises(TooSlow, match="longer than 3 s"):
        list(within(slow := steps(), 3, lambda: float(next(now))))
    assert closed == [True]
    assert list(slow) == []
    left = within(kept := steps(), 3, lambda: 0.0)
    next(left)
    left.close()
    assert closed == [True, True]
    assert list(kept) == []


def test_a_watch_counts_only_while_somebody_works() -> None:
    now = [0.0]
    watch = Stopwatch(lambda: now[0])

    def working() -> Generator[float, None, None]:
        for _ in range(3):
            now[0] += 2
            yield watch()

    seen = []
    for item in counted(working(), watch):
        seen.append(item)
        now[0] += 1000  # whoever asks is busy, paused, or asleep
        assert watch() == item
    assert seen == [2, 4, 6]


def test_what_is_counted_is_closed_with_its_counting_and_may_fail() -> None:
    closed = []

    def steps() -> Generator[int, None, None]:
        try:
            yield 1
            raise ValueError("no")
        finally:
            closed.append(True)

    left = counted(steps(), Stopwatch(lambda: 0.0))
    next(left)
    left.close()
    assert closed == [True]
    watch = Stopwatch(lambda: 0.0)
    with pytest.raises(ValueError, match="no"):
        list(counted(steps(), watch))
    assert closed == [True, True]


def test_the_most_wanted_comes_next() -> None:
    hits = coloured_hits("red", "green", "blue")
    assert next_of(hits, None) == 0
    assert next_of(hits, list) == 0
    assert next_of(hits, lambda: [5, 103, 102]) == 2
    assert next_of(hits, lambda: [102, 103, 102]) == 1


def test_only_so_many_are_ever_judged() -> None:
    hits = coloured_hits(*["red"] * 60)
    assert len(to_be_judged(hits, 1000)) == MOST_DEPTH
    assert to_be_judged(hits, -1) == []
    assert [hit.retrieval_rank for hit in to_be_judged(hits[::-1], 3)] == [1, 2, 3]
