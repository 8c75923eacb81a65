"""How good a ranking is: recall, average precision by CIRCO's own formula, and nDCG.

Pure functions of a ranking (ids, best first, each once) and of the ids that were wanted (at least
one); all are from 0 to 1.

Sources: CIRCO, `src/evaluation.py` at 267b5c9 (average precision, divided by what can be reached at
that depth); Järvelin and Kekäläinen 2002 and trec_eval (nDCG of yes-or-no labels, and recall);
CIRR, Liu et al. 2021, section 5 (recall within a query's own set of look-alikes).
"""

from __future__ import annotations

import enum
import math
from collections.abc import Collection, Hashable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeVar

Id = TypeVar("Id", bound=Hashable)


def recall(ranked: Sequence[Id], wanted: AbstractSet[Id], depth: int) -> float:
    """The share of what is wanted that stands among the first `depth`.

    For one wanted id it is 1 or 0. Where more are wanted than `depth`, 1 cannot be reached.
    """
    _check(ranked, wanted, depth)
    return sum(one in wanted for one in ranked[:depth]) / len(wanted)


def average_precision(ranked: Sequence[Id], wanted: AbstractSet[Id], depth: int) -> float:
    """AP@depth as CIRCO has it: divided by min(depth, wanted), so that 1 can always be reached.

    trec_eval and what is built on it divide by all that is wanted, and so give less.
    """
    _check(ranked, wanted, depth)
    found, total = 0, 0.0
    for place, one in enumerate(ranked[:depth], start=1):
        if one in wanted:
            found += 1
            total += found / place
    return total / min(depth, len(wanted))


def ndcg(ranked: Sequence[Id], wanted: AbstractSet[Id], depth: int) -> float:
    """Gain 1 for what is wanted, discounted by log2(1 + place), against the best that there is."""
    _check(ranked, wanted, depth)
    gained = (_gain(place) for place, one in enumerate(ranked[:depth], start=1) if one in wanted)
    best = (_gain(place) for place in range(1, min(depth, len(wanted)) + 1))
    return math.fsum(gained) / math.fsum(best)


def _gain(place: int) -> float:
    return 1 / math.log2(1 + place)


def _check(ranked: Sequence[Id], wanted: AbstractSet[Id], depth: int) -> None:
    if not wanted:
        raise ValueError("nothing is wanted, so that no ranking is good or bad")
    if depth < 1:
        raise ValueError(f"a depth of {depth}; the first place is 1")
    if len(set(ranked)) != len(ranked):
        raise ValueError("an id stands in the ranking twice")


@dataclass(frozen=True, slots=True)
class Ranking:
    """What was found for one query."""

    ids: tuple[str, ...]  # of the gallery, best first
    members: tuple[str, ...] = ()  # CIRR: of the query's own set alone, best first


@dataclass(frozen=True, slots=True)
class Labels:
    """What should have been found for one query."""

    wanted: frozenset[str]
    targets: frozenset[str]  # whose recall is counted: all that is wanted, or CIRCO's one target
    members: frozenset[str] = frozenset()  # CIRR: the query's own set, without its picture


class Kind(enum.StrEnum):
    RECALL = "R"
    PRECISION = "mAP"
    GAIN = "nDCG"
    SUBSET = "R_subset"  # recall among the members alone


@dataclass(frozen=True, slots=True)
class Measure:
    """One way of measuring, such as R@5."""

    kind: Kind
    depth: int

    @property
    def name(self) -> str:
        return f"{self.kind}@{self.depth}"

    def of(self, ranking: Ranking, labels: Labels) -> float:
        """For one query, 0 to 1."""
        match self.kind:
            case Kind.RECALL:
                return recall(ranking.ids, labels.targets, self.depth)
            case Kind.PRECISION:
                return average_precision(ranking.ids, labels.wanted, self.depth)
            case Kind.GAIN:
                return ndcg(ranking.ids, labels.wanted, self.depth)
            case Kind.SUBSET:
                return recall(ranking.members, labels.targets, self.depth)


@dataclass(frozen=True, slots=True)
class Figure:
    """The mean of a measure over queries."""

    mean: float
    queries: int
    error: float | None  # standard error of the mean; None for a single query


def figure(values: Collection[float]) -> Figure:
    """Of at least one query."""
    count = len(values)
    if count == 0:
        raise ValueError("there is no mean of no queries")
    mean = math.fsum(values) / count
    if count == 1:
        return Figure(mean, 1, None)
    spread = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    return Figure(mean, count, math.sqrt(spread / count))


def mean_of(figures: Sequence[Figure]) -> Figure:
    """The mean of means of separate queries, each counting alike, as FashionIQ's three kinds do."""
    count = len(figures)
    if count == 0:
        raise ValueError("there is no mean of no figures")
    mean = math.fsum(one.mean for one in figures) / count
    errors = [one.error for one in figures if one.error is not None]
    error = math.hypot(*errors) / count if len(errors) == count else None
    return Figure(mean, sum(one.queries for one in figures), error)
