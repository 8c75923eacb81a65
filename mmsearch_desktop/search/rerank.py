"""Judges the best hits of a query; a generator of the same hits with a growing verdict each.

`rerank` never orders anything: `order.reordered` does, from the verdicts that have come so far, and
is a permutation whatever they are. Closing the generator stops the judge within one short step.

One candidate at a time: what all candidates share is read once, each adds its picture and is asked
yes-or-no questions, whose logits are compared with those about a picture that shows nothing. So no
candidate can move the score of another (but see `near_ties`), and none can be lost.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from PIL import Image

from mmsearch_desktop.domain import (
    DeviceOutOfMemory,
    Hit,
    Judge,
    JudgeName,
    JudgingStopped,
    Query,
    Score,
    Standing,
    Strategy,
    UnreadablePhoto,
    Verdict,
)
from mmsearch_desktop.search import answers, listwise, near_ties, questions
from mmsearch_desktop.search.judging import (
    FAILURES,
    Clock,
    Job,
    Judging,
    Kept,
    Pictures,
    Recalled,
    Stopwatch,
    Wanted,
    as_asked,
    counted,
    given_up,
    next_of,
    picture_key,
    picture_of,
    query_key,
    query_picture,
    result_within,
    to_be_judged,
    why,
    with_verdict,
    with_words,
    within,
)

if TYPE_CHECKING:
    from mmsearch_desktop.library.judgements import Judgements

_log = logging.getLogger("mmsearch.judging")
_BLANK_COLOUR = (123, 117, 104)  # the mean that CLIP takes away: nearest to no picture at all
_BLANK_KEY = "blank-1"
_FAILURES_IN_A_ROW = 3  # then the judge is taken to be broken
_FIRST_STAGE = 3  # judged by a slow judge before it stops


def rerank(
    query: Query,
    hits: Sequence[Hit],
    judge: Judge,
    *,
    settings: Judging = Judging(),  # noqa: B008 - a frozen value
    pictures: Pictures = picture_of,
    cache: Judgements | None = None,
    wanted: Wanted | None = None,
    clock: Clock = time.monotonic,
) -> Generator[Hit, None, None]:
    """Yields a hit each time its verdict has changed: being judged, judged, its words growing.

    The very same object again says only that a short step was taken; between any two items the
    generator can be closed. First come the verdicts that `cache` holds, then the best hit, or the
    one that `wanted` names first (asked before each hit, on the thread that runs this); when all
    are judged, the model's words about each, in the same manner. Hits beyond `settings.depth` are
    not touched. A candidate that fails costs its own verdict only. JudgingStopped is raised, with
    a sentence for the person, after every remaining hit has been given up: when the judge is out
    of memory twice, fails time after time, cannot read the request, or is too slow.
    """
    chosen, asked = to_be_judged(hits, settings.depth), as_asked(query)
    who = JudgeName(judge.name, judge.revision, judge.prompt_version)
    watch = Stopwatch(clock)
    job = Job(asked, judge, settings, pictures, Kept(cache, asked, who), wanted, watch)
    listed = settings.strategy is Strategy.LISTWISE
    items = listwise.judged(job, chosen) if listed else _Pointwise(job).judged(chosen)
    return counted(items, watch)


def recalled(
    query: Query,
    hits: Sequence[Hit],
    who: JudgeName,
    *,
    settings: Judging = Judging(),  # noqa: B008 - a frozen value
    cache: Judgements | None = None,
) -> Recalled:
    """What `rerank` would yield of these hits without asking this judge anything."""
    chosen, asked = to_be_judged(hits, settings.depth), as_asked(query)
    kept = Kept(cache, asked, who)
    if settings.strategy is Strategy.LISTWISE:
        return listwise.recalled(kept, settings, chosen)
    known = _recalled(kept, settings, chosen)
    if known.unjudged or settings.near_ties == 0:
        return known
    compared, all_of_them = near_ties.recalled(
        kept, _rules(settings), known.hits, settings.near_ties
    )
    return dataclasses.replace(known, hits=tuple(compared), uncompared=not all_of_them)


def _recalled(kept: Kept, settings: Judging, hits: Sequence[Hit]) -> Recalled:
    sha256s = [hit.photo.sha256 for hit in hits]
    found = kept.find(sha256s, _rules(settings))
    written = kept.find(sha256s, _rules_of_words(settings)) if settings.words_tokens > 0 else {}
    known = [with_verdict(hit, found[sha]) for hit, sha in _by_sha256(hits) if sha in found]
    spoken = [
        with_words(hit, written[sha].words) if sha in written else hit
        for hit, sha in _by_sha256(known)
    ]
    wordless = [hit for hit, sha in _by_sha256(known) if sha not in written and _is_judged(hit)]
    return Recalled(
        hits=tuple(spoken),
        unjudged=tuple(hit for hit, sha in _by_sha256(hits) if sha not in found),
        wordless=tuple(wordless) if settings.words_tokens > 0 else (),
    )


def _by_sha256(hits: Sequence[Hit]) -> list[tuple[Hit, str]]:
    return [(hit, hit.photo.sha256) for hit in hits]


def _is_judged(hit: Hit) -> bool:
    return hit.verdict is not None and hit.verdict.standing is Standing.JUDGED


def _rules(settings: Judging) -> str:
    """Besides the request and the judge, what a verdict depends on."""
    return f"pointwise {settings.checks:d} {settings.against_neutral:d}"


def _rules_of_words(settings: Judging) -> str:
    return f"{_rules(settings)} words {settings.words_tokens}"


class _Pointwise:
    """One query's judging, one candidate at a time."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._query, self._judge, self._settings = job.query, job.judge, job.settings
        self._pictures, self._kept, self._clock = job.pictures, job.kept, job.clock
        words, with_picture = job.query.words, job.query.picture is not None
        parts = questions.checks(words, with_picture=with_picture) if job.settings.checks else ()
        self._questions = (questions.whole(words, with_picture=with_picture), *parts)
        self._request: _Request | None = None
        self._neutral: _Request | None = None

    # ----------------------------------------------------------------- all candidates

    def judged(self, hits: Sequence[Hit]) -> Generator[Hit, None, None]:
        known = _recalled(self._kept, self._settings, hits)
        yield from known.hits
        now = yield from self._judge_all(list(known.unjudged))
        settled = yield from self._compared([*known.hits, *now])
        if self._settings.words_tokens > 0:
            silent = {hit.photo.content_id for hit in (*known.wordless, *filter(_is_judged, now))}
            yield from self._write_all([hit for hit in settled if hit.photo.content_id in silent])

    def _compared(self, hits: Sequence[Hit]) -> Generator[Hit, None, Sequence[Hit]]:
        """The hits in retrieval order, nearly equal ones shown side by side."""
        found = sorted(hits, key=lambda hit: hit.retrieval_rank)
        steps = near_ties.compared(self._job, _rules(self._settings), found)
        with closing(steps):
            for hit in steps:
                found = [
                    hit if hit.photo.content_id == one.photo.content_id else one for one in found
                ]
                yield hit
        return found

    def _judge_all(self, waiting: list[Hit]) -> Generator[Hit, None, list[Hit]]:
        done: list[Hit] = []
        patience = _Patience(self._settings.first_seconds, self._clock)
        while waiting:
            hit = waiting[next_of(waiting, self._job.wanted)]
            try:
                judged = yield from self._judge_one(hit, patience)
            except JudgingStopped:
                yield from given_up(waiting, self._judge.name)
                raise
            waiting.remove(hit)
            done.append(judged)
            yield judged
        patience.at_the_end()
        return done

    def _judge_one(self, hit: Hit, patience: _Patience) -> Generator[Hit, None, Hit]:
        """The hit with its verdict; JudgingStopped where it is no use to go on."""
        patience.check()
        shown = with_verdict(hit, answers.being_judged(self._judge.name))
        yield shown
        try:
            verdict = yield from self._twice(shown)
        except JudgingStopped:
            raise
        except UnreadablePhoto as error:
            return with_verdict(hit, answers.failed(self._judge.name, why(error)))
        except FAILURES as error:
            reason = why(error)
            patience.failed(reason)
            return with_verdict(hit, answers.failed(self._judge.name, reason))
        patience.judged()
        self._kept.keep(hit.photo.sha256, verdict, _rules(self._settings))
        return with_verdict(hit, verdict)

    def _twice(self, hit: Hit) -> Generator[Hit, None, Verdict]:
        """Out of memory: once more with nothing else kept, then no more of this query."""
        try:
            return (yield from self._verdict(hit))
        except DeviceOutOfMemory as error:
            _log.warning("%s", error)
            self._request = self._neutral = None
        try:
            return (yield from self._verdict(hit))
        except DeviceOutOfMemory as error:
            raise JudgingStopped(f"Judging stopped: {error}") from error

    # ----------------------------------------------------------------- one candidate

    def _verdict(self, hit: Hit) -> Generator[Hit, None, Verdict]:
        picture = self._pictures(hit)
        if self._request is None:
            self._request = yield from self._prepared(hit, neutral=False)
        scores = yield from self._scores(hit, picture, self._request)
        own = yield from self._own_score(hit, picture)
        first = dataclasses.replace(scores[0], logit=scores[0].logit - own)
        found = map(answers.Answer, self._questions, (first, *scores[1:]), self._request.bases)
        return answers.verdict(tuple(found), self._judge.name)

    def _scores(
        self, hit: Hit, picture: Image.Image, request: _Request
    ) -> Generator[Hit, None, tuple[Score, ...]]:
        key = picture_key(hit.photo.sha256)
        asked = [questions.asked(one) for one in request.questions]
        steps = self._judge.checking(request.prepared, picture, key, asked)
        scores = yield from result_within(steps, hit, self._settings.part_seconds, self._clock)
        if len(scores) != len(asked):
            raise ValueError(f"{len(scores)} answers to {len(asked)} questions")
        return scores

    def _own_score(self, hit: Hit, picture: Image.Image) -> Generator[Hit, None, float]:
        """What this picture gets under a request that every photo satisfies, against no picture."""
        if not self._settings.against_neutral:
            return 0.0
        sha256 = hit.photo.sha256
        known = self._kept.find([sha256], "neutral", neutral=True).get(sha256)
        if known is not None and known.score is not None:
            return known.score
        if self._neutral is None:
            self._neutral = yield from self._prepared(hit, neutral=True)
        (score,) = yield from self._scores(hit, picture, self._neutral)
        own = answers.Answer(self._neutral.questions[0], score, self._neutral.bases[0]).logit
        if own is None:
            return 0.0
        verdict = Verdict(None, "", self._judge.name, Standing.JUDGED, own)
        self._kept.keep(sha256, verdict, "neutral", neutral=True)
        return own

    def _prepared(self, hit: Hit, *, neutral: bool) -> Generator[Hit, None, _Request]:
        """Read what all candidates share, and ask about a picture of nothing.

        What fails here would fail for every candidate: JudgingStopped.
        """
        asked = (questions.whole("", with_picture=False),) if neutral else self._questions
        try:
            steps = self._preparing(neutral=neutral, question=questions.asked(asked[0]))
            seconds = self._settings.first_seconds
            prepared = yield from result_within(steps, hit, seconds, self._clock)
        except DeviceOutOfMemory:
            raise
        except FAILURES as error:
            raise JudgingStopped(f"Judging stopped: {why(error)}") from error
        unscaled = _Request(prepared, asked, (None,) * len(asked))
        bases = yield from self._bases(hit, unscaled)
        return dataclasses.replace(unscaled, bases=bases)

    def _preparing(self, *, neutral: bool, question: str) -> Generator[None, None, Any]:
        lead_in = questions.LEAD_IN
        if neutral:
            words = questions.neutral_words()
            return self._judge.preparing(words, lead_in=lead_in, question=question)
        picture = query_picture(self._query)
        words = questions.request_words(self._query.words, with_picture=picture is not None)
        key = query_key(self._query)
        return self._judge.preparing(words, picture, key, lead_in=lead_in, question=question)

    def _bases(self, hit: Hit, request: _Request) -> Generator[Hit, None, tuple[Score | None, ...]]:
        blank = Image.new("RGB", (336, 336), _BLANK_COLOUR)
        asked = [questions.asked(one) for one in request.questions]
        try:
            steps = self._judge.checking(request.prepared, blank, _BLANK_KEY, asked)
            bases = yield from result_within(steps, hit, self._settings.part_seconds, self._clock)
        except DeviceOutOfMemory:
            raise
        except FAILURES as error:  # costs the zero of the scale; the order is the same without
            _log.warning("no calibration: %s", why(error))
            return request.bases
        return bases if len(bases) == len(asked) else request.bases

    # ----------------------------------------------------------------- the model's words

    def _write_all(self, waiting: list[Hit]) -> Iterator[Hit]:
        failed_in_a_row = 0
        while waiting and failed_in_a_row < _FAILURES_IN_A_ROW:
            hit = waiting.pop(next_of(waiting, self._job.wanted))
            try:
                written = yield from self._write_one(hit)
            except FAILURES as error:  # the verdict stands without words
                _log.warning("no words about %s: %s", hit.photo.path, why(error))
                if isinstance(error, DeviceOutOfMemory | JudgingStopped):
                    return
                failed_in_a_row += not isinstance(error, UnreadablePhoto)
                continue
            failed_in_a_row = 0
            if written.verdict is not None:
                rules = _rules_of_words(self._settings)
                self._kept.keep(hit.photo.sha256, written.verdict, rules)

    def _write_one(self, hit: Hit) -> Generator[Hit, None, Hit]:
        """The hit with all that the model wrote; yields it as the text grows."""
        checks = () if hit.verdict is None else hit.verdict.checks
        picture = self._pictures(hit)
        if self._request is None:
            self._request = yield from self._prepared(hit, neutral=False)
        pieces = self._judge.write(
            self._request.prepared,
            picture,
            picture_key(hit.photo.sha256),
            questions.words_instruction(checks),
            self._settings.words_tokens,
        )
        text, shown = "", hit
        with closing(within(pieces, self._settings.part_seconds, self._clock)) as steps:
            for piece in steps:
                text += piece
                shown = with_words(shown, answers.plain(text))
                yield shown
                if len(text) > 4 * answers.MOST_WORDS_CHARACTERS:
                    break
        shown = with_words(shown, answers.ended(answers.plain(text)))
        yield shown
        return shown


@dataclasses.dataclass(frozen=True, slots=True)
class _Request:
    """A request as the judge has read it, its questions, and how they are answered of nothing."""

    prepared: Any  # the judge's own
    questions: tuple[questions.Question, ...]
    bases: tuple[Score | None, ...]


class _Patience:
    """When it is no use to go on with a judge. Raises JudgingStopped saying why."""

    def __init__(self, first_seconds: float, clock: Clock) -> None:
        self._first_seconds = first_seconds
        self._clock = clock
        self._began = clock()
        self._first_took: float | None = None
        self._judged = 0
        self._failed_in_a_row = 0
        self._reason = ""

    def judged(self) -> None:
        self._failed_in_a_row = 0
        self._judged += 1
        if self._first_took is None:
            self._first_took = self._clock() - self._began

    def failed(self, reason: str) -> None:
        self._failed_in_a_row += 1
        self._reason = reason

    def check(self) -> None:
        """Before each candidate."""
        if self._failed_in_a_row >= _FAILURES_IN_A_ROW:
            raise JudgingStopped(f"Judging stopped: {self._reason}")
        slow = self._first_took is not None and self._first_took > self._first_seconds
        if slow and self._judged >= _FIRST_STAGE:
            raise JudgingStopped(
                f"Judging stopped after {self._judged} photos: the first took "
                f"{self._first_took:.0f} s. Choose a smaller judge, or judge fewer photos."
            )

    def at_the_end(self) -> None:
        if self._failed_in_a_row and not self._judged:
            raise JudgingStopped(f"Nothing was judged: {self._reason}")
