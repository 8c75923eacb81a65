"""Judging nine hits: one by one with a shared prefix, without it, and the seed article's way.

All three with the same random weights in the same run. The seed's way is that of the article
"Multimodal Semantic Search with Images and Text": a caption of the query picture, all hits on one
page, one ranked list, then reasons. A tiny model shows what the program itself costs, a medium one
what the ratios are where computing counts; the full size runs where a graphics card has room.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mmsearch_desktop.domain import Hit, Layout, Query, Score, Standing, Strategy
from mmsearch_desktop.models.device import Device, best_device, cpu, free_bytes
from mmsearch_desktop.search.judging import Judging
from mmsearch_desktop.search.rerank import rerank
from tests.benchmarks.random_judge import FULL, MEDIUM, TINY, random_judge
from tests.benchmarks.table import Row, median
from tests.fakes_judges import coloured_hits, noise, picture_to_ask_with

if TYPE_CHECKING:
    from PIL import Image

    from mmsearch_desktop.models.phi3_judge import Phi3Judge

HITS = coloured_hits(*["grey"] * 9)
QUERY = Query("phone case with this", picture_to_ask_with("red"))
POINTWISE = Judging()
SEED = Judging(Strategy.LISTWISE, layout=Layout.PAGE, caption=True)
_FIRST = 3  # verdicts, then the hits are reordered for the first time
_FULL_SIZE_BYTES = 14 * 10**9


def run() -> list[Row]:
    kinds = [("tiny", TINY, cpu(), torch.float32, 5), ("medium", MEDIUM, cpu(), torch.float32, 3)]
    card = best_device()
    if card.kind == "cuda" and (free_bytes(card) or 0) > _FULL_SIZE_BYTES:
        kinds.append(("full size", FULL, card, torch.bfloat16, 3))
    else:
        print("judging at full size needs a graphics card with room; left out", file=sys.stderr)
    rows = []
    for name, chosen, device, kind, runs in kinds:
        rows += _one_size(name, chosen, device, kind, runs)
    return rows


def _one_size(name: str, chosen: Any, device: Device, kind: torch.dtype, runs: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        judge = random_judge(Path(folder), chosen, device, kind)
        ways: dict[str, Callable[[], _Times]] = {
            "ours": lambda: _timed(judge, judge, POINTWISE),
            "unshared": lambda: _timed(
                judge, _Unshared(judge), dataclasses.replace(POINTWISE, words_tokens=0)
            ),
            "seed": lambda: _timed(judge, judge, SEED),
        }
        for settings in (POINTWISE, SEED):  # the first is slow: memory is asked for
            list(rerank(QUERY, HITS[:1], judge, settings=settings, pictures=_picture))
        times = [{way: measure() for way, measure in ways.items()} for _ in range(runs)]
        judge.unload()
    return _rows(name, *(_middle([one[way] for one in times]) for way in ways))


@dataclass(frozen=True)
class _Times:
    """Seconds from asking to the n-th verdict and to the end; writing, by the token."""

    first: float
    nine: float
    end: float
    tokens_a_second: float


def _middle(times: Sequence[_Times]) -> _Times:
    columns = zip(*(dataclasses.astuple(one) for one in times), strict=True)
    return _Times(*(median(column) for column in columns))


def _rows(size: str, ours: _Times, unshared: _Times, seed: _Times) -> list[Row]:
    return [
        _row(f"{size}: first reordering, three judged", ours.first, "seed's list", seed.first),
        _row(f"{size}: nine judged", ours.nine, "without a shared prefix", unshared.nine),
        _row(f"{size}: nine judged", ours.nine, "seed's list", seed.nine),
        _row(f"{size}: nine judged and explained", ours.end, "seed's list and reasons", seed.end),
        Row(
            f"{size}: writing",
            f"{ours.tokens_a_second:.1f} tokens/s",
            f"seed's {seed.tokens_a_second:.1f}",
            ours.tokens_a_second / seed.tokens_a_second,
            "higher",
        ),
    ]


def _row(name: str, ours: float, beside: str, theirs: float) -> Row:
    return Row(name, f"{ours:.2f} s", f"{beside} {theirs:.2f} s", ours / theirs, "lower")


def _timed(judge: Phi3Judge, asked: Any, settings: Judging) -> _Times:
    """`asked` judges, with no picture known to it from before."""
    judge.features.clear()
    counting = _Counting(asked)
    verdicts: dict[int, float] = {}
    began = time.perf_counter()
    for hit in rerank(QUERY, HITS, counting, settings=settings, pictures=_picture):
        if hit.verdict is not None and hit.verdict.standing is Standing.JUDGED:
            verdicts.setdefault(hit.retrieval_rank, time.perf_counter() - began)
    end = time.perf_counter() - began
    if len(verdicts) < len(HITS):
        raise RuntimeError(f"only {len(verdicts)} of {len(HITS)} hits were judged")
    came = sorted(verdicts.values())
    return _Times(came[_FIRST - 1], came[-1], end, counting.tokens_a_second)


def _picture(hit: Hit) -> Image.Image:
    return noise(hit.retrieval_rank, (640, 480))


class _Counting:
    """A judge that also tells how quickly it writes, once it has begun to."""

    def __init__(self, judge: Any) -> None:
        self._judge = judge
        self._tokens, self._seconds = 0, 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._judge, name)

    @property
    def tokens_a_second(self) -> float:
        return self._tokens / self._seconds if self._seconds else 0.0

    def write(self, *given: Any, **named: Any) -> Iterator[str]:
        return self._counted(self._judge.write(*given, **named))

    def rank(self, *given: Any, **named: Any) -> Iterator[str]:
        return self._counted(self._judge.rank(*given, **named))

    def _counted(self, pieces: Generator[str, None, None]) -> Generator[str, None, None]:
        """From the first text on; what comes before is reading."""
        last = None
        with closing(pieces):
            for piece in pieces:
                now = time.perf_counter()
                if last is not None:
                    self._tokens += 1
                    self._seconds += now - last
                if piece or last is not None:
                    last = now
                yield piece
                last = last and time.perf_counter()


class _Unshared:
    """The same judge, reading the whole request anew for every candidate."""

    def __init__(self, judge: Any) -> None:
        self._judge = judge
        self._request: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._judge, name)

    def preparing(self, *given: Any, **named: Any) -> Generator[None, None, Any]:
        self._request = (given, named)
        yield

    def checking(
        self, prepared: Any, *given: Any, **named: Any
    ) -> Generator[None, None, tuple[Score, ...]]:
        del prepared
        asked, how = self._request
        anew = yield from self._judge.preparing(*asked, **how)
        scores: tuple[Score, ...] = yield from self._judge.checking(anew, *given, **named)
        return scores
