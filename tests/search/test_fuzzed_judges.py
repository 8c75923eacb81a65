"""Ten thousand judges' answers made of everything that can go wrong: no hit is ever lost."""

# ruff: noqa: S311 - chance for tests

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from mmsearch_desktop.domain import (
    DeviceOutOfMemory,
    ModelProblem,
    Score,
    Standing,
    Strategy,
    UnreadablePhoto,
)
from mmsearch_desktop.search.judging import Judging
from mmsearch_desktop.search.order import reordered
from tests.fakes_judges import AnyJudge
from tests.search.judged_hits import HITS, stopped, verdict_of

OUTPUTS = {Strategy.POINTWISE: 8000, Strategy.LISTWISE: 2500}
_NUMBERS = (0.0, 1.5, -3.0, 1e308, -1e308, math.nan, math.inf, -math.inf)
_CHANCES = (0.0, 0.4, 0.5, 1.0, 2.0, -1.0, math.nan)
_PIECES = (
    "Ranked list: [", "[", "]", ", ", "1", "2", "5", "3", "4", "9", "0", "-1", "1e9", "٣", "one",
    "\nReasons:", "\n2: ", "it is red. ", "<b>", "\u202e", "\ud800", "", "\x00", "http://x.y ",
    '{"rank": 1}', "4. 4. 4. ", "犬", "7, 8, 5, 3, 2, 4, 1, 6", "none of them", "1-5", "[[1]", "…",
)  # fmt: skip
_FAILURES = (
    ValueError("x"), RuntimeError("CUDA error"), KeyError("y"), ZeroDivisionError(), OSError("z"),
    MemoryError(), AttributeError("w"), ModelProblem("it is not loaded any more."),
    UnreadablePhoto(HITS[0].photo.path, "it is cut off."), DeviceOutOfMemory("Memory ran out."),
)  # fmt: skip


class _Chance:
    """What a judge does next; a failure, or no answer at all, once in a while."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.outputs = 0

    def __call__(self, what: str) -> Any:
        self.outputs += 1
        if self._random.random() < 0.08:
            return self._random.choice([*_FAILURES, None, 3, "text", [None]])
        return self._scores() if what == "check" else self._text()

    def _scores(self) -> tuple[Score, ...]:
        count = self._random.choice([1] * 20 + [0, 2, 7])
        number, chance = self._random.choice(_NUMBERS), self._random.choice(_CHANCES)
        return tuple(Score(number + self._random.gauss(0, 2), chance) for _ in range(count))

    def _text(self) -> list[str]:
        repeated = self._random.choice([1] * 15 + [2, 20])
        return self._random.choices(_PIECES, k=self._random.randint(0, 12)) * repeated


@pytest.mark.parametrize("strategy", Strategy)
def test_nothing_that_judges_do_loses_repeats_or_invents_a_hit(strategy: Strategy) -> None:
    behave = _Chance(1)
    seen = set()
    while behave.outputs < OUTPUTS[strategy]:
        hits, _ = stopped(AnyJudge(behave), settings=Judging(strategy))
        standing = {hit.photo.content_id: verdict_of(hit).standing for hit in hits}
        assert standing.keys() == {hit.photo.content_id for hit in HITS}
        for weight in (1.0, 1e6):
            ordered = reordered(hits, weight=weight)
            assert [hit.rank for hit in ordered] == [1, 2, 3, 4, 5]
            assert {hit.photo.content_id for hit in ordered} == standing.keys()
            for hit in ordered:
                if standing[hit.photo.content_id] is not Standing.JUDGED:
                    assert hit.rank == hit.retrieval_rank
        seen |= set(standing.values())
    assert seen == {Standing.JUDGED, Standing.UNSURE, Standing.FAILED}
