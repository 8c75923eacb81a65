"""Five coloured hits, and what they look like once a judge has been through them."""

from __future__ import annotations

import dataclasses
from typing import Any

from mmsearch_desktop.domain import Hit, Judge, JudgingStopped, Query, Verdict
from mmsearch_desktop.search.judging import Judging
from mmsearch_desktop.search.order import updated
from mmsearch_desktop.search.rerank import rerank
from tests.fakes_judges import coloured_hits, painted

HITS = coloured_hits("green", "blue", "white", "red", "black")
RED = Query("something red")
WORDLESS = Judging(words_tokens=0)


def with_settings(**chosen: Any) -> Judging:
    return dataclasses.replace(WORDLESS, **chosen)


def judged(
    judge: Judge,
    query: Query = RED,
    *,
    hits: tuple[Hit, ...] = HITS,
    settings: Judging = WORDLESS,
    pictures: Any = painted,
    **named: Any,
) -> tuple[Hit, ...]:
    """The hits after all that came; JudgingStopped is passed on."""
    for hit in rerank(query, hits, judge, settings=settings, pictures=pictures, **named):
        hits = updated(hits, hit)
    return hits


def stopped(
    judge: Judge, *, settings: Judging = WORDLESS, **named: Any
) -> tuple[tuple[Hit, ...], str]:
    """`HITS` after all that came, and the sentence with which judging stopped, if it did."""
    hits, said = HITS, ""
    try:
        for hit in rerank(RED, HITS, judge, settings=settings, pictures=painted, **named):
            hits = updated(hits, hit)
    except JudgingStopped as stop:
        said = str(stop)
    return hits, said


def verdict_of(hit: Hit) -> Verdict:
    assert hit.verdict is not None
    return hit.verdict


def standings(hits: tuple[Hit, ...]) -> list[str]:
    return [str(verdict_of(hit).standing) for hit in hits]
