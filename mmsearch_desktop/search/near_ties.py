"""Two hits that a judge finds nearly alike, shown to it side by side, in both orders.

The pairwise step of the checks-then-comparison rankers (ImageScope): where both answers name the
same hit it goes first; where they contradict each other, the judge went by the place and nothing
changes. This is the one way in which a photo can move the score of another: only where it is asked
for, only between neighbours, and by no more than `NEAR`.
"""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Generator, Iterator, Sequence

from mmsearch_desktop.domain import DeviceOutOfMemory, Hit, Standing, Verdict
from mmsearch_desktop.search import answers
from mmsearch_desktop.search.judging import FAILURES, Job, Kept, why, with_verdict
from mmsearch_desktop.search.listwise import Listing, Member

NEAR = 0.25  # of the log of the odds: 50 % beside 56 %
_MOST_NAME_CHARACTERS = 60
_log = logging.getLogger("mmsearch.judging")

Pair = tuple[Hit, Hit]  # the one with the better score first


def pairs(hits: Sequence[Hit], most: int) -> list[Pair]:
    """Neighbours in the judge's order that are nearly alike, from the top, no hit twice."""
    best = sorted(filter(_has_score, hits), key=lambda hit: (-_score_of(hit), hit.retrieval_rank))
    found: list[Pair] = []
    place = 0
    while place + 1 < len(best) and len(found) < most:
        one, other = best[place], best[place + 1]
        alike = _score_of(one) - _score_of(other) < NEAR
        if alike:
            found.append((one, other))
        place += 2 if alike else 1
    return found


def compared(job: Job, rules: str, hits: Sequence[Hit]) -> Generator[Hit, None, None]:
    """Yields those hits whose verdicts change, and a hit as it is after each step.

    What fails here leaves the scores as they are.
    """
    for pair in pairs(hits, job.settings.near_ties):
        try:
            changed = yield from _settled(job, rules, pair)
        except FAILURES as error:
            _log.warning("two hits could not be compared: %s", why(error))
            if isinstance(error, DeviceOutOfMemory):
                return
            continue
        yield from changed


def recalled(kept: Kept, rules: str, hits: Sequence[Hit], most: int) -> tuple[list[Hit], bool]:
    """The hits as earlier comparisons left them, and whether all were made."""
    changed: dict[int, Hit] = {}
    complete = True
    for pair in pairs(hits, most):
        better = _found(kept, rules, pair)
        complete = complete and better is not None
        changed |= {hit.photo.content_id: hit for hit in _with_outcome(pair, better or 0)}
    return [changed.get(hit.photo.content_id, hit) for hit in hits], complete


def _settled(job: Job, rules: str, pair: Pair) -> Generator[Hit, None, Sequence[Hit]]:
    better = _found(job.kept, rules, pair)
    if better is None:
        better = yield from _compare(job, pair)
        verdict = Verdict(None, "", job.judge.name, Standing.JUDGED, float(better))
        job.kept.keep(pair[0].photo.sha256, verdict, _beside(rules, pair))
    return _with_outcome(pair, better)


def _compare(job: Job, pair: Pair) -> Generator[Hit, None, int]:
    """Which of the two, 1 or 2, is named first in both orders; 0 for neither."""
    listing = Listing(job)
    first, second = (Member(hit, job.pictures(hit)) for hit in pair)
    forth = yield from listing.order_of([first, second])
    back = yield from listing.order_of([second, first])
    if (forth[:1], back[:1]) == ((1,), (2,)):
        return 1
    return 2 if (forth[:1], back[:1]) == ((2,), (1,)) else 0


def _found(kept: Kept, rules: str, pair: Pair) -> int | None:
    sha256 = pair[0].photo.sha256
    known = kept.find([sha256], _beside(rules, pair)).get(sha256)
    return None if known is None or known.score is None else int(known.score)


def _beside(rules: str, pair: Pair) -> str:
    return f"{rules} beside {pair[1].photo.sha256}"


def _with_outcome(pair: Pair, better: int) -> tuple[Hit, ...]:
    """Both with what was found; the better one has the better score. None where it is 0."""
    if better == 0:
        return ()
    high, low = (_score_of(hit) for hit in pair)
    if high == low:
        low = math.nextafter(low, -math.inf)
    winner, loser = pair if better == 1 else pair[::-1]
    return tuple(_told(winner, loser, high, "better")) + tuple(_told(loser, winner, low, "worse"))


def _told(hit: Hit, other: Hit, score: float, outcome: str) -> Iterator[Hit]:
    if hit.verdict is not None:
        name = answers.plain(other.photo.path.name, _MOST_NAME_CHARACTERS)
        rationale = f"{hit.verdict.rationale} / side by side with “{name}”: {outcome}"
        yield with_verdict(hit, dataclasses.replace(hit.verdict, score=score, rationale=rationale))


def _has_score(hit: Hit) -> bool:
    judged = hit.verdict is not None and hit.verdict.standing is Standing.JUDGED
    return judged and math.isfinite(_score_of(hit))


def _score_of(hit: Hit) -> float:
    score = None if hit.verdict is None else hit.verdict.score
    return -math.inf if score is None else score
