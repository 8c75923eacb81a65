"""Judging by one list: places, reasons, both layouts, the caption, and lists that are spoilt."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch_desktop.domain import (
    DeviceOutOfMemory,
    Hit,
    JudgingStopped,
    Layout,
    Query,
    Shown,
    Standing,
    Strategy,
    UnreadablePhoto,
)
from mmsearch_desktop.library.catalogue import Catalogue
from mmsearch_desktop.search.judging import Judging
from mmsearch_desktop.search.order import reordered
from mmsearch_desktop.search.rerank import rerank
from tests.fakes import COLOURS
from tests.fakes_judges import (
    AnyJudge,
    BrokenJudge,
    ColourJudge,
    SlowJudge,
    coloured_hits,
    painted,
    picture_to_ask_with,
)
from tests.search.judged_hits import HITS, RED, judged, standings, stopped, verdict_of

if TYPE_CHECKING:
    from mmsearch_desktop.library.judgements import Judgements

LIST = Judging(Strategy.LISTWISE)
SEED = "Ranked list: [7, 8, 5, 3, 2, 4, 1, 6]\nReasons: 7 has the same leopard pattern."


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Judgements]:
    catalogue = Catalogue(tmp_path / "catalogue.sqlite")
    yield catalogue.judgements
    catalogue.close()


def _with(**chosen: Any) -> Judging:
    return dataclasses.replace(LIST, **chosen)


def _says(text: str) -> AnyJudge:
    return AnyJudge(lambda _: [text])


def _order(hits: tuple[Hit, ...]) -> list[int]:
    return [hit.retrieval_rank for hit in reordered(hits, weight=1e6)]


@pytest.mark.parametrize("layout", Layout)
def test_the_list_gives_places_and_each_hit_its_own_reason(layout: Layout) -> None:
    judge = ColourJudge()
    hits = judged(judge, settings=_with(layout=layout))
    assert judge.asked == ["rank 5"]
    assert standings(hits) == ["judged"] * 5
    assert reordered(hits, weight=1e6)[0].photo.path.stem == "4 red"
    assert verdict_of(hits[3]).rationale == "number 1 of 5 in the judge's list"
    assert verdict_of(hits[3]).words == "it comes at place 1."
    assert all("it comes at place" in verdict_of(hit).words for hit in hits)
    assert all(verdict_of(hit).probability is None for hit in hits)


def test_the_pictures_are_shown_apart_or_on_one_page_of_nine_crops() -> None:
    class Looking(ColourJudge):
        shown: tuple[Shown, ...] = ()

        def rank(self, *given: Any, **named: Any) -> Iterator[str]:
            self.shown = tuple(given[3])
            return super().rank(*given, **named)

    apart, page = Looking(), Looking()
    judged(apart, settings=LIST)
    judged(page, settings=_with(layout=Layout.PAGE))
    assert [one.label for one in apart.shown] == [f"Photo {n}:\n" for n in range(1, 6)]
    assert {one.num_crops for one in apart.shown} == {1}
    assert [(one.picture.size, one.num_crops) for one in page.shown] == [((1008, 1008), 9)]


def test_the_places_come_with_the_list_and_the_reasons_grow_afterwards() -> None:
    items = list(rerank(RED, HITS, ColourJudge(), pictures=painted, settings=LIST))
    first = next(n for n, hit in enumerate(items) if verdict_of(hit).standing is Standing.JUDGED)
    assert [verdict_of(hit).words for hit in items[first : first + 5]] == [""] * 5
    red = [verdict_of(hit).words for hit in items if hit.retrieval_rank == 4]
    assert list(dict.fromkeys(red)) == ["", "it comes", "it comes at place 1."]


def test_the_seed_articles_own_answer_keeps_hit_9_where_it_was() -> None:
    hits = judged(_says(SEED), hits=coloured_hits(*COLOURS), settings=LIST)
    assert _order(hits) == [7, 8, 5, 3, 2, 4, 1, 6, 9]
    assert verdict_of(hits[8]).standing is Standing.UNSURE
    assert verdict_of(hits[8]).rationale == "The judge left this one out of its list"
    assert verdict_of(hits[6]).words == "has the same leopard pattern."


def test_more_than_nine_are_judged_in_groups_that_stay_in_order() -> None:
    many = coloured_hits(*["white"] * 8, "red", *["white"] * 8, "red", "green", "red")
    judge = ColourJudge()
    hits = judged(judge, hits=many, settings=_with(depth=50))
    assert judge.asked == ["rank 9", "rank 9", "rank 2"]
    assert _order(hits)[0] == 9
    assert _order(hits)[9] == 18
    assert _order(hits)[18:] == [20, 19]


def test_several_runs_average_the_places_over_the_orders_shown() -> None:
    class First(ColourJudge):
        """Always prefers what it is shown first: all position, no judgement."""

        def rank(self, *given: Any, **_: Any) -> Iterator[str]:
            self.asked.append("rank")
            yield f"Ranked list: {list(range(1, given[4] + 1))}\nReasons:"

    once = judged(First(), settings=LIST)
    assert _order(once) == [1, 2, 3, 4, 5]
    judge = First()
    often = judged(judge, settings=_with(runs=6))
    assert len(judge.asked) == 6
    assert _order(often) != [1, 2, 3, 4, 5]
    fair = judged(ColourJudge(), settings=_with(runs=3))
    assert _order(fair) == _order(judged(ColourJudge(), settings=LIST))


# ------------------------------------------------------------------------- caption and cache


def test_the_caption_is_only_made_when_asked_for_and_kept_by_content(cache: Judgements) -> None:
    query = Query("with this", picture_to_ask_with("red"))
    judge = ColourJudge()
    judged(judge, query, settings=LIST, cache=cache)
    assert [what.split()[0] for what in judge.asked] == ["rank"]
    judged(judge, query, settings=_with(caption=True), cache=cache)
    assert [what.split()[0] for what in judge.asked[1:]] == ["caption", "rank"]
    other = Query("something else", query.picture)
    judged(judge, other, settings=_with(caption=True), cache=cache)
    assert [what.split()[0] for what in judge.asked[3:]] == ["rank"]
    judged(judge, RED, settings=_with(caption=True), cache=cache)
    assert [what.split()[0] for what in judge.asked[4:]] == ["rank"], "no picture, no caption"


def test_a_caption_that_fails_costs_the_caption_alone() -> None:
    judge = BrokenJudge(ValueError("no"), at=lambda what: "caption" in what)
    query = Query("with this", picture_to_ask_with("red"))
    assert standings(judged(judge, query, settings=_with(caption=True))) == ["judged"] * 5


def test_asking_again_asks_nothing_but_another_list_is_asked_for(cache: Judgements) -> None:
    first = judged(ColourJudge(), settings=LIST, cache=cache)
    again = ColourJudge()
    assert judged(again, settings=LIST, cache=cache) == first
    assert again.asked == []
    for other in (_with(layout=Layout.PAGE), _with(runs=2), _with(depth=4)):
        before = len(again.asked)
        judged(again, settings=other, cache=cache)
        assert len(again.asked) > before
    pointwise = ColourJudge()
    judged(pointwise, cache=cache)
    assert pointwise.asked


# ------------------------------------------------------------------------- failures


def test_a_photo_that_cannot_be_read_is_left_out_of_the_list() -> None:
    def pictures(hit: Hit) -> Any:
        if hit.retrieval_rank == 2:
            raise UnreadablePhoto(hit.photo.path, "it is cut off")
        return painted(hit)

    judge = ColourJudge()
    hits = judged(judge, settings=LIST, pictures=pictures)
    assert judge.asked == ["rank 4"]
    assert standings(hits) == ["judged", "failed", "judged", "judged", "judged"]
    assert _order(hits)[1] == 2

    def none(hit: Hit) -> Any:
        raise UnreadablePhoto(hit.photo.path, "it is cut off")

    assert standings(judged(ColourJudge(), settings=LIST, pictures=none)) == ["failed"] * 5


@pytest.mark.parametrize("error", [ValueError("x"), DeviceOutOfMemory("Memory ran out.")])
def test_a_judge_that_throws_stops_with_one_sentence(error: Exception) -> None:
    hits, said = stopped(BrokenJudge(error), settings=LIST)
    assert standings(hits) == ["failed"] * 5
    assert said.startswith("Judging stopped: ")
    assert _order(hits) == [1, 2, 3, 4, 5]


def test_out_of_memory_is_tried_once_more() -> None:
    left = [True]
    judge = BrokenJudge(DeviceOutOfMemory("z"), at=lambda _: bool(left) and left.pop())
    hits, said = stopped(judge, settings=LIST)
    assert (standings(hits), said) == (["judged"] * 5, "")


def test_reasons_that_break_off_leave_the_places() -> None:
    def behave(_: str) -> Any:
        yield "Ranked list: [2, 1, 3, 4, 5]\nReasons:"
        yield "\n2: it is"
        raise RuntimeError("CUDA error")

    hits, said = stopped(AnyJudge(behave), settings=LIST)
    assert (standings(hits), said) == (["judged"] * 5, "")
    assert verdict_of(hits[1]).words == "it is"


def test_a_list_without_end_is_ended() -> None:
    def behave(_: str) -> Any:
        while True:
            yield "1, 2, "

    hits, said = stopped(AnyJudge(behave), settings=LIST)
    assert said == ""
    assert standings(hits) == ["judged", "judged", "unsure", "unsure", "unsure"]


def test_a_list_that_takes_too_long_stops_the_judging() -> None:
    class Silent(SlowJudge):
        def rank(self, *_: Any, **__: Any) -> Iterator[str]:
            while True:
                self.steps += 1
                yield ""

    judge = Silent(1.0)
    hits, said = stopped(judge, clock=judge.clock, settings=_with(part_seconds=10))
    assert said == "Judging stopped: it took longer than 50 s"
    assert standings(hits) == ["failed"] * 5


def test_it_can_be_closed_at_any_step() -> None:
    count = len(list(rerank(RED, HITS, ColourJudge(), pictures=painted, settings=LIST)))
    for after in range(count):
        judge = ColourJudge()
        items = rerank(RED, HITS, judge, pictures=painted, settings=LIST)
        for _ in range(after):
            next(items)
        done = judge.steps
        items.close()
        assert judge.steps == done


_PIECES = st.lists(
    st.one_of(
        st.text(max_size=10),
        st.sampled_from(["[", "]", ", ", "\nReasons:", "Ranked list: ", "1", "5", "9", "\n2: "]),
    ),
    max_size=15,
)
_WRITTEN = st.one_of(_PIECES, st.sampled_from([None, 3, ValueError("x"), DeviceOutOfMemory("z")]))


@settings(max_examples=150)
@given(st.data())
def test_nothing_a_judge_writes_loses_repeats_or_invents_a_hit(data: st.DataObject) -> None:
    judge = AnyJudge(lambda _: data.draw(_WRITTEN))
    hits, _ = stopped(judge, settings=LIST)
    assert all(verdict_of(hit).standing is not Standing.JUDGING for hit in hits)
    assert sorted(_order(hits)) == [1, 2, 3, 4, 5]
    for hit in reordered(hits, weight=1e6):
        if verdict_of(hit).standing is not Standing.JUDGED:
            assert hit.rank == hit.retrieval_rank


def test_a_failing_second_group_keeps_the_first() -> None:
    many = coloured_hits(*["white"] * 11)
    judge = BrokenJudge(ValueError("x"), at=lambda what: what == "rank 2")
    items = rerank(RED, many, judge, pictures=painted, settings=_with(depth=11))
    told: dict[int, str] = {}
    with pytest.raises(JudgingStopped):  # noqa: PT012 - it is raised after the last of them
        for hit in items:
            told[hit.retrieval_rank] = str(verdict_of(hit).standing)
    assert list(told.values()) == ["judged"] * 9 + ["failed"] * 2
