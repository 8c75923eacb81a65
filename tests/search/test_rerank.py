"""Judging one by one: verdicts, order of work, the cache, cancelling, and every kind of failure."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mmsearch_desktop.domain import (
    Hit,
    Mode,
    Query,
    Score,
    Standing,
)
from mmsearch_desktop.library.catalogue import Catalogue
from mmsearch_desktop.search.judging import Judging
from mmsearch_desktop.search.order import reordered
from mmsearch_desktop.search.rerank import rerank
from tests.fakes_judges import (
    AnyJudge,
    BrokenJudge,
    ColourJudge,
    coloured_hits,
    painted,
    picture_to_ask_with,
)
from tests.search.judged_hits import (
    HITS,
    RED,
    WORDLESS,
    judged,
    standings,
    stopped,
    verdict_of,
    with_settings,
)

if TYPE_CHECKING:
    from mmsearch_desktop.library.judgements import Judgements


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Judgements]:
    catalogue = Catalogue(tmp_path / "catalogue.sqlite")
    yield catalogue.judgements
    catalogue.close()


# ------------------------------------------------------------------------- what is judged, and how


def test_every_hit_gets_a_verdict_and_the_right_one_is_best() -> None:
    hits = judged(ColourJudge())
    assert standings(hits) == ["judged"] * 5
    best = max(hits, key=lambda hit: verdict_of(hit).score or -math.inf)
    assert best.photo.path.stem == "4 red"
    assert verdict_of(best).probability is not None
    assert verdict_of(best).rationale.startswith("the whole request: yes ")
    assert {verdict_of(hit).judge for hit in hits} == {"Colour judge"}
    assert reordered(hits, weight=100)[0].photo == best.photo


def test_the_request_is_read_once_and_each_candidate_once() -> None:
    judge = ColourJudge()
    judged(judge, Query("a red case with this", picture_to_ask_with("red")))
    kinds = [line.split()[0] for line in judge.asked]
    assert kinds == ["prepare"] + ["check"] * 6  # the blank picture, then five candidates
    assert judge.asked[1] == "check blank-1"


def test_checks_make_the_score_and_the_tooltip() -> None:
    both = judged(ColourJudge(), Query("red, not white"))
    checks = verdict_of(both[3]).checks
    assert [check.claim for check in checks] == ["the whole request", "red", "no white"]
    assert verdict_of(both[3]).rationale.count(" / ") == 2
    alone = judged(ColourJudge(), Query("red, not white"), settings=with_settings(checks=False))
    assert len(verdict_of(alone[3]).checks) == 1
    assert verdict_of(alone[3]).score != verdict_of(both[3]).score


def test_a_hit_is_judged_by_what_it_was_found_with() -> None:
    asked = Query("red case", picture_to_ask_with("blue"))

    def claims(mode: Mode) -> list[str]:
        hits = judged(ColourJudge(), dataclasses.replace(asked, mode=mode))
        return [check.claim for check in verdict_of(hits[0]).checks]

    kind = "same kind of thing as the query picture"
    assert claims(Mode.COMPOSED) == claims(Mode.SUM) == ["the whole request", "red case", kind]
    assert claims(Mode.TEXT) == ["the whole request"]
    assert claims(Mode.PICTURE)[1] == kind
    assert "red case" not in claims(Mode.PICTURE)


def test_an_even_bias_of_the_judge_is_calibrated_away() -> None:
    plain, biased = judged(ColourJudge()), judged(ColourJudge(bias=5.0))
    for one, other in zip(plain, biased, strict=True):
        assert verdict_of(other).score == pytest.approx(verdict_of(one).score)


def test_a_bias_towards_one_picture_is_taken_away_against_a_neutral_request() -> None:
    class Fond(ColourJudge):
        def score(self, words: str, picture: Any) -> Score:
            fond = 9.0 if picture.getpixel((0, 0)) == (0, 0, 255) else 0.0
            found = super().score(words, picture)
            return dataclasses.replace(found, logit=found.logit + fond)

    def scores(judge: ColourJudge, **chosen: Any) -> list[float]:
        hits = judged(judge, settings=with_settings(checks=False, **chosen))
        return [verdict_of(hit).score or 0.0 for hit in hits]

    def best(found: list[float]) -> int:
        return found.index(max(found))

    assert best(scores(Fond())) == 1  # blue, for no good reason
    assert best(scores(Fond(), against_neutral=True)) == 3
    fair = scores(ColourJudge(), against_neutral=True)
    assert scores(Fond(), against_neutral=True) == pytest.approx(fair)


def test_the_neutral_score_is_kept_per_picture_for_other_requests(cache: Judgements) -> None:
    chosen = with_settings(against_neutral=True)
    judged(ColourJudge(), cache=cache, settings=chosen)
    judge = ColourJudge()
    judged(judge, Query("something blue"), cache=cache, settings=chosen)
    assert [line.split()[0] for line in judge.asked] == ["prepare"] + ["check"] * 6


def test_one_candidate_cannot_move_the_score_of_another() -> None:
    before = judged(ColourJudge())
    other = (*HITS[:2], *coloured_hits("green", "blue", "purple")[2:], *HITS[3:])
    after = judged(ColourJudge(), hits=other)
    for place in (0, 1, 3, 4):
        assert verdict_of(after[place]).score == verdict_of(before[place]).score
    shuffled = _scores(judged(ColourJudge(), hits=tuple(reversed(HITS))))
    assert shuffled == _scores(before)


def _scores(hits: tuple[Hit, ...]) -> dict[int, float | None]:
    return {hit.photo.content_id: verdict_of(hit).score for hit in hits}


def test_only_the_best_are_judged() -> None:
    hits = judged(ColourJudge(), settings=with_settings(depth=2))
    assert [hit.verdict is not None for hit in hits] == [True, True, False, False, False]
    none = judged(ColourJudge(), settings=with_settings(depth=0))
    assert not any(hit.verdict for hit in none)


def test_hits_of_one_content_are_judged_once_and_no_hits_not_at_all() -> None:
    judge = ColourJudge()
    twice = (HITS[0], dataclasses.replace(HITS[0], retrieval_rank=2, rank=2))
    judged(judge, hits=twice)
    assert len(judge.asked) == 3
    assert list(rerank(RED, (), ColourJudge())) == []


# ------------------------------------------------------------------------- order of work, the words


def test_hits_come_best_first_each_announced_before_it_is_judged() -> None:
    items = list(rerank(RED, HITS, ColourJudge(), pictures=painted, settings=WORDLESS))
    told = [(hit.retrieval_rank, verdict_of(hit).standing) for hit in items]
    assert list(dict.fromkeys(told)) == [
        (rank, standing) for rank in range(1, 6) for standing in (Standing.JUDGING, Standing.JUDGED)
    ]


def test_steps_come_between_any_two_things_the_judge_does() -> None:
    judge = ColourJudge()
    before = 0
    for _ in rerank(Query("red, no white"), HITS, judge, pictures=painted):
        assert judge.steps - before <= 2
        before = judge.steps


def test_what_the_person_looks_at_comes_first() -> None:
    looking = [HITS[3].photo.content_id, 999, HITS[1].photo.content_id]
    judge = ColourJudge()
    judged(judge, wanted=lambda: looking, settings=Judging())
    shas = [hit.photo.sha256[:8] for hit in HITS]
    order = [shas.index(line.split()[1][:8]) for line in judge.asked[2:]]
    assert order == [3, 1, 0, 2, 4] * 2


def test_words_grow_after_all_are_judged_and_are_marked_as_the_models() -> None:
    items = list(rerank(RED, HITS[:2], ColourJudge(), pictures=painted))
    words = list(dict.fromkeys(verdict_of(hit).words for hit in items))
    assert words == ["", "It", "It shows", "It shows a", "It shows a colour."]
    first = next(place for place, hit in enumerate(items) if verdict_of(hit).words)
    assert all(verdict_of(hit).standing is Standing.JUDGED for hit in items[first:])
    assert "colour" not in verdict_of(items[-1]).rationale


def test_words_are_plain_and_of_bounded_length() -> None:
    def behave(what: str) -> Any:
        told = iter(["<b>see</b> http://bad.example\n", "\u202e\x1b[31m", *["word "] * 10_000])
        return told if what == "write" else (Score(1.0, 0.9),)

    (hit,) = judged(AnyJudge(behave), hits=HITS[:1], settings=Judging())
    words = verdict_of(hit).words
    assert words.startswith("‹b›see‹/b› … [31mword word")
    assert len(words) <= 300


# ------------------------------------------------------------------------- the cache


def test_asking_again_asks_the_judge_nothing(cache: Judgements) -> None:
    query = Query("red, not white", picture_to_ask_with("red"))
    first = judged(ColourJudge(), query, cache=cache, settings=Judging())
    again = ColourJudge()
    assert judged(again, query, cache=cache, settings=Judging()) == first
    assert again.asked == []
    assert again.steps == 0


class _Other(ColourJudge):
    name = "Other judge"


class _Newer(ColourJudge):
    revision = "2"


class _Reworded(ColourJudge):
    prompt_version = "2"


@pytest.mark.parametrize(
    ("judge", "words", "picture", "hits"),
    [
        (_Other(), "red", "red", HITS[:1]),
        (_Newer(), "red", "red", HITS[:1]),
        (_Reworded(), "red", "red", HITS[:1]),
        (ColourJudge(), "blue", "red", HITS[:1]),
        (ColourJudge(), "red", "blue", HITS[:1]),
        (ColourJudge(), "red", None, HITS[:1]),
        (ColourJudge(), "red", "red", HITS[1:2]),
    ],
    ids=["judge", "revision", "prompt", "words", "picture", "no picture", "candidate"],
)
def test_changing_any_part_asks_the_judge_again(
    cache: Judgements, judge: ColourJudge, words: str, picture: str | None, hits: tuple[Hit, ...]
) -> None:
    judged(ColourJudge(), Query("red", picture_to_ask_with("red")), hits=HITS[:1], cache=cache)
    query = Query(words, None if picture is None else picture_to_ask_with(picture))
    judged(judge, query, hits=hits, cache=cache)
    assert judge.asked


def test_what_failed_is_not_kept(cache: Judgements) -> None:
    stopped(BrokenJudge(ValueError("no"), at=lambda what: "check" in what), cache=cache)
    assert cache.count() == 0


def test_a_closed_library_costs_the_keeping_alone(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "catalogue.sqlite")
    catalogue.close()
    assert standings(judged(ColourJudge(), cache=catalogue.judgements)) == ["judged"] * 5


# ------------------------------------------------------------------------- cancelling


def test_cancelling_stops_within_the_candidate_and_keeps_what_was_judged(
    cache: Judgements,
) -> None:
    judge = ColourJudge()
    items = rerank(RED, HITS, judge, pictures=painted, cache=cache)
    for hit in items:
        if hit.retrieval_rank == 2 and verdict_of(hit).standing is Standing.JUDGED:
            break
    done = judge.steps
    items.close()
    assert judge.steps == done
    assert cache.count() == 2
    assert list(items) == []


@pytest.mark.parametrize("after", range(1, 40, 3))
def test_it_can_be_closed_at_any_step(after: int) -> None:
    judge = ColourJudge()
    items = rerank(RED, HITS, judge, pictures=painted)
    list(islice(items, after))
    done = judge.steps
    items.close()
    assert judge.steps == done


def test_a_second_query_closes_the_first_and_nothing_of_it_comes_any_more() -> None:
    judge = ColourJudge()
    first = rerank(RED, HITS, judge, pictures=painted)
    list(islice(first, 9))
    first.close()
    second = judged(judge, Query("something blue"))
    assert max(second, key=lambda hit: verdict_of(hit).score or -9).photo.path.stem == "2 blue"
    assert list(first) == []
