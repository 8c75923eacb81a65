"""The order in which judged hits are shown: always a permutation, whatever the judge said.

Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009) of the retrieval's ranks and the judge's.
Pure functions; nothing here asks a judge.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from mmsearch_desktop.domain import Hit, Standing

_DAMPING = 60  # of reciprocal rank fusion
_FIRST_STAGE = 3  # judged hits before the first reordering


def reordered(
    hits: Sequence[Hit], *, weight: float = 1.0, most_places: int | None = None
) -> tuple[Hit, ...]:
    """The same hits with new ranks from 1, best first.

    Hits without a score keep their retrieval place; the others share out the places that they
    hold, by 1 / (60 + retrieval rank) + weight / (60 + judge's rank), equal ones in retrieval
    order. With `most_places` no hit ends further than that from where retrieval put it.
    """
    retrieved = sorted(hits, key=lambda hit: hit.retrieval_rank)
    scores = [_score(hit) for hit in retrieved]
    places = [place for place, score in enumerate(scores) if score is not None]
    order = list(range(len(retrieved)))
    if weight > 0:
        fused = _fused(places, [score for score in scores if score is not None], weight)
        for place, moved in zip(places, _bounded(fused, places, most_places), strict=True):
            order[place] = moved
    return tuple(
        dataclasses.replace(retrieved[moved], rank=rank)
        for rank, moved in enumerate(order, start=1)
    )


def _score(hit: Hit) -> float | None:
    """What the judge's order goes by; None where the hit has no usable judgement."""
    verdict = hit.verdict
    if verdict is None or verdict.standing is not Standing.JUDGED or verdict.score is None:
        return None
    return None if math.isnan(verdict.score) else verdict.score


def _fused(places: Sequence[int], scores: Sequence[float], weight: float) -> list[int]:
    """The judged places, best first. The judge's ranks are the ranks of these same places."""
    by_judge = sorted(range(len(places)), key=lambda one: (-scores[one], one))
    fused = [0.0] * len(places)
    for place, one in zip(places, by_judge, strict=True):
        fused[one] = weight / (_DAMPING + place + 1)
    for one, place in enumerate(places):
        fused[one] += 1 / (_DAMPING + place + 1)
    best = sorted(range(len(places)), key=lambda one: (-fused[one], one))
    return [places[one] for one in best]


def _bounded(best_first: list[int], places: Sequence[int], most: int | None) -> list[int]:
    """Which hit goes to each of `places`: the best that may, while all others still can."""
    if most is None:
        return best_first
    most = max(most, 0)
    waiting, order = list(best_first), []
    for number, place in enumerate(places):
        later = places[number + 1 :]
        chosen = next(
            one
            for one in waiting
            if one - most <= place and _all_in_time(waiting, one, later, most)
        )
        waiting.remove(chosen)
        order.append(chosen)
    return order


def _all_in_time(waiting: Sequence[int], chosen: int, later: Sequence[int], most: int) -> bool:
    """Whether those who wait still can, in retrieval order, go to the later places."""
    others = sorted(one for one in waiting if one != chosen)
    return all(place <= one + most for one, place in zip(others, later, strict=True))


def updated(hits: Sequence[Hit], judged: Hit) -> tuple[Hit, ...]:
    """The same hits, that one with its new verdict. A hit that is not among them changes nothing.

    Hits are told apart by their content.
    """
    return tuple(
        dataclasses.replace(hit, verdict=judged.verdict)
        if hit.photo.content_id == judged.photo.content_id
        else hit
        for hit in hits
    )


def stage(hits: Sequence[Hit], depth: int) -> int:
    """How many times the first `depth` hits are due to have been reordered: 0, 1 or 2.

    The first time once three are judged, the second once none is to come. A window reorders when
    this number has grown, and the pointer is not over the hits.
    """
    first = sorted(hits, key=lambda hit: hit.retrieval_rank)[:depth]
    judged = sum(_score(hit) is not None for hit in first)
    if first and all(_settled(hit) for hit in first):
        return 2
    return 1 if judged >= _FIRST_STAGE else 0


def _settled(hit: Hit) -> bool:
    to_come = (Standing.WAITING, Standing.JUDGING)
    return hit.verdict is not None and hit.verdict.standing not in to_come
