"""The order of judged hits: a permutation for any judgements, and bounded where asked for."""

# ruff: noqa: S311 - chance for tests

from __future__ import annotations

import dataclasses
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch_desktop.domain import Hit, Standing, Verdict
from mmsearch_desktop.search.order import reordered, stage, updated
from tests.fakes_judges import coloured_hits

NINE = coloured_hits(*["red"] * 9)


def _with_scores(*scores: float | None, hits: tuple[Hit, ...] = NINE) -> tuple[Hit, ...]:
    """None: that hit has no judgement."""
    return tuple(
        hit
        if score is None
        else dataclasses.replace(hit, verdict=Verdict(0.5, "", "judge", score=score))
        for hit, score in zip(hits, scores, strict=False)
    )


def _order(hits: tuple[Hit, ...]) -> list[int]:
    """Retrieval ranks in the order shown."""
    return [hit.retrieval_rank for hit in hits]


def test_nothing_judged_nothing_moves() -> None:
    assert reordered(NINE) == NINE
    assert reordered(()) == ()


def test_weight_0_is_off_and_a_large_weight_is_the_judge_alone() -> None:
    judged = _with_scores(1, 2, 3, 4, 5, 6, 7, 8, 9)
    for off in (0, -1, math.nan):
        assert _order(reordered(judged, weight=off)) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert _order(reordered(judged, weight=1e6)) == [9, 8, 7, 6, 5, 4, 3, 2, 1]


def test_equal_weights_fuse_the_ranks_reciprocally() -> None:
    judged = _with_scores(1, 3, 2)[:3]
    # judge's ranks 3, 1, 2: 1/61 + 1/63, 1/62 + 1/61, 1/63 + 1/62
    assert _order(reordered(judged)) == [2, 1, 3]
    swapped = _with_scores(1, 2)[:2]
    assert _order(reordered(swapped)) == [1, 2], "equal sums stay as retrieved"


def test_ranks_are_given_anew_and_the_retrieval_ranks_stay() -> None:
    shown = reordered(_with_scores(1, 2, 9, 3), weight=10)
    assert [hit.rank for hit in shown] == [1, 2, 3, 4]
    assert _order(shown) == [3, 4, 2, 1]
    assert reordered(shown, weight=10) == shown
    assert _order(reordered(shown, weight=0)) == [1, 2, 3, 4]


def test_what_has_no_judgement_keeps_its_place() -> None:
    judged = _with_scores(1, None, 2, None, 3, math.nan, 4)
    assert _order(reordered(judged, weight=100)) == [7, 2, 5, 4, 3, 6, 1]


@pytest.mark.parametrize("standing", set(Standing) - {Standing.JUDGED})
def test_only_a_judgement_counts(standing: Standing) -> None:
    hits = _with_scores(1, 2)
    other = Verdict(0.9, "", "judge", standing, score=99.0)
    hits = (hits[0], dataclasses.replace(hits[1], verdict=other))
    assert _order(reordered(hits, weight=100)) == [1, 2]


def test_the_seed_articles_list_keeps_hit_9() -> None:
    listed = [7, 8, 5, 3, 2, 4, 1, 6]
    scores = [-float(listed.index(n)) if n in listed else None for n in range(1, 10)]
    assert _order(reordered(_with_scores(*scores), weight=1e6)) == [*listed, 9]


_SCORES = [-math.inf, math.inf, math.nan, 0.0, -0.0, 1e308, -1e308, 5e-324]


def test_ten_thousand_random_judgements_give_permutations_within_their_bound() -> None:
    chance = random.Random(1)
    for _ in range(10_000):
        count = chance.randint(0, 12)
        hits = tuple(_any_judgement(chance, hit) for hit in coloured_hits(*["red"] * count))
        most = chance.choice([None, 0, 1, 2, 3, 5])
        weight = chance.choice([0.0, 0.5, 1.0, 2.0, 1e9, math.inf, math.nan])
        shown = reordered(chance.sample(hits, len(hits)), weight=weight, most_places=most)
        assert sorted(_order(shown)) == list(range(1, count + 1))
        for hit in shown:
            if most is not None:
                assert abs(hit.rank - hit.retrieval_rank) <= most
            if hit.verdict is None or hit.verdict.standing is not Standing.JUDGED:
                assert hit.rank == hit.retrieval_rank


def _any_judgement(chance: random.Random, hit: Hit) -> Hit:
    if chance.random() < 0.3:
        return hit
    score = chance.choice([*_SCORES, None, chance.gauss(0, 3), chance.gauss(0, 3)])
    standing = chance.choice([*Standing, *[Standing.JUDGED] * 5])
    return dataclasses.replace(hit, verdict=Verdict(None, "", "judge", standing, score))


@given(st.lists(st.none() | st.floats(), max_size=9), st.integers(-1, 9))
def test_no_hit_moves_further_than_allowed(scores: list[float | None], most: int) -> None:
    hits = _with_scores(*scores)
    for hit in reordered(hits, weight=100, most_places=most):
        assert abs(hit.rank - hit.retrieval_rank) <= max(most, 0)


def test_within_the_bound_the_best_go_first() -> None:
    judged = _with_scores(1, 2, 3, 4, 5)
    assert _order(reordered(judged, weight=1e6, most_places=2)) == [3, 4, 1, 2, 5]


@settings(max_examples=50)
@given(st.permutations(range(9)), st.floats(0, 10))
def test_raising_one_score_never_lowers_its_place(scores: list[int], weight: float) -> None:
    before = reordered(_with_scores(*map(float, scores)), weight=weight)
    raised = [float(scores[0] + 3), *map(float, scores[1:])]
    after = reordered(_with_scores(*raised), weight=weight)
    assert _order(after).index(1) <= _order(before).index(1)


def test_a_hit_is_updated_by_its_content_and_strangers_are_left_out() -> None:
    verdict = Verdict(0.9, "yes", "judge")
    told = dataclasses.replace(NINE[3], verdict=verdict, rank=99)
    hits = updated(NINE, told)
    assert [hit.verdict for hit in hits] == [None] * 3 + [verdict] + [None] * 5
    assert [hit.rank for hit in hits] == [hit.rank for hit in NINE]
    stranger = dataclasses.replace(told, photo=dataclasses.replace(told.photo, content_id=7))
    assert updated(NINE, stranger) == NINE


def test_reordering_is_due_after_three_and_when_all_are_through() -> None:
    assert [stage(_with_scores(*[1.0] * n, *[None] * (9 - n)), 9) for n in range(10)] == [
        0, 0, 0, 1, 1, 1, 1, 1, 1, 2,
    ]  # fmt: skip
    assert stage(_with_scores(1.0, 2.0, None), 2) == 2, "no more are to be judged"
    failed = Verdict(None, "", "judge", Standing.FAILED)
    with_failed = tuple(dataclasses.replace(hit, verdict=failed) for hit in NINE)
    assert stage(with_failed, 9) == 2
    judging = Verdict(None, "", "judge", Standing.JUDGING)
    assert stage((*_with_scores(1.0), dataclasses.replace(NINE[1], verdict=judging)), 2) == 0
    assert stage((), 9) == 0
