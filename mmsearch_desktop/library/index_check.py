"""Compares a vector index with the catalogue: what it lacks, has too much of, or has wrong.

No vector is fetched for it. A row's score for a random query depends on all numbers of its vector,
so that one search over a range of ids shows, beside which ids there are, whose vectors differ:
30 ms for 8,000 rows of 768 numbers, where fetching 2,000 of them takes 1.6 s. That a vector
differs and its score does not, by more than roundings do, has a chance of about 1 in 5,000.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mmsearch_desktop.library.tables import unit_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from mmsearch_desktop.domain import VectorSpace
    from mmsearch_desktop.library.catalogue import Catalogue

    Vectors = NDArray[np.float32]

_RANGE_ROWS = 8000  # looked at together; half of what one answer holds, so that strays are seen
_SPOT_CHECKS = 50
_ROUNDING = 1e-5
_MOST_WRONG = 2000  # above that, making it anew is quicker than replacing rows


class Comparable(Protocol):
    """What is asked of an index here."""

    @property
    def space(self) -> VectorSpace: ...

    def scored(
        self, vector: Vectors, first: int, end: int | None
    ) -> list[tuple[int, float]] | None:
        """(id, score) of all with first <= id < end; None where they are too many to be told."""
        ...

    def listed(self, first: int, end: int | None) -> list[int] | None:
        """Their ids only, which costs a little less."""
        ...

    def search(
        self, vector: Vectors, limit: int, *, among: Sequence[int] | None = None
    ) -> list[tuple[int, float]]: ...

    def missing(self, ids: Sequence[int]) -> list[int]: ...

    def count(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Difference:
    """Content ids, ascending."""

    missing: Sequence[int] = ()
    strays: Sequence[int] = ()  # in the index, though the catalogue has no such embedding
    wrong: Sequence[int] = ()  # in the index with another vector
    unusable: Sequence[int] = ()  # whose stored vector is none, by damage of the catalogue


def quick_difference(index: Comparable, catalogue: Catalogue) -> Difference | None:
    """By ids, and by the vectors of some chosen at random. None: only a rebuild helps."""
    wanted = catalogue.embedded_ids(index.space)
    found: list[int] = []
    for first, end, _ in _ranges(wanted):
        part = index.listed(first, end)
        if part is None:
            return None
        found.extend(part)
    there, known = set(found), set(wanted)
    if not len(found) == len(there) == index.count():  # an id with two rows
        return None
    chosen = random.sample(sorted(known & there), min(_SPOT_CHECKS, len(known & there)))
    if _wrong_among(index, catalogue, chosen):
        return None
    return Difference([id_ for id_ in wanted if id_ not in there], sorted(there - known))


def full_difference(index: Comparable, catalogue: Catalogue) -> Difference | None:
    """By the ids and vectors of all. None: only a rebuild helps."""
    query = _random_query(index.space)
    wanted = catalogue.embedded_ids(index.space)
    found: list[int] = []
    wrong: list[int] = []
    unusable: list[int] = []
    for first, end, part in _ranges(wanted):
        scores = index.scored(query, first, end)
        if scores is None:
            return None
        found.extend(id_ for id_, _ in scores)
        stored = catalogue.embeddings(part, index.space)
        unusable.extend(id_ for id_ in part if id_ not in stored)
        wrong.extend(_wrong(dict(scores), stored, query))
    there, known = set(found), set(wanted) - set(unusable)
    unseen = sorted(known - there)
    missing = index.missing(unseen)
    wrong.extend(sorted(set(unseen) - set(missing)))  # there, but no search finds it
    rows = len(there) + len(unseen) - len(missing)
    if len(found) != len(there) or rows != index.count() or len(wrong) > _MOST_WRONG:
        return None
    return Difference(missing, sorted(there - known), sorted(wrong), sorted(unusable))


def unusable(catalogue: Catalogue, space: VectorSpace) -> list[int]:
    """The contents whose stored vector is none."""
    return [
        id_
        for _, _, part in _ranges(catalogue.embedded_ids(space))
        for id_ in set(part) - catalogue.embeddings(part, space).keys()
    ]


def _ranges(wanted: Sequence[int]) -> Iterator[tuple[int, int | None, Sequence[int]]]:
    """Ranges of ids that together hold all, and those of `wanted` in each."""
    limits = [0, *wanted[_RANGE_ROWS::_RANGE_ROWS], None]
    for number, (first, end) in enumerate(itertools.pairwise(limits)):
        yield first or 0, end, wanted[number * _RANGE_ROWS : (number + 1) * _RANGE_ROWS]


def _wrong_among(index: Comparable, catalogue: Catalogue, chosen: Sequence[int]) -> bool:
    query = _random_query(index.space)
    scores = dict(index.search(query, len(chosen), among=chosen)) if chosen else {}
    stored = catalogue.embeddings(chosen, index.space)
    return len(scores) < len(chosen) or bool(_wrong(scores, stored, query))


def _wrong(scores: dict[int, float], stored: dict[int, Vectors], query: Vectors) -> list[int]:
    both = [id_ for id_ in stored if id_ in scores]
    if not both:
        return []
    expected = np.stack([stored[id_] for id_ in both]) @ query
    apart = np.abs(expected - np.array([scores[id_] for id_ in both]))
    return [id_ for id_, far in zip(both, apart, strict=True) if not far <= _ROUNDING]  # or NaN


def _random_query(space: VectorSpace) -> Vectors:
    numbers = np.random.default_rng().normal(size=(1, space.dimensions))
    query: Vectors = unit_rows(numbers)[0]
    return query
