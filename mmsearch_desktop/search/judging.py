"""What both ways of judging share: how far to go, which pictures, how long, what went wrong before.

See `search.rerank` for the whole.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from mmsearch_desktop.domain import (
    Hit,
    Judge,
    JudgeName,
    Layout,
    LibraryProblem,
    MmsearchError,
    Mode,
    Preparation,
    Query,
    Standing,
    Strategy,
    UnreadablePhoto,
    Verdict,
)
from mmsearch_desktop.library.decode import read_file
from mmsearch_desktop.library.decoders import decode_apart
from mmsearch_desktop.library.judgements import Asked, Judgements
from mmsearch_desktop.search.answers import failed
from mmsearch_desktop.search.query import decoded
from mmsearch_desktop.search.questions import WORDING_VERSION

if TYPE_CHECKING:
    from PIL import Image

T = TypeVar("T")
R = TypeVar("R")
Pictures = Callable[[Hit], "Image.Image"]  # raises UnreadablePhoto
Wanted = Callable[[], Sequence[int]]  # contents that the person looks at now, most wanted first
Clock = Callable[[], float]  # seconds

MOST_DEPTH = 50
_SIDE_PIXELS = 336  # of the square that a judge sees of a picture
_log = logging.getLogger("mmsearch.judging")

# What one candidate may fail with without costing the others their verdicts: our own errors, and
# what torch, Pillow and tokenizers raise. Logged with their trace where they are not ours.
FAILURES = (
    MmsearchError,
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    OSError,
    MemoryError,
    AssertionError,
)


@dataclass(frozen=True, slots=True)
class Judging:
    """How far and by what rules hits are judged."""

    strategy: Strategy = Strategy.POINTWISE
    depth: int = 9  # how many of the best hits, 1 to 50
    checks: bool = True  # pointwise: also ask about the parts of the request
    against_neutral: bool = False  # pointwise: take away what a picture gets whatever is asked
    near_ties: int = 0  # pointwise: so many pairs of nearly equal hits are shown side by side
    words_tokens: int = 40  # of the model's own text about one hit; 0: none
    layout: Layout = Layout.SEPARATE  # listwise
    caption: bool = False  # listwise: first have the query picture described in words
    runs: int = 1  # listwise: over the hits in so many orders; the places are averaged
    part_seconds: float = 60.0  # a hit whose judgement takes longer keeps its place
    first_seconds: float = 120.0  # a judge whose first verdict takes longer stops after a few


@dataclass(frozen=True, slots=True)
class Job:
    """One query's judging: what is asked, of whom, and by what rules."""

    query: Query
    judge: Judge
    settings: Judging
    pictures: Pictures
    kept: Kept
    wanted: Wanted | None
    clock: Clock


class Stopwatch:
    """A clock that stands still while nobody works: a pause is not slowness."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counted = 0.0
        self._since: float | None = None

    def __call__(self) -> float:
        running = 0.0 if self._since is None else self._clock() - self._since
        return self._counted + running

    def start(self) -> None:
        self._since = self._clock()

    def stop(self) -> None:
        self._counted = self()
        self._since = None


def counted(items: Generator[T, None, None], watch: Stopwatch) -> Generator[T, None, None]:
    """The same items; the watch runs while one is being made, and not between them."""
    with closing(items):
        while True:
            watch.start()
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                watch.stop()
            yield item


class TooSlow(MmsearchError):
    """A part of judging took longer than it may."""


def within(steps: Iterator[T], seconds: float, clock: Clock) -> Generator[T, None, None]:
    """The same steps, closed at the first one that is over the time. TooSlow then."""
    end = clock() + seconds
    try:
        for step in steps:
            yield step
            if clock() > end:
                raise TooSlow(f"it took longer than {seconds:.0f} s")
    finally:
        if isinstance(steps, Generator):
            steps.close()


def result_within(
    steps: Generator[None, None, R], hit: Hit, seconds: float, clock: Clock
) -> Generator[Hit, None, R]:
    """What the steps return; yields `hit` after each. TooSlow as in `within`."""
    found: list[R] = []

    def stepping() -> Generator[None, None, None]:
        found.append((yield from steps))

    with closing(within(stepping(), seconds, clock)) as timed:
        for _ in timed:
            yield hit
    return found[0]


def why(error: Exception) -> str:
    """A failure in a few words for the person; one that is not ours goes to the log whole."""
    if isinstance(error, UnreadablePhoto):
        return f"the photo cannot be read ({error.reason.rstrip('.')})"
    if isinstance(error, MmsearchError):
        return str(error)
    _log.error("judging failed", exc_info=error)
    return f"the judge failed ({type(error).__name__})"


# --------------------------------------------------------------------------- pictures


def picture_of(hit: Hit) -> Image.Image:
    """The photo of a hit as a judge sees it, from its file or that of a copy.

    UnreadablePhoto, also where the file has changed since it was indexed.
    """
    last: UnreadablePhoto | None = None
    for path in (hit.photo.path, *hit.copies):
        try:
            data = read_file(path)
            if hashlib.sha256(data).hexdigest() != hit.photo.sha256:
                raise UnreadablePhoto(path, "it has changed since it was indexed")
            photo = decode_apart(data, path, Preparation.APP, model_side_pixels=_SIDE_PIXELS)
        except UnreadablePhoto as error:
            last = last or error
        else:
            return photo.picture
    raise last or UnreadablePhoto(hit.photo.path, "it cannot be read")


def as_asked(query: Query) -> Query:
    """Without the part that its mode leaves out: a hit is judged by what it was found with."""
    if query.mode is Mode.TEXT and query.words.strip():
        return dataclasses.replace(query, picture=None)
    if query.mode is Mode.PICTURE and query.picture is not None:
        return dataclasses.replace(query, words="")
    return query


def query_picture(query: Query) -> Image.Image | None:
    """QueryProblem where it shows nothing."""
    if query.picture is None:
        return None
    return decoded(query.picture, Preparation.APP, model_side_pixels=_SIDE_PIXELS)


def query_key(query: Query) -> str | None:
    return None if query.picture is None else picture_key(query.picture.sha256)


def picture_key(sha256: str) -> str:
    """Names a picture as `picture_of` and `query_picture` make it."""
    return f"{sha256}-{Preparation.APP}-{_SIDE_PIXELS}"


# --------------------------------------------------------------------------- hits


def with_verdict(hit: Hit, verdict: Verdict) -> Hit:
    return dataclasses.replace(hit, verdict=verdict)


def with_words(hit: Hit, words: str) -> Hit:
    """The very same object where these are its words already."""
    if hit.verdict is None or hit.verdict.words == words:
        return hit
    return with_verdict(hit, dataclasses.replace(hit.verdict, words=words))


def given_up(hits: Sequence[Hit], judge: str) -> Iterator[Hit]:
    for hit in hits:
        yield with_verdict(hit, failed(judge, "judging stopped before"))


def to_be_judged(hits: Sequence[Hit], depth: int) -> list[Hit]:
    """The best hits by retrieval, each content once."""
    ordered = sorted(hits, key=lambda hit: hit.retrieval_rank)
    first = ordered[: max(0, min(depth, MOST_DEPTH))]
    return list({hit.photo.content_id: hit for hit in reversed(first)}.values())[::-1]


def next_of(hits: Sequence[Hit], wanted: Wanted | None) -> int:
    """Which of the hits comes next: the one most wanted, else the first."""
    if wanted is None:
        return 0
    places = {content_id: place for place, content_id in reversed(list(enumerate(wanted())))}
    far = len(places) + len(hits)
    return min(range(len(hits)), key=lambda one: (places.get(hits[one].photo.content_id, far), one))


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is known of hits from earlier judging of the same request by the same judge."""

    hits: tuple[Hit, ...]  # with their verdicts, and with words where those were kept
    unjudged: tuple[Hit, ...]
    wordless: tuple[Hit, ...] = ()  # of `hits`, those whose words are still to be written
    uncompared: bool = False  # of `hits`, some are still to be shown side by side

    @property
    def complete(self) -> bool:
        """Whether nothing is left for the judge, who then need not be opened."""
        return not (self.unjudged or self.wordless or self.uncompared)


class Kept:
    """Verdicts of earlier times about the same request; does nothing where there is no cache."""

    def __init__(self, cache: Judgements | None, query: Query, who: JudgeName) -> None:
        self._cache = cache
        self._query = query
        self._who = who

    def find(
        self, sha256s: Sequence[str], rules: str, *, neutral: bool = False
    ) -> dict[str, Verdict]:
        """By the candidate's sha256. `rules` names all else that a verdict depends on."""
        if self._cache is None:
            return {}
        try:
            return self._cache.find(self._asked(rules, neutral=neutral), sha256s)
        except LibraryProblem as error:
            _log.warning("kept judgements cannot be read: %s", error)
            return {}

    def keep(self, sha256: str, verdict: Verdict, rules: str, *, neutral: bool = False) -> None:
        if self._cache is None or verdict.standing not in (Standing.JUDGED, Standing.UNSURE):
            return
        try:
            self._cache.keep(self._asked(rules, neutral=neutral), sha256, verdict)
        except LibraryProblem as error:  # a full disk costs the keeping, not the judging
            _log.warning("a judgement cannot be kept: %s", error)

    def _asked(self, rules: str, *, neutral: bool) -> Asked:
        picture = None if neutral or self._query.picture is None else self._query.picture.sha256
        return Asked(
            words="" if neutral else " ".join(self._query.words.split()),
            picture_sha256=picture,
            judge=self._who.name,
            revision=self._who.revision,
            prompt_version=f"{WORDING_VERSION}.{self._who.prompt_version} {rules}",
        )
