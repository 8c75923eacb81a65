"""Judging one by one when something fails: what it costs, what is said, and that no hit is lost."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch_desktop.domain import (
    DeviceOutOfMemory,
    Hit,
    JudgingStopped,
    QueryProblem,
    Score,
    Standing,
    UnreadablePhoto,
)
from mmsearch_desktop.search.judging import Judging
from mmsearch_desktop.search.order import reordered, updated
from mmsearch_desktop.search.rerank import rerank
from tests.fakes_judges import (
    AnyJudge,
    BrokenJudge,
    ColourJudge,
    SlowJudge,
    painted,
)
from tests.search.judged_hits import (
    HITS,
    RED,
    judged,
    standings,
    stopped,
    verdict_of,
    with_settings,
)


def test_a_photo_that_cannot_be_read_costs_its_own_verdict() -> None:
    def pictures(hit: Hit) -> Any:
        if hit is HITS[1] or hit.retrieval_rank == 2:
            raise UnreadablePhoto(hit.photo.path, "it is cut off.")
        return painted(hit)

    hits = judged(ColourJudge(), pictures=pictures)
    assert standings(hits) == ["judged", "failed", "judged", "judged", "judged"]
    said = "Not judged: the photo cannot be read (it is cut off)"
    assert verdict_of(hits[1]).rationale == said
    assert reordered(hits, weight=100)[1].photo == HITS[1].photo


@pytest.mark.parametrize(
    "error", [ValueError("no"), RuntimeError("CUDA error"), ZeroDivisionError(), KeyError("x")]
)
def test_one_exception_costs_one_verdict(error: Exception) -> None:
    def third(what: str) -> bool:
        return HITS[2].photo.sha256 in what

    hits = judged(BrokenJudge(error, at=third))
    assert standings(hits) == ["judged", "judged", "failed", "judged", "judged"]
    assert type(error).__name__ in verdict_of(hits[2]).rationale


def test_a_judge_that_always_throws_stops_with_one_sentence_and_moves_nothing() -> None:
    judge = BrokenJudge(RuntimeError("CUDA error"), at=lambda what: "check" in what)
    hits, said = stopped(judge)
    assert standings(hits) == ["failed"] * 5
    assert said == "Judging stopped: the judge failed (RuntimeError)"
    assert len(judge.asked) == 5  # the request, the blank picture, three candidates
    assert [hit.photo for hit in reordered(hits, weight=100)] == [hit.photo for hit in HITS]


def test_fewer_failures_than_that_are_still_told() -> None:
    judge = BrokenJudge(ValueError("no"), at=lambda what: "check" in what)
    items = rerank(RED, HITS[:2], judge, pictures=painted)
    with pytest.raises(JudgingStopped, match=r"Nothing was judged: .*\(ValueError\)"):
        list(items)


def test_a_request_that_is_too_long_stops_at_once() -> None:
    long = QueryProblem("Too much for one question. Shorten the words of the request.")
    judge = BrokenJudge(long, at=lambda what: "prepare" in what)
    hits, said = stopped(judge)
    assert said == f"Judging stopped: {long}"
    assert judge.asked == ["prepare None"]
    assert standings(hits) == ["failed"] * 5


def test_without_calibration_judging_goes_on() -> None:
    hits = judged(BrokenJudge(ValueError("no"), at=lambda what: "blank" in what))
    assert standings(hits) == ["judged"] * 5


def test_out_of_memory_is_tried_once_more_with_nothing_kept() -> None:
    left = [DeviceOutOfMemory("out of memory")]

    def first_time(what: str) -> bool:
        return HITS[1].photo.sha256 in what and bool(left) and bool(left.pop())

    judge = BrokenJudge(DeviceOutOfMemory("out of memory"), at=first_time)
    assert standings(judged(judge)) == ["judged"] * 5
    assert sum("prepare" in what for what in judge.asked) == 2


def test_out_of_memory_twice_ends_the_judging_with_what_was_done() -> None:
    def second(what: str) -> bool:
        return HITS[1].photo.sha256 in what

    hits, said = stopped(BrokenJudge(DeviceOutOfMemory("Memory ran out."), at=second))
    assert said == "Judging stopped: Memory ran out."
    assert standings(hits) == ["judged", "failed", "failed", "failed", "failed"]


def test_a_candidate_that_takes_too_long_keeps_its_place() -> None:
    class Stuck(SlowJudge):
        def checking(self, prepared: Any, picture: Any, key: Any, questions: Any) -> Any:
            while HITS[2].photo.sha256 in key:
                self.steps += 1
                yield
            return (yield from super().checking(prepared, picture, key, questions))

    judge = Stuck(1.0)
    hits = judged(judge, clock=judge.clock, settings=with_settings(part_seconds=20))
    assert standings(hits) == ["judged", "judged", "failed", "judged", "judged"]
    assert verdict_of(hits[2]).rationale == "Not judged: it took longer than 20 s"


def test_a_pause_is_not_slowness() -> None:
    """A window that was busy between two steps, or a computer that slept."""
    now = [0.0]
    asked = with_settings(part_seconds=20, first_seconds=40)
    hits = HITS
    for hit in rerank(
        RED, HITS, ColourJudge(), pictures=painted, settings=asked, clock=lambda: now[0]
    ):
        now[0] += 1000
        hits = updated(hits, hit)
    assert standings(hits) == ["judged"] * 5


def test_a_judge_whose_first_verdict_is_late_stops_after_the_first_stage() -> None:
    judge = SlowJudge(10.0)
    hits, said = stopped(judge, clock=judge.clock, settings=with_settings(first_seconds=40))
    assert standings(hits) == ["judged", "judged", "judged", "failed", "failed"]
    assert said.startswith("Judging stopped after 3 photos: the first took ")
    assert "Choose a smaller judge" in said


def test_a_judge_that_answers_something_else_is_unsure_and_moves_nothing() -> None:
    hits = judged(ColourJudge(answered=0.4))
    assert standings(hits) == ["unsure"] * 5
    assert [hit.photo for hit in reordered(hits, weight=100)] == [hit.photo for hit in HITS]
    assert "neither yes nor no" in verdict_of(hits[0]).rationale


def test_words_that_fail_leave_the_verdict() -> None:
    hits = judged(
        BrokenJudge(ValueError("no"), at=lambda what: "write" in what), settings=Judging()
    )
    assert standings(hits) == ["judged"] * 5
    assert {verdict_of(hit).words for hit in hits} == {""}


_SCORES = st.builds(Score, st.floats(), st.floats()) | st.sampled_from(
    [None, Score(math.nan, 1.0), Score(math.inf, 1.0), Score(-math.inf, math.nan)]
)
_BEHAVIOUR = st.one_of(
    st.lists(_SCORES, max_size=3).map(tuple),
    _SCORES.map(lambda score: (score,)),
    st.sampled_from([ValueError("x"), RuntimeError("y"), DeviceOutOfMemory("z"), None, "text", 3]),
)
_TEXTS = st.one_of(
    st.lists(st.text(max_size=20), max_size=6), st.sampled_from([None, [None], "ab"])
)


@settings(max_examples=200)
@given(st.data())
def test_nothing_a_judge_does_loses_repeats_or_invents_a_hit(data: st.DataObject) -> None:
    judge = AnyJudge(lambda what: data.draw(_TEXTS if what == "write" else _BEHAVIOUR))
    hits, _ = stopped(judge, settings=Judging(checks=False))
    for hit in hits:
        assert verdict_of(hit).standing in {Standing.JUDGED, Standing.UNSURE, Standing.FAILED}
    ordered = reordered(hits)
    assert sorted(hit.photo.content_id for hit in ordered) == [101, 102, 103, 104, 105]
    assert [hit.rank for hit in ordered] == [1, 2, 3, 4, 5]
    for before, after in zip(HITS, reordered(hits, weight=100), strict=True):
        standing = verdict_of(next(h for h in hits if h.photo == before.photo)).standing
        if standing is not Standing.JUDGED:
            assert after.photo == before.photo
