"""Whatever is said of hits, they stay the same hits, each with one place in each order."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from mmsearch_desktop.domain import Hit, Standing, Verdict
from mmsearch_desktop.ui.judged_hits import JudgedHits, unjudged
from tests.ui.photos_made_up import hit, hits

VERDICTS = st.builds(
    Verdict,
    probability=st.none() | st.floats(),
    rationale=st.text(max_size=20),
    judge=st.just("judge"),
    standing=st.sampled_from(Standing),
    score=st.none() | st.floats(),
)
STEPS = st.lists(st.tuples(st.integers(1, 14), st.none() | VERDICTS), max_size=30)


def judged(rank: int, score: float) -> Hit:
    return dataclasses.replace(hit(rank), verdict=Verdict(0.5, "", "judge", score=score))


def ranks(shown: JudgedHits) -> list[int]:
    """In the judged order, the places that the search gave."""
    return [one.retrieval_rank for one in shown.ranked]


@given(count=st.integers(0, 12), depth=st.integers(-1, 60), steps=STEPS, weight=st.floats())
def test_no_hit_is_lost_repeated_or_invented(
    count: int, depth: int, steps: list[tuple[int, Verdict | None]], weight: float
) -> None:
    made = hits(count)
    ours = {one.photo.content_id for one in made}
    shown = JudgedHits(made, depth=depth, weight=weight, judge="judge")
    for rank, verdict in steps:
        shown.take(dataclasses.replace(hit(rank), verdict=verdict))
        for order in (shown.ranked, shown.retrieved):
            assert len(order) == count
            assert {one.photo.content_id for one in order} == ours
        assert [one.rank for one in shown.ranked] == list(range(1, count + 1))
        assert [one.retrieval_rank for one in shown.retrieved] == list(range(1, count + 1))
    shown.weigh(weight)
    shown.give_up("enough")
    assert not shown.unsettled
    assert {one.photo.content_id for one in shown.ranked} == ours
    assert [one.rank for one in shown.ranked[max(depth, 0) :]] == [
        one.retrieval_rank for one in shown.ranked[max(depth, 0) :]
    ]


def test_places_change_after_three_and_after_all() -> None:
    shown = JudgedHits(hits(6), depth=5, weight=9, judge="judge")
    assert not shown.take(judged(1, 1))
    assert not shown.take(judged(2, 2))
    assert shown.take(judged(3, 3))
    assert ranks(shown) == [3, 2, 1, 4, 5, 6]
    assert not shown.take(judged(4, 8))
    assert shown.take(judged(5, 9))
    assert ranks(shown) == [5, 4, 3, 2, 1, 6]
    assert (shown.moved, shown.judged, shown.settled) == (4, 5, 5)


def test_every_hit_says_whether_it_is_judged() -> None:
    shown = JudgedHits(hits(3), depth=2, weight=1, judge="judge")
    said = [one.verdict.rationale for one in shown.retrieved if one.verdict is not None]
    assert said == ["Not judged yet", "Not judged yet", "Not judged: only the best 2 hits are"]


def test_giving_up_orders_by_what_has_come() -> None:
    shown = JudgedHits(hits(4), depth=4, weight=9, judge="judge")
    shown.take(judged(1, 1))
    shown.take(judged(3, 2))
    assert shown.give_up("stopped")
    assert ranks(shown) == [3, 2, 1, 4]
    assert [one.verdict and one.verdict.rationale for one in shown.retrieved][1] == (
        "Not judged: stopped"
    )


def test_the_weight_orders_anew_and_zero_moves_nothing() -> None:
    shown = JudgedHits(hits(3), depth=3, weight=9, judge="judge")
    for rank in (1, 2, 3):
        shown.take(judged(rank, rank))
    assert ranks(shown) == [3, 2, 1]
    assert shown.weigh(0)
    assert ranks(shown) == [1, 2, 3]


def test_undone_they_are_as_the_search_gave_them() -> None:
    made = hits(4)
    shown = JudgedHits(made, depth=4, weight=9, judge="judge")
    for rank in (1, 2, 3, 4):
        shown.take(judged(rank, rank))
    assert unjudged(shown.ranked) == tuple(made)
