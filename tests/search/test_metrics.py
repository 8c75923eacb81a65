"""Metrics against values worked out by hand, against other wordings of them, and ir-measures."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mmsearch_desktop.search.metrics import (
    Figure,
    Kind,
    Labels,
    Measure,
    Ranking,
    average_precision,
    figure,
    mean_of,
    ndcg,
    recall,
)

IDS = [f"p{number}" for number in range(30)]
rankings = st.lists(st.sampled_from(IDS), unique=True)
wanted_ids = st.frozensets(st.sampled_from(IDS), min_size=1)
depths = st.integers(1, 40)

# by hand --------------------------------------------------------------------------------------


def test_by_hand() -> None:
    ranked, wanted = list("axbyz"), {"a", "b", "c"}
    assert recall(ranked, wanted, 1) == pytest.approx(1 / 3)
    assert recall(ranked, wanted, 5) == pytest.approx(2 / 3)
    assert average_precision(ranked, wanted, 1) == 1
    assert average_precision(ranked, wanted, 2) == pytest.approx(1 / 2)
    assert average_precision(ranked, wanted, 5) == pytest.approx((1 + 2 / 3) / 3)
    best = 1 + 1 / math.log2(3) + 1 / 2
    assert ndcg(ranked, wanted, 10) == pytest.approx((1 + 1 / 2) / best)


def test_circo_divides_by_what_can_be_reached() -> None:
    """Ten right answers, five of them in the first five places: trec_eval's AP@5 says 0.5."""
    ranked = [*IDS[:5], *IDS[20:]]
    assert average_precision(ranked, set(IDS[:10]), 5) == 1


def test_right_answers_far_apart() -> None:
    """Right answers at places 2, 3 and 7: (1/2 + 2/3 + 3/7) / min(10, 4)."""
    ranked = list("xabyzwcuvt")
    expected = (1 / 2 + 2 / 3 + 3 / 7) / 4
    assert average_precision(ranked, set("abcd"), 10) == pytest.approx(expected)


def test_measures_take_their_own_labels() -> None:
    ranking = Ranking(tuple("xaby"), members=tuple("by"))
    labels = Labels(frozenset("ab"), frozenset("b"), frozenset("by"))
    values = {
        measure.name: measure.of(ranking, labels)
        for measure in (
            Measure(Kind.RECALL, 2),
            Measure(Kind.RECALL, 3),
            Measure(Kind.PRECISION, 2),
            Measure(Kind.SUBSET, 1),
            Measure(Kind.GAIN, 1),
        )
    }
    expected = {"R@2": 0, "R@3": 1, "mAP@2": 1 / 4, "R_subset@1": 1, "nDCG@1": 0}
    assert values == expected


@pytest.mark.parametrize("metric", [recall, average_precision, ndcg])
def test_what_cannot_be_measured_is_refused(metric: object) -> None:
    assert callable(metric)
    with pytest.raises(ValueError, match="nothing is wanted"):
        metric(["a"], set(), 5)
    with pytest.raises(ValueError, match="twice"):
        metric(["a", "b", "a"], {"a"}, 1)
    with pytest.raises(ValueError, match="depth of 0"):
        metric(["a"], {"a"}, 0)


# other wordings of the same ------------------------------------------------------------------


@given(rankings, wanted_ids, depths)
def test_recall_is_what_is_common(ranked: list[str], wanted: frozenset[str], depth: int) -> None:
    common = wanted & set(ranked[:depth])
    assert recall(ranked, wanted, depth) == pytest.approx(len(common) / len(wanted))


@given(rankings, wanted_ids, depths)
def test_average_precision_is_a_mean_of_precisions(
    ranked: list[str], wanted: frozenset[str], depth: int
) -> None:
    precisions = [
        len(wanted & set(ranked[:place])) / place
        for place in range(1, min(depth, len(ranked)) + 1)
        if ranked[place - 1] in wanted
    ]
    expected = sum(precisions) / min(depth, len(wanted))
    assert average_precision(ranked, wanted, depth) == pytest.approx(expected)


@given(rankings, wanted_ids, depths)
def test_ndcg_is_against_the_best_order(
    ranked: list[str], wanted: frozenset[str], depth: int
) -> None:
    def gain(order: list[str]) -> float:
        gains = (float(one in wanted) / math.log2(2 + at) for at, one in enumerate(order[:depth]))
        return sum(gains)

    best = [*sorted(wanted), *sorted(set(IDS) - wanted)]
    assert ndcg(ranked, wanted, depth) == pytest.approx(gain(ranked) / gain(best))


@given(rankings, wanted_ids, depths)
def test_all_are_between_nothing_and_everything(
    ranked: list[str], wanted: frozenset[str], depth: int
) -> None:
    for metric in (recall, average_precision, ndcg):
        assert -1e-12 <= metric(ranked, wanted, depth) <= 1 + 1e-12
        assert metric([], wanted, depth) == 0
    perfect = [*sorted(wanted), *(one for one in ranked if one not in wanted)]
    assert average_precision(perfect, wanted, depth) == pytest.approx(1)
    assert ndcg(perfect, wanted, depth) == pytest.approx(1)
    assert recall(perfect, wanted, depth) == pytest.approx(min(1, depth / len(wanted)))


@given(rankings, wanted_ids, depths)
def test_moving_a_wanted_one_up_never_lowers_any(
    ranked: list[str], wanted: frozenset[str], depth: int
) -> None:
    places = [at for at in range(1, len(ranked)) if ranked[at] in wanted]
    assume(places)
    at = places[-1]
    better = [*ranked[: at - 1], ranked[at], ranked[at - 1], *ranked[at + 1 :]]
    for metric in (recall, average_precision, ndcg):
        assert metric(better, wanted, depth) >= metric(ranked, wanted, depth) - 1e-12


# ir-measures -----------------------------------------------------------------------------------


@given(st.lists(st.tuples(rankings, wanted_ids), min_size=1, max_size=5))
def test_equal_to_ir_measures(runs: list[tuple[list[str], frozenset[str]]]) -> None:
    """Its AP divides by all that is wanted; CIRCO's by what can be reached."""
    ir = pytest.importorskip("ir_measures", reason="ir-measures is not installed: extra `test`")
    for ranked, wanted in runs:
        assume(ranked)
        labels = [ir.Qrel("q", one, 1) for one in wanted]
        scored = [ir.ScoredDoc("q", one, float(-at)) for at, one in enumerate(ranked)]
        for depth in (1, 5, 10):
            asked = [ir.R @ depth, ir.AP @ depth, ir.nDCG @ depth]
            theirs = ir.calc_aggregate(asked, labels, scored)
            least = min(depth, len(wanted))
            ours = average_precision(ranked, wanted, depth) * least / len(wanted)
            assert recall(ranked, wanted, depth) == pytest.approx(theirs[asked[0]])
            assert ours == pytest.approx(theirs[asked[1]])
            assert ndcg(ranked, wanted, depth) == pytest.approx(theirs[asked[2]])


# means -----------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1), min_size=2, max_size=50))
def test_figure_is_mean_and_standard_error(values: list[float]) -> None:
    found = figure(values)
    assert found.mean == pytest.approx(statistics.fmean(values))
    assert found.queries == len(values)
    assert found.error == pytest.approx(statistics.stdev(values) / math.sqrt(len(values)), abs=1e-9)


def test_a_single_query_has_no_error() -> None:
    assert figure([0.5]) == Figure(0.5, 1, None)
    with pytest.raises(ValueError, match="no queries"):
        figure([])


def test_mean_of_means_counts_each_alike() -> None:
    found = mean_of([Figure(0.2, 1000, 0.03), Figure(0.6, 10, 0.04)])
    assert found.mean == pytest.approx(0.4)
    assert found.queries == 1010
    assert found.error == pytest.approx(0.025)
    assert mean_of([Figure(0.2, 9, 0.1), Figure(0.4, 1, None)]).error is None
    with pytest.raises(ValueError, match="no figures"):
        mean_of([])
