"""Measures an embedder, and a judge after it, on queries whose right answers are known.

The queries are encoded by the very call that a search makes (`retrieve.encode`), once for all four
modes, and compared with every picture of the gallery: exact, no index between. The query picture is
left out of what it finds, as in the app; with a public set it can stay, as in published runs.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmsearch_desktop.domain import (
    Embedder,
    Hit,
    Judge,
    JudgingStopped,
    LabelsProblem,
    Mode,
    Photo,
    Problem,
    Progress,
    Query,
    QueryPicture,
    QueryProblem,
    Stage,
    Standing,
    UnreadablePhoto,
    VectorSpace,
)
from mmsearch_desktop.library.decode import read_file
from mmsearch_desktop.search.gallery import Gallery, Pace, embedding_gallery
from mmsearch_desktop.search.labelled_sets import (
    BrokenRow,
    LabelledQuery,
    LabelledSet,
    Wording,
    wording_of,
)
from mmsearch_desktop.search.metrics import Figure, Labels, Measure, Ranking, figure, mean_of
from mmsearch_desktop.search.order import reordered, updated
from mmsearch_desktop.search.query import checked
from mmsearch_desktop.search.rerank import rerank
from mmsearch_desktop.search.retrieve import encode, vector_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmsearch_desktop.library.judgements import Judgements
    from mmsearch_desktop.search.judging import Judging

    Vector = NDArray[np.float32]  # [D]
    Rows = NDArray[np.intp]

_DEPTH = 50  # how much of a ranking is kept, at least
_STOPS_IN_A_ROW = 3  # rankings whose judging stopped, until no more are judged
_GIVEN_UP = "Judging was given up: it stopped for query after query. There are no figures after it."


@dataclass(frozen=True, slots=True)
class Reranking:
    """How the best pictures of each query are judged."""

    judge: Judge
    settings: Judging
    weight: float = 1.0  # of the judge's order against the search's
    cache: Judgements | None = None  # spares asking the same for several modes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one query found in each mode that its parts allow."""

    query: LabelledQuery
    labels: Labels
    found: Mapping[Mode, Ranking]
    judged: Mapping[Mode, Ranking]  # the same after judging; empty where there was none


@dataclass(frozen=True, slots=True)
class Row:
    """One measure side by side, before or after judging."""

    measure: Measure
    judged: bool
    figures: Mapping[Mode, Figure]


@dataclass(frozen=True, slots=True)
class GroupReport:
    """Queries that were measured together."""

    name: str
    pictures: int  # in the gallery
    outcomes: tuple[Outcome, ...]

    def rows(self, measures: Iterable[Measure]) -> tuple[Row, ...]:
        """For each measure one row, and after judging a second one."""
        both = [
            self._row(measure, judged=judged) for measure in measures for judged in (False, True)
        ]
        return tuple(row for row in both if row.figures)

    def _row(self, measure: Measure, *, judged: bool) -> Row:
        values: dict[Mode, list[float]] = {}
        for outcome in self.outcomes:
            rankings = outcome.judged if judged else outcome.found
            for mode, ranking in rankings.items():
                values.setdefault(mode, []).append(measure.of(ranking, outcome.labels))
        return Row(measure, judged, {mode: figure(each) for mode, each in values.items()})


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of one run, and what a reader has to know about them."""

    labelled: LabelledSet
    embedder: str
    space: VectorSpace
    wording: Wording
    own_stays: bool  # the query picture could be found like any other
    groups: tuple[GroupReport, ...]
    judge: str | None  # None: nothing was judged
    judged: int  # places of the rankings whose picture got a judgement
    to_be_judged: int
    problems: tuple[Problem, ...]
    notices: tuple[str, ...]

    def mean_rows(self) -> tuple[Row, ...]:
        """The mean over the groups of a public set, as FashionIQ's figures are published."""
        if not self.labelled.public or len(self.groups) < 2:
            return ()
        each = [group.rows(self.labelled.measures) for group in self.groups]
        return tuple(_mean_row(rows) for rows in zip(*each, strict=True))


def _mean_row(rows: Sequence[Row]) -> Row:
    modes = [mode for mode in Mode if all(mode in row.figures for row in rows)]
    figures = {mode: mean_of([row.figures[mode] for row in rows]) for mode in modes}
    return dataclasses.replace(rows[0], figures=figures)


def evaluate(
    labelled: LabelledSet,
    embedder: Embedder,
    *,
    reranking: Reranking | None = None,
    as_published: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Progress, None, Report]:
    """Yields where it stands (pictures and queries, then pictures judged); returns the report.

    `as_published` keeps the query picture in the gallery where the set's published figures were
    made so. A query that cannot be asked is left out and listed. LabelsProblem where nothing is
    left; what the embedder raises passes through.
    """
    asking = _Asking(labelled, embedder, as_published=as_published)
    queries = sum(len(group.queries) for group in labelled.groups)
    pace = Pace(Stage.EMBEDDING, len(labelled.pictures) + queries, clock)
    gallery = yield from embedding_gallery(
        labelled.pictures, embedder, pace, by_content=labelled.by_content
    )
    groups = yield from asking.ask(gallery, pace)
    judging = _Judging(reranking, gallery, asking.wording) if reranking is not None else None
    if judging is not None:
        groups = yield from judging.judge(groups, clock)
    return Report(
        labelled=labelled,
        embedder=embedder.name,
        space=embedder.space,
        wording=asking.wording,
        own_stays=asking.own_stays,
        groups=groups,
        judge=None if judging is None else judging.name,
        judged=0 if judging is None else judging.judged,
        to_be_judged=0 if judging is None else judging.total,
        problems=(
            *labelled.problems,
            *gallery.problems,
            *asking.problems,
            *(judging.problems if judging is not None else ()),
        ),
        notices=(
            *labelled.notices,
            *asking.notices(gallery),
            *((_GIVEN_UP,) if judging is not None and judging.given_up else ()),
        ),
    )


def as_query(query: LabelledQuery, wording: Wording, mode: Mode = Mode.COMPOSED) -> Query:
    """What the app would be asked. UnreadablePhoto, QueryProblem."""
    picture = None
    if query.picture is not None:
        data = read_file(query.picture)
        picture = QueryPicture.from_bytes(data, query.picture.name, query.picture)
    return checked(Query(words=query.said(wording), picture=picture, mode=mode))


# ------------------------------------------------------------------------------- searching


class _Asking:
    """The queries of a set, asked of one embedder."""

    def __init__(self, labelled: LabelledSet, embedder: Embedder, *, as_published: bool) -> None:
        self.wording = wording_of(embedder.space.model)
        self.own_stays = as_published and labelled.own_stays_as_published
        self.problems: list[Problem] = []
        self._labelled, self._embedder = labelled, embedder
        self._depth = max(_DEPTH, *(measure.depth for measure in labelled.measures))
        self._cut = 0  # queries whose words are too long for the model

    def ask(
        self, gallery: Gallery, pace: Pace
    ) -> Generator[Progress, None, tuple[GroupReport, ...]]:
        """LabelsProblem where no query can be asked."""
        done, reports = len(self._labelled.pictures), []
        for group in self._labelled.groups:
            searched = _Searched(gallery, gallery.rows(group.gallery))
            outcomes = []
            for query in group.queries:
                outcome = self._outcome(query, searched)
                if outcome is not None:
                    outcomes.append(outcome)
                done += 1
                yield pace.at(done)
            if outcomes:
                reports.append(GroupReport(group.name, searched.count, tuple(outcomes)))
        if not reports:
            first = f" The first: {self.problems[0].reason}" if self.problems else ""
            raise LabelsProblem(f"{self._labelled.name}: no query can be asked.{first}")
        return tuple(reports)

    def notices(self, gallery: Gallery) -> Iterator[str]:
        lost = len(gallery.problems)
        if lost:
            yield (
                f"{lost:,} pictures of the gallery cannot be read and are never found, not even"
                " where they are wanted."
            )
        if self._cut:
            yield f"The words of {self._cut:,} queries are too long for this model and were cut."

    def _outcome(self, query: LabelledQuery, searched: _Searched) -> Outcome | None:
        """None where the query cannot be asked: it is then among the problems."""
        gallery = searched.gallery
        try:
            asked = as_query(query, self.wording)
            own = gallery.own(query.own, asked.picture)
            labels = _labels(query, gallery, own)
            vectors = _vectors(asked, self._embedder)
        except (UnreadablePhoto, QueryProblem, BrokenRow) as error:
            place = query.picture or Path(self._labelled.name)
            self.problems.append(Problem(place, f"{query.id} is left out: {error}"))
            return None
        cut = self._embedder.cut_notice(asked.words, with_picture=asked.picture is not None)
        self._cut += cut is not None
        left_out = None if self.own_stays else own
        return Outcome(
            query,
            labels,
            {
                mode: searched.ranking(vector, labels.members, left_out, self._depth)
                for mode, vector in vectors.items()
            },
            {},
        )


def _labels(query: LabelledQuery, gallery: Gallery, own: str | None) -> Labels:
    """By the gallery's rows. BrokenRow where nothing but copies of its picture is wanted."""
    labels = query.labels
    without = frozenset({own}) if own is not None else frozenset[str]()
    wanted, targets, members = (
        gallery.names(ids) - without for ids in (labels.wanted, labels.targets, labels.members)
    )
    if not wanted or not targets:
        raise BrokenRow("it wants copies of its own query picture; name other files")
    return Labels(wanted, targets, members)


def _vectors(asked: Query, embedder: Embedder) -> dict[Mode, Vector]:
    """One for each mode that the parts of the query allow."""
    parts = encode(asked, embedder)
    words, picture, together = parts.words, parts.picture, parts.together
    if words is not None and picture is not None and together is not None:
        vectors = {mode: vector_of(mode, words, picture, together) for mode in Mode}
    else:
        vectors = {Mode.TEXT if picture is None else Mode.PICTURE: parts.asked}
    if not all(np.isfinite(vector).all() for vector in vectors.values()):
        raise QueryProblem("the model gave no usable vector for it; try other words")
    return vectors


class _Searched:
    """A gallery, or a part of it, that queries are compared with."""

    def __init__(self, gallery: Gallery, rows: Rows) -> None:
        self.gallery = gallery
        self.count = len(rows)
        self._rows = rows
        whole = np.array_equal(rows, np.arange(len(gallery.ids)))
        self._vectors = gallery.vectors if whole else gallery.vectors[rows]  # [n, D]

    def ranking(
        self, vector: Vector, members: frozenset[str], left_out: str | None, depth: int
    ) -> Ranking:
        """The nearest `depth` pictures, and the members by nearness; equal ones by their order."""
        nearest = self._rows[np.argsort(-(self._vectors @ vector), kind="stable")]
        if left_out is not None:
            nearest = nearest[nearest != self.gallery.places[left_out]]
        within = nearest[np.isin(nearest, self.gallery.rows(members))] if members else nearest[:0]
        return Ranking(self._ids(nearest[:depth]), self._ids(within))

    def _ids(self, rows: Rows) -> tuple[str, ...]:
        return tuple(self.gallery.ids[row] for row in rows)


# --------------------------------------------------------------------------------- judging


class _Judging:
    """The best pictures of each ranking, judged and ordered anew as the app does."""

    def __init__(self, reranking: Reranking, gallery: Gallery, wording: Wording) -> None:
        self.name = reranking.judge.name
        self.judged = self.total = 0
        self.given_up = False
        self.problems: list[Problem] = []
        self._reranking, self._gallery, self._wording = reranking, gallery, wording
        self._stopped_in_a_row = 0

    def judge(
        self, groups: tuple[GroupReport, ...], clock: Callable[[], float]
    ) -> Generator[Progress, None, tuple[GroupReport, ...]]:
        """The same with rankings after judging; without any where the judge had to be given up."""
        depth = self._reranking.settings.depth
        self.total = sum(
            min(depth, len(ranking.ids))
            for group in groups
            for outcome in group.outcomes
            for ranking in outcome.found.values()
        )
        pace, done, judged_groups = Pace(Stage.JUDGING, self.total, clock), 0, []
        for group in groups:
            outcomes = []
            for outcome in group.outcomes:
                judged = {}
                for mode, ranking in outcome.found.items():
                    before = pace.at(done)
                    judged[mode] = yield from self._ranking(outcome.query, mode, ranking, before)
                    done += min(depth, len(ranking.ids))
                    yield pace.at(done)
                    if self._stopped_in_a_row >= _STOPS_IN_A_ROW:
                        self.given_up = True
                        return groups
                outcomes.append(dataclasses.replace(outcome, judged=judged))
            judged_groups.append(dataclasses.replace(group, outcomes=tuple(outcomes)))
        return tuple(judged_groups)

    def _ranking(
        self, query: LabelledQuery, mode: Mode, ranking: Ranking, before: Progress
    ) -> Generator[Progress, None, Ranking]:
        """`before` comes again after each short step of the judge."""
        hits: tuple[Hit, ...] = ()
        try:
            asked = as_query(query, self._wording, mode)
            hits = tuple(self._hits(ranking.ids[: self._reranking.settings.depth]))
            with closing(self._steps(asked, hits)) as steps:
                for hit in steps:
                    hits = updated(hits, hit)
                    yield before
            self._stopped_in_a_row = 0
        except (JudgingStopped, UnreadablePhoto, QueryProblem) as error:
            self._stopped_in_a_row += 1
            place = query.picture or Path(query.id)
            self.problems.append(Problem(place, f"{query.id}, {mode}: {error}"))
        self.judged += sum(
            hit.verdict is not None and hit.verdict.standing is Standing.JUDGED for hit in hits
        )
        return self._anew(ranking, hits)

    def _steps(self, asked: Query, hits: Sequence[Hit]) -> Generator[Hit, None, None]:
        reranking = self._reranking
        return rerank(
            asked, hits, reranking.judge, settings=reranking.settings, cache=reranking.cache
        )

    def _anew(self, ranking: Ranking, hits: Sequence[Hit]) -> Ranking:
        ordered = reordered(hits, weight=self._reranking.weight)
        first = tuple(self._gallery.ids[hit.photo.content_id] for hit in ordered)
        ids = (*first, *ranking.ids[len(first) :])
        places = {id_: place for place, id_ in enumerate(ids)}
        members = sorted(ranking.members, key=lambda one: places.get(one, len(ids)))
        return Ranking(ids, tuple(members))

    def _hits(self, ids: Iterable[str]) -> Iterator[Hit]:
        for rank, id_ in enumerate(ids, start=1):
            row = self._gallery.places[id_]
            photo = Photo(
                id=row,
                content_id=row,
                path=self._gallery.paths[row],
                sha256=self._gallery.sha256s[row],
                width=0,  # of no interest to a judge
                height=0,
                size_bytes=0,
                modified_ns=0,
                taken=None,
                format="",
            )
            yield Hit(rank=rank, retrieval_rank=rank, score=0.0, photo=photo)
