"""What earlier judging left: found without a judge, and exactly what the judge would yield."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.domain import Hit, JudgeName, JudgingStopped, Query, Standing, Strategy
from mmsearch_desktop.library.catalogue import Catalogue
from mmsearch_desktop.search.judging import Judging, Recalled
from mmsearch_desktop.search.rerank import recalled, rerank
from tests.fakes_judges import BrokenJudge, ColourJudge, coloured_hits, painted
from tests.search.judged_hits import HITS, RED, judged, stopped, verdict_of

if TYPE_CHECKING:
    from mmsearch_desktop.library.judgements import Judgements

WHO = JudgeName(ColourJudge.name, ColourJudge.revision, ColourJudge.prompt_version)
POINTWISE, LISTWISE = Judging(), Judging(Strategy.LISTWISE)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Judgements]:
    catalogue = Catalogue(tmp_path / "catalogue.sqlite")
    yield catalogue.judgements
    catalogue.close()


def _recalled(cache: Judgements | None, settings: Judging, who: JudgeName = WHO) -> Recalled:
    return recalled(RED, HITS, who, settings=settings, cache=cache)


@pytest.mark.parametrize("settings", [POINTWISE, Judging(words_tokens=0), LISTWISE])
def test_all_that_was_judged_is_known_without_the_judge(
    cache: Judgements, settings: Judging
) -> None:
    before = judged(ColourJudge(), settings=settings, cache=cache)
    known = _recalled(cache, settings)
    assert known.hits == before
    assert known.complete


@pytest.mark.parametrize("settings", [POINTWISE, LISTWISE])
def test_of_nothing_nothing_is_known(cache: Judgements, settings: Judging) -> None:
    for kept in (cache, None):
        known = _recalled(kept, settings)
        assert (known.hits, known.unjudged) == ((), HITS)
        assert not known.complete
    assert recalled(RED, (), WHO, settings=settings, cache=cache).complete
    assert recalled(RED, HITS, WHO, settings=dataclasses.replace(settings, depth=0)).complete


def test_another_judge_or_request_or_way_knows_nothing_of_it(cache: Judgements) -> None:
    judged(ColourJudge(), settings=POINTWISE, cache=cache)
    for who in (JudgeName("Other", "1", "1"), JudgeName(WHO.name, "2", "1")):
        assert _recalled(cache, POINTWISE, who).hits == ()
    assert recalled(Query("blue"), HITS, WHO, cache=cache).hits == ()
    for settings in (LISTWISE, Judging(checks=False), Judging(against_neutral=True)):
        assert _recalled(cache, settings).hits == ()


def test_verdicts_without_their_words_leave_the_words_to_do(cache: Judgements) -> None:
    judged(ColourJudge(), settings=Judging(words_tokens=0), cache=cache)
    known = _recalled(cache, POINTWISE)
    assert (len(known.hits), known.unjudged, known.wordless) == (5, (), known.hits)
    assert not known.complete
    judge = ColourJudge()
    judged(judge, settings=POINTWISE, cache=cache)
    assert [line.split()[0] for line in judge.asked] == ["prepare", "check"] + ["write"] * 5


def test_an_unsure_hit_has_no_words_to_wait_for(cache: Judgements) -> None:
    judged(ColourJudge(answered=0.1), settings=POINTWISE, cache=cache)
    known = _recalled(cache, POINTWISE)
    assert known.complete
    assert {verdict_of(hit).standing for hit in known.hits} == {Standing.UNSURE}


def test_a_cancelled_judging_is_known_as_far_as_it_came(cache: Judgements) -> None:
    items = rerank(RED, HITS, ColourJudge(), pictures=painted, cache=cache, settings=POINTWISE)
    done: list[Hit] = []
    for hit in items:
        done += [hit] * (verdict_of(hit).standing is Standing.JUDGED)
        if len(done) == 2:
            break
    items.close()
    known = _recalled(cache, POINTWISE)
    assert known.hits == tuple(done)
    assert known.unjudged == HITS[2:]


def test_only_whole_groups_of_a_list_are_known(cache: Judgements) -> None:
    many = coloured_hits(*["white"] * 11)
    settings = dataclasses.replace(LISTWISE, depth=11)
    judge = BrokenJudge(ValueError("x"), at=lambda what: what == "rank 2")
    items = rerank(RED, many, judge, pictures=painted, settings=settings, cache=cache)
    with pytest.raises(JudgingStopped):
        list(items)
    known = recalled(RED, many, WHO, settings=settings, cache=cache)
    assert (len(known.hits), known.unjudged) == (9, many[9:])
    again = ColourJudge()
    judged(again, hits=many, settings=settings, cache=cache)
    assert again.asked == ["rank 2"]


def test_words_that_cannot_be_written_are_given_up_and_asked_for_again(cache: Judgements) -> None:
    mute = BrokenJudge(RuntimeError("no"), at=lambda what: "write" in what)
    judged(mute, settings=POINTWISE, cache=cache)
    assert sum("write" in what for what in mute.asked) == 3, "then it is taken to be mute"
    assert len(_recalled(cache, POINTWISE).wordless) == 5
    deaf = BrokenJudge(RuntimeError("no"), at=lambda what: "prepare" in what)
    assert stopped(deaf, settings=POINTWISE, cache=cache)[1] == ""
    assert deaf.asked == ["prepare None"], "what fails for one request fails for all hits"
