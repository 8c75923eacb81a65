"""The hits of one query while they are judged: what is said of each, and its two places.

Pure state: whatever comes, the hits stay the same ones. `ranked` and `retrieved` are the two orders
that can be shown; in both, a hit's `rank` is the place that the judged order gives it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

from mmsearch_desktop.domain import Hit, Standing, Verdict
from mmsearch_desktop.search import answers, order

_TO_COME = (Standing.WAITING, Standing.JUDGING)


class JudgedHits:
    """Takes judgements in any order; those about hits that are not its own change nothing."""

    def __init__(self, hits: Sequence[Hit], *, depth: int, weight: float, judge: str) -> None:
        """The first `depth` by retrieval wait to be judged; the others say that they are not."""
        retrieved = sorted(hits, key=lambda hit: hit.retrieval_rank)
        self._judge = judge
        self._depth = max(0, min(depth, len(retrieved)))
        self._weight = weight
        self._stage = 0
        wait = answers.waiting(judge)
        beyond = answers.failed(judge, f"only the best {self._depth} hits are")
        self._hits = tuple(
            _with(hit, wait if place < self._depth else beyond, hit.retrieval_rank)
            for place, hit in enumerate(retrieved)
        )

    @property
    def retrieved(self) -> tuple[Hit, ...]:
        """In the order of the search."""
        return self._hits

    @property
    def ranked(self) -> tuple[Hit, ...]:
        """In the judged order, as far as it has come."""
        return tuple(sorted(self._hits, key=lambda hit: hit.rank))

    @property
    def depth(self) -> int:
        """How many are to be judged."""
        return self._depth

    @property
    def settled(self) -> int:
        """How many of those are judged, or will not be."""
        return self._depth - len(self.unsettled)

    @property
    def unsettled(self) -> tuple[Hit, ...]:
        return tuple(hit for hit in self._hits[: self._depth] if _standing(hit) in _TO_COME)

    @property
    def judged(self) -> int:
        return sum(_standing(hit) is Standing.JUDGED for hit in self._hits)

    @property
    def moved(self) -> int:
        return sum(hit.rank != hit.retrieval_rank for hit in self._hits)

    def find(self, content_id: int) -> Hit | None:
        return next((hit for hit in self._hits if hit.photo.content_id == content_id), None)

    def take(self, judged: Hit) -> bool:
        """Note what is said of one hit now. True where hits have got other places by it."""
        self._hits = order.updated(self._hits, judged)
        due = order.stage(self._hits, self._depth)
        if due <= self._stage:
            return False
        self._stage = due
        return self._rank_anew()

    def close(self, reason: str) -> tuple[Hit, ...]:
        """None is judged any more: those that wait say why. Returns these; nothing moves."""
        verdict = answers.failed(self._judge, reason)
        left = {hit.photo.content_id for hit in self.unsettled}
        self._hits = tuple(
            dataclasses.replace(hit, verdict=verdict) if hit.photo.content_id in left else hit
            for hit in self._hits
        )
        return tuple(hit for hit in self._hits if hit.photo.content_id in left)

    def give_up(self, reason: str) -> bool:
        """Likewise, and take the places that follow from what has come. True as for `take`."""
        self.close(reason)
        self._stage = 2
        return self._rank_anew()

    def weigh(self, weight: float) -> bool:
        """Order anew by another weight of the judge's opinion. True as for `take`."""
        self._weight = weight
        return self._stage > 0 and self._rank_anew()

    def _rank_anew(self) -> bool:
        before = [hit.rank for hit in self._hits]
        weight = self._weight if math.isfinite(self._weight) else 1.0
        ranked = order.reordered(self._hits, weight=weight)
        self._hits = _by_retrieval(ranked)
        return before != [hit.rank for hit in self._hits]


def unjudged(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    """The same hits as the search gave them."""
    return tuple(_with(hit, None, hit.retrieval_rank) for hit in _by_retrieval(hits))


def _by_retrieval(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    return tuple(sorted(hits, key=lambda hit: hit.retrieval_rank))


def _with(hit: Hit, verdict: Verdict | None, rank: int) -> Hit:
    return dataclasses.replace(hit, verdict=verdict, rank=rank)


def _standing(hit: Hit) -> Standing | None:
    return None if hit.verdict is None else hit.verdict.standing
