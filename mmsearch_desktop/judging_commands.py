"""Judging without a window: `search --rerank N`, and `judge` for pictures that are no library's.

Torch is imported when a judge is opened, and not before the command is known to make sense.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import hashlib
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


def check_judge(options: argparse.Namespace) -> None:
    """Raise WeightsMissing or ModelProblem before anything slow is done for nothing."""
    from mmsearch_desktop.models.judge_offers import place_of

    place_of(_choice(options), settings.models_folder())


def reranked(results: Results, options: argparse.Namespace, cache: Judgements) -> Results:
    """The first hits judged and all in their new order."""
    judging = _judging(options, options.rerank)
    hits = _judged(results.query, results.hits, judging, options, cache)
    return dataclasses.replace(results, hits=_ordered(hits, options.weight))


def judge(query: Query, options: argparse.Namespace) -> int:
    """Judge the files given, and put out the best first."""
    check_judge(options)
    candidates = [_candidate(place, path) for place, path in enumerate(options.candidates, start=1)]
    hits = [hit for hit in candidates if hit is not None]
    judging = _judging(options, len(hits))
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
    put(f"{'':12}{safe(hit.verdict.rationale)}")
    if hit.verdict.words:
        put(f"{'':12}the model's words: {safe(hit.verdict.words)}")


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


def _judging(options: argparse.Namespace, depth: int) -> Judging:
    from mmsearch_desktop.search.judging import Judging

    writes = options.words or options.strategy is Strategy.LISTWISE
    return Judging(
        strategy=options.strategy,
        depth=depth,
        layout=options.layout,
        caption=options.caption,
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
    with (
        _opened(options) as judge,
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

    def progress(
        self, query: Query, judge: Judge, judging: Judging, cache: Judgements | None
    ) -> Generator[Progress, None, None]:
        from mmsearch_desktop.search.order import updated
        from mmsearch_desktop.search.rerank import rerank

        total, through = min(judging.depth, len(self.hits)), set()
        with contextlib.closing(
            rerank(query, self.hits, judge, settings=judging, cache=cache)
        ) as steps:
            for hit in steps:
                self.hits = updated(self.hits, hit)
                if hit.verdict is not None and hit.verdict.standing is not Standing.JUDGING:
                    through.add(hit.photo.content_id)
                yield Progress(Stage.JUDGING, len(through), total)


def _ordered(hits: Sequence[Hit], weight: float) -> tuple[Hit, ...]:
    from mmsearch_desktop.search.order import reordered

    return reordered(hits, weight=weight)


@contextlib.contextmanager
def _opened(options: argparse.Namespace) -> Iterator[Judge]:
    from mmsearch_desktop.models.judge_offers import open_judge

    with busy("Opening the judge"):
        judge = open_judge(_choice(options), models_folder=settings.models_folder())
    try:
        yield judge
    finally:
        judge.unload()


def _choice(options: argparse.Namespace) -> str:
    from mmsearch_desktop.models.judge_offers import JUDGES

    return options.judge or JUDGES[0].name


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
