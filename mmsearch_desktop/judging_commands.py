"""Judging without a window: `search --rerank N`, and `judge` for pictures that are no library's.

Torch is imported when a judge is opened, and not before the command is known to make sense.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import hashlib
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch_desktop import settings
from mmsearch_desktop.domain import (
    Hit,
    Judge,
    JudgingStopped,
    Photo,
    Progress,
    Query,
    Results,
    Stage,
    Standing,
    Strategy,
    UnreadablePhoto,
)
from mmsearch_desktop.terminal import busy, put, put_json, safe, tell, watched

if TYPE_CHECKING:
    from mmsearch_desktop.library.judgements import Judgements
    from mmsearch_desktop.search.judging import Judging

_JUDGE_ALONE = 1e9  # a weight against which the order given counts for nothing
_WORDS_TOKENS = 40
_KEPT = "What was judged so far is kept; the same command goes on from there."


def check_judge(options: argparse.Namespace) -> None:
    """Raise WeightsMissing, WeightsDamaged or ModelProblem, the last also where it does not fit.

    To be called before anything slow is done for nothing.
    """
    from mmsearch_desktop.models.judge_offers import place_of, plan_of

    place_of(_choice(options), settings.models_folder())
    with busy("Looking at the judge"):  # imports torch
        plan_of(_choice(options), models_folder=settings.models_folder())


def reranked(results: Results, options: argparse.Namespace, cache: Judgements) -> Results:
    """The first hits judged and all in their new order.

    From here on, what a stopped command says of itself is that it kept what was judged.
    """
    options.kept = _KEPT
    judging = judging_of(options, options.rerank)
    hits = _judged(results.query, results.hits, judging, options, cache)
    return dataclasses.replace(results, hits=_ordered(hits, options.weight))


def judge(query: Query, options: argparse.Namespace) -> int:
    """Judge the files given, and put out the best first."""
    check_judge(options)
    candidates = [_candidate(place, path) for place, path in enumerate(options.candidates, start=1)]
    hits = [hit for hit in candidates if hit is not None]
    judging = judging_of(options, len(hits))
    _tell_if_too_many(len(hits))
    if hits:
        hits = list(_ordered(_judged(query, hits, judging, options, None), _JUDGE_ALONE))
    if options.json:
        put_json({"hits": [_candidate_json(hit) for hit in hits]})
    else:
        for hit in hits:
            put(f"{hit.rank:>4}  {_sure(hit):>4}  {safe(hit.photo.path)}")
            put_judgement(hit)
    done = [hit for hit in hits if hit.verdict and hit.verdict.standing is Standing.JUDGED]
    return 0 if done else 1


def put_judgement(hit: Hit) -> None:
    """Below a hit: why it stands there, and what the model said of it."""
    if hit.verdict is None:
        return
    moved = "" if hit.rank == hit.retrieval_rank else f"(was {hit.retrieval_rank}) "
    put(f"{'':12}{moved}{_spelled(hit.verdict.rationale)}")
    if hit.verdict.words:
        put(f"{'':12}the model's words: {_spelled(hit.verdict.words)}")


def _spelled(text: str) -> str:
    """Letters that the terminal does not have are written as their numbers."""
    encoding = sys.stdout.encoding or "utf-8"
    return safe(text).encode(encoding, "backslashreplace").decode(encoding)


def judgement_json(hit: Hit) -> dict[str, object]:
    """What judging adds to a hit."""
    verdict = hit.verdict
    if verdict is None:
        return {"retrieval_rank": hit.retrieval_rank, "judgement": None, "rationale": ""}
    judgement = {
        "judge": verdict.judge,
        "standing": str(verdict.standing),
        "probability": verdict.probability,
        "checks": [dataclasses.asdict(check) for check in verdict.checks],
        "words": verdict.words,
    }
    return {
        "retrieval_rank": hit.retrieval_rank,
        "judgement": judgement,
        "rationale": verdict.rationale,
    }


def _candidate_json(hit: Hit) -> dict[str, object]:
    return {"rank": hit.rank, "path": str(hit.photo.path)} | judgement_json(hit)


def _sure(hit: Hit) -> str:
    probability = hit.verdict.probability if hit.verdict is not None else None
    return "" if probability is None else f"{100 * probability:.0f} %"


def judging_of(options: argparse.Namespace, depth: int) -> Judging:
    """How the options want the best `depth` to be judged."""
    from mmsearch_desktop.search.judging import Judging

    writes = options.words or options.strategy is Strategy.LISTWISE
    return Judging(
        strategy=options.strategy,
        depth=depth,
        layout=options.layout,
        caption=options.caption,
        near_ties=options.near_ties,
        words_tokens=_WORDS_TOKENS if writes else 0,
    )


def _judged(
    query: Query,
    hits: Sequence[Hit],
    judging: Judging,
    options: argparse.Namespace,
    cache: Judgements | None,
) -> tuple[Hit, ...]:
    following = _Following(hits)
    if following.recall(query, options, judging, cache):
        return following.hits
    with (
        opened_judge(options) as judge,
        contextlib.closing(following.progress(query, judge, judging, cache)) as steps,
    ):
        try:
            watched(steps, "photos")
        except JudgingStopped as stop:
            tell(str(stop))
    return following.hits


class _Following:
    """The hits as they are judged."""

    def __init__(self, hits: Sequence[Hit]) -> None:
        self.hits = tuple(hits)
        self._through: set[int] = set()  # contents that are judged, or will not be
        self._spoken_of: set[int] = set()  # of them, those that the model's words are about
        self._recalled = 0

    def recall(
        self,
        query: Query,
        options: argparse.Namespace,
        judging: Judging,
        cache: Judgements | None,
    ) -> bool:
        """Take over what is known already; whether that is all, so that no judge is needed."""
        from mmsearch_desktop.models.judge_offers import name_of
        from mmsearch_desktop.search.rerank import recalled

        if cache is None:
            return False
        who = name_of(_choice(options), models_folder=settings.models_folder())
        known = recalled(query, self.hits, who, settings=judging, cache=cache)
        for hit in known.hits:
            self._take(hit)
        self._recalled = len(self._through)
        return known.complete

    def progress(
        self, query: Query, judge: Judge, judging: Judging, cache: Judgements | None
    ) -> Generator[Progress, None, None]:
        from mmsearch_desktop.search.rerank import rerank

        total, began = min(judging.depth, len(self.hits)), time.monotonic()
        with contextlib.closing(
            rerank(query, self.hits, judge, settings=judging, cache=cache)
        ) as steps:
            for hit in steps:
                self._take(hit)
                if len(self._through) == total and judging.words_tokens > 0:
                    yield Progress(Stage.WRITING, len(self._spoken_of), total)
                    continue
                left = self._seconds_left(total, time.monotonic() - began)
                yield Progress(Stage.JUDGING, len(self._through), total, seconds_left=left)

    def _take(self, hit: Hit) -> None:
        from mmsearch_desktop.search.order import updated

        self.hits = updated(self.hits, hit)
        if hit.verdict is not None and hit.verdict.standing is not Standing.JUDGING:
            self._through.add(hit.photo.content_id)
            if hit.verdict.words:
                self._spoken_of.add(hit.photo.content_id)

    def _seconds_left(self, total: int, seconds: float) -> float | None:
        """None before the first is through, and when all are."""
        done, left = len(self._through) - self._recalled, total - len(self._through)
        return seconds / done * left if done > 0 and left > 0 else None


def _ordered(hits: Sequence[Hit], weight: float) -> tuple[Hit, ...]:
    from mmsearch_desktop.search.order import reordered

    return reordered(hits, weight=weight)


@contextlib.contextmanager
def opened_judge(options: argparse.Namespace) -> Iterator[Judge]:
    """The judge chosen, for as long as the context lasts."""
    from mmsearch_desktop.models.judge_offers import open_judge, plan_of

    choice, models_folder = _choice(options), settings.models_folder()
    plan = plan_of(choice, models_folder=models_folder)
    with busy("Opening the judge"):
        judge = open_judge(choice, models_folder=models_folder)
    tell(f"{judge.name}: {plan.sentence}")
    try:
        yield judge
    finally:
        judge.unload()


def _choice(options: argparse.Namespace) -> str:
    chosen: str = options.judge or settings.load().judge
    return chosen


def _tell_if_too_many(count: int) -> None:
    from mmsearch_desktop.search.judging import MOST_DEPTH

    if count > MOST_DEPTH:
        tell(f"Only the first {MOST_DEPTH} of {count} photos are judged. Give fewer at once.")


def _candidate(place: int, path: Path) -> Hit | None:
    """A file as a hit at its place; told and left out where it cannot be read."""
    from mmsearch_desktop.library.decode import read_file

    try:
        data = read_file(path)
    except UnreadablePhoto as error:
        tell(str(error))
        return None
    photo = Photo(
        id=place,
        content_id=place,
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
        width=0,  # of no interest here
        height=0,
        size_bytes=len(data),
        modified_ns=0,
        taken=None,
        format="",
    )
    return Hit(rank=place, retrieval_rank=place, score=0.0, photo=photo)
