"""Nearly equal hits side by side: what an answer, two contradictory ones, and a failure change."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mmsearch_desktop.domain import (
    DeviceOutOfMemory,
    Hit,
    JudgeName,
    Score,
    Shown,
    Standing,
    Verdict,
)
from mmsearch_desktop.library.catalogue import Catalogue
from mmsearch_desktop.search.judging import Judging
from mmsearch_desktop.search.near_ties import NEAR, pairs
from mmsearch_desktop.search.order import reordered
from mmsearch_desktop.search.rerank import recalled
from tests.fakes_judges import ColourJudge, coloured_hits
from tests.search.judged_hits import HITS, RED, judged, standings, verdict_of

if TYPE_CHECKING:
    from mmsearch_desktop.library.judgements import Judgements

BOTH = Judging(words_tokens=0, near_ties=9)
RED_HIT = 3  # the place of the red one among `HITS`


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Judgements]:
    catalogue = Catalogue(tmp_path / "catalogue.sqlite")
    yield catalogue.judgements
    catalogue.close()


class Even(ColourJudge):
    """Finds all alike one by one, the first a trifle better, and sees colours side by side."""

    def checking(self, *given: Any, **named: Any) -> Any:
        yield from super().checking(*given, **named)
        return (Score(1.0 + (given[2] or "").startswith(HITS[2].photo.sha256) * 0.1, 0.9),)


class ByPlace(Even):
    """Prefers whatever it is shown first."""

    def rank(self, *given: Any, **_: Any) -> Iterator[str]:
        self._note(f"rank {given[4]}")
        yield "Ranked list: [1, 2]\nReasons:"


def _hits_with(*scores: float | None) -> list[Hit]:
    hits = coloured_hits(*["grey"] * len(scores))
    return [
        dataclasses.replace(hit, verdict=Verdict(0.5, "", "j", Standing.JUDGED, score))
        for hit, score in zip(hits, scores, strict=True)
    ]


def _places(found: Sequence[tuple[Hit, Hit]]) -> list[tuple[int, int]]:
    return [(one.retrieval_rank, other.retrieval_rank) for one, other in found]


def test_pairs_are_neighbours_by_score_from_the_top_and_no_hit_is_in_two() -> None:
    hits = _hits_with(0.0, 3.0, 2.9, 2.8, None, 0.1, math.nan)
    assert _places(pairs(hits, 9)) == [(2, 3), (6, 1)]
    assert _places(pairs(hits, 1)) == [(2, 3)]
    assert pairs(hits, 0) == []
    assert pairs(_hits_with(1.0, 1.0 - NEAR), 9) == []
    assert _places(pairs(_hits_with(1.0, 1.0, 1.0), 9)) == [(1, 2)]
    assert pairs([dataclasses.replace(hits[0], verdict=None), hits[1]], 9) == []


def test_both_answers_alike_put_the_better_one_first_and_say_so() -> None:
    hits = judged(Even(), settings=BOTH)
    # The third is best by 0.1; beside it stands the first, which is as far from red as it is.
    before = judged(Even(), settings=dataclasses.replace(BOTH, near_ties=0))
    assert standings(hits) == ["judged"] * 5
    scores = sorted(verdict_of(hit).score or 0.0 for hit in hits)
    assert scores == pytest.approx(sorted(verdict_of(hit).score or 0.0 for hit in before))
    pair = {hit.photo.path.stem: verdict_of(hit) for hit in (hits[1], hits[3])}
    assert pair["4 red"].rationale.endswith(" / side by side with “2 blue.png”: better")
    assert pair["2 blue"].rationale.endswith(" / side by side with “4 red.png”: worse")
    assert (pair["4 red"].score or 0) > (pair["2 blue"].score or 0)
    assert pair["4 red"].probability == verdict_of(before[3]).probability
    order = [hit.retrieval_rank for hit in reordered(hits, weight=1e6)]
    assert order.index(4) < order.index(2)


def test_contradictory_answers_change_nothing() -> None:
    judge = ByPlace()
    plain = judged(Even(), settings=dataclasses.replace(BOTH, near_ties=0))
    assert judged(judge, settings=BOTH) == plain
    assert judge.asked.count("rank 2") == 4, "two pairs, both ways round"


def test_it_is_off_unless_asked_for_and_only_for_so_many_pairs() -> None:
    judge = Even()
    judged(judge, settings=Judging(words_tokens=0))
    assert "rank 2" not in judge.asked
    judged(judge, settings=dataclasses.replace(BOTH, near_ties=1))
    assert judge.asked.count("rank 2") == 2


def test_asking_again_asks_nothing_and_words_come_with_it(cache: Judgements) -> None:
    settings = dataclasses.replace(BOTH, words_tokens=40)
    first = judged(Even(), settings=settings, cache=cache)
    assert all(verdict_of(hit).words for hit in first)
    again = Even()
    assert judged(again, settings=settings, cache=cache) == first
    assert again.asked == []
    who = JudgeName(again.name, again.revision, again.prompt_version)
    known = recalled(RED, HITS, who, settings=settings, cache=cache)
    assert (known.hits, known.complete) == (first, True)


def test_comparisons_that_are_missing_are_still_to_be_made(cache: Judgements) -> None:
    judged(Even(), settings=Judging(words_tokens=0), cache=cache)
    who = JudgeName(Even.name, Even.revision, Even.prompt_version)
    known = recalled(RED, HITS, who, settings=BOTH, cache=cache)
    assert (len(known.hits), known.uncompared, known.complete) == (5, True, False)
    judge = Even()
    judged(judge, settings=BOTH, cache=cache)
    assert set(judge.asked) == {"rank 2"}


@pytest.mark.parametrize(
    ("error", "asked"), [(ValueError("x"), 2), (DeviceOutOfMemory("Memory ran out."), 1)]
)
def test_what_fails_leaves_the_scores(error: Exception, asked: int) -> None:
    class Failing(Even):
        def rank(self, *_: Any, **__: Any) -> Iterator[str]:
            self._note("rank")
            raise error

    judge = Failing()
    plain = judged(Even(), settings=dataclasses.replace(BOTH, near_ties=0))
    assert judged(judge, settings=BOTH) == plain
    assert judge.asked.count("rank") == asked


def test_no_score_moves_further_than_a_near_tie() -> None:
    chance = random.Random(3)  # noqa: S311 - chance for tests

    class Guessing(ColourJudge):
        def checking(self, *given: Any, **named: Any) -> Any:
            yield from super().checking(*given, **named)
            blank = "blank" in given[2]
            return (Score(0.0 if blank else logits[given[2][:64]], 0.9),)

        def rank(self, *given: Any, **_: Any) -> Iterator[str]:
            pages: Sequence[Shown] = given[3]
            assert len(pages) == 2
            yield chance.choice(["Ranked list: [1, 2]", "[2, 1]", "2", "none", "[2", ""])

    for _ in range(200):
        logits = {hit.photo.sha256: chance.choice([0.0, 0.1, 0.3, 0.31, 2.0]) for hit in HITS}
        hits = judged(Guessing(), settings=BOTH)
        for hit in hits:
            moved = abs((verdict_of(hit).score or 0.0) - logits[hit.photo.sha256])
            assert moved < NEAR + 1e-9
        assert sorted(hit.rank for hit in reordered(hits, weight=1e6)) == [1, 2, 3, 4, 5]
