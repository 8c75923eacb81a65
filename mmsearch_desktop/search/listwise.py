"""Judging as in the article "Multimodal Semantic Search with Images and Text": one list, reasons.

The model is shown nine hits at once, as pictures of their own or on one numbered page, and writes
"Ranked list: [7, 8, …]" and "Reasons:". Kept for comparison: one photo can move all others, the
order in which they are shown matters, and the reasons need not be true. Hits beyond the ninth are
judged in further groups of nine and stay behind those before them.
"""

from __future__ import annotations

import hashlib
import logging
import random
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmsearch_desktop.domain import (
    DeviceOutOfMemory,
    Hit,
    JudgingStopped,
    Layout,
    Shown,
    Standing,
    UnreadablePhoto,
    Verdict,
)
from mmsearch_desktop.search import answers, composite, questions, ranked_text
from mmsearch_desktop.search.judging import (
    FAILURES,
    Job,
    Judging,
    Kept,
    Recalled,
    given_up,
    picture_key,
    query_key,
    query_picture,
    why,
    with_verdict,
    with_words,
    within,
)

if TYPE_CHECKING:
    from PIL import Image

GROUP = composite.CELLS
_LIST_TOKENS = 20  # around the numbers; each number takes at most four with its comma
_CAPTION_TOKENS = 60
_MOST_CHARACTERS = 6000  # of one answer
_log = logging.getLogger("mmsearch.judging")


def judged(job: Job, hits: Sequence[Hit]) -> Generator[Hit, None, None]:
    """What `rerank` yields, for hits in retrieval order; JudgingStopped as there."""
    listing = Listing(job)
    known = {hit.photo.sha256: hit for hit in recalled(job.kept, job.settings, hits).hits}
    for start in range(0, len(hits), GROUP):
        group = hits[start : start + GROUP]
        if group[0].photo.sha256 in known:
            yield from (known[hit.photo.sha256] for hit in group)
            continue
        try:
            yield from listing.group(group, start)
        except JudgingStopped:
            yield from given_up(hits[start:], job.judge.name)
            raise


def recalled(kept: Kept, settings: Judging, hits: Sequence[Hit]) -> Recalled:
    """A list is known as a whole or not at all."""
    known: list[Hit] = []
    unjudged: list[Hit] = []
    for start in range(0, len(hits), GROUP):
        group = hits[start : start + GROUP]
        found = kept.find([hit.photo.sha256 for hit in group], _rules(settings, group, start))
        if len(found) == len(group):
            known += [with_verdict(hit, found[hit.photo.sha256]) for hit in group]
        else:
            unjudged += group
    return Recalled(tuple(known), tuple(unjudged))


def _rules(settings: Judging, hits: Sequence[Hit], start: int) -> str:
    """A verdict depends on all hits of the list and on their order."""
    listed = hashlib.sha256("".join(hit.photo.sha256 for hit in hits).encode()).hexdigest()
    return (
        f"listwise {start} {listed} {settings.layout} {settings.caption:d} {settings.runs} "
        f"{settings.words_tokens}"
    )


@dataclass(frozen=True, slots=True)
class Member:
    hit: Hit
    picture: Image.Image


class Listing:
    """One query's judging, a group of hits at a time."""

    def __init__(self, job: Job) -> None:
        self._query, self._judge, self._settings = job.query, job.judge, job.settings
        self._pictures, self._kept, self._clock = job.pictures, job.kept, job.clock
        self._caption: str | None = None

    def group(self, hits: Sequence[Hit], start: int) -> Iterator[Hit]:
        """Judges them as one list; `start` are judged before them."""
        members = yield from self._readable(hits)
        if not members:
            return
        try:
            ranked = yield from self._twice(members, start)
        except JudgingStopped:
            raise
        except FAILURES as error:
            raise JudgingStopped(f"Judging stopped: {why(error)}") from error
        for hit in ranked:
            if hit.verdict is not None:
                rules = _rules(self._settings, hits, start)
                self._kept.keep(hit.photo.sha256, hit.verdict, rules)

    def _readable(self, hits: Sequence[Hit]) -> Generator[Hit, None, list[Member]]:
        members = []
        for hit in hits:
            shown = with_verdict(hit, answers.being_judged(self._judge.name))
            yield shown
            try:
                members.append(Member(shown, self._pictures(hit)))
            except UnreadablePhoto as error:
                yield with_verdict(hit, answers.failed(self._judge.name, why(error)))
        return members

    def _twice(self, members: Sequence[Member], start: int) -> Generator[Hit, None, list[Hit]]:
        try:
            return (yield from self._ranked(members, start))
        except DeviceOutOfMemory as error:
            _log.warning("%s", error)
        try:
            return (yield from self._ranked(members, start))
        except DeviceOutOfMemory as error:
            raise JudgingStopped(f"Judging stopped: {error}") from error

    # ----------------------------------------------------------------- one list

    def _ranked(self, members: Sequence[Member], start: int) -> Generator[Hit, None, list[Hit]]:
        """The members with their verdicts; yields them when the list is there, and as it grows."""
        if self._caption is None:
            self._caption = yield from self._captioned(members[0].hit)
        places = [_Places() for _ in members]
        for run in range(1, self._settings.runs):
            order = random.Random(run).sample(range(len(members)), len(members))  # noqa: S311
            ranked = yield from self.order_of([members[one] for one in order])
            for place, number in enumerate(ranked):
                places[order[number - 1]].add(place)
        return (yield from self._last_run(members, start, places))

    def order_of(self, members: Sequence[Member]) -> Generator[Hit, None, tuple[int, ...]]:
        """The numbers of the members that the judge ranks, best first; no reasons are asked for."""
        text = yield from self._list_only(members)
        return ranked_text.named_numbers(text, len(members))

    def _list_only(self, members: Sequence[Member]) -> Generator[Hit, None, str]:
        written = ""
        with closing(self._text(members, reasons=False)) as steps:
            for text in steps:
                written = text
                yield members[0].hit
        return written

    def _last_run(
        self, members: Sequence[Member], start: int, places: Sequence[_Places]
    ) -> Generator[Hit, None, list[Hit]]:
        """With the hits in retrieval order, and with reasons."""
        shown: list[Hit] = []
        text = ""
        try:
            with closing(self._text(members, reasons=self._settings.words_tokens > 0)) as steps:
                for text in steps:
                    if shown:
                        yield from self._reasons(shown, text, places)
                    elif ranked_text.list_is_closed(text):
                        shown = self._verdicts(members, start, places, text)
                        yield from list(shown)
                    else:
                        yield members[0].hit
        except FAILURES as error:
            if not shown:
                raise
            _log.warning("the reasons broke off: %s", why(error))
        if not shown:
            shown = self._verdicts(members, start, places, text)
            yield from list(shown)
        yield from self._reasons(shown, text, places)
        return shown

    def _text(self, members: Sequence[Member], *, reasons: bool) -> Generator[str, None, None]:
        """All that the model has written, after each step."""
        count, picture = len(members), query_picture(self._query)
        words = questions.list_words(
            self._query.words, with_picture=picture is not None, caption=self._caption or ""
        )
        on_page = self._settings.layout is Layout.PAGE
        each = 4 + (self._settings.words_tokens if reasons else 0)
        pieces = self._judge.rank(
            words,
            picture,
            query_key(self._query),
            _on_page(members) if on_page else _separate(members),
            count,
            instruction=questions.list_instruction(count, on_page=on_page),
            max_tokens=_LIST_TOKENS + count * each,
        )
        text = ""
        seconds = self._settings.part_seconds * count
        with closing(within(pieces, seconds, self._clock)) as steps:
            for piece in steps:
                text += piece
                yield text
                closed = not reasons and ranked_text.list_is_closed(text)
                if closed or len(text) > _MOST_CHARACTERS:
                    return

    def _verdicts(
        self, members: Sequence[Member], start: int, places: Sequence[_Places], text: str
    ) -> list[Hit]:
        for place, number in enumerate(ranked_text.named_numbers(text, len(members))):
            places[number - 1].add(place)
        named = sorted((one.mean, number) for number, one in enumerate(places) if one.count)
        rank_of = {number: rank for rank, (_, number) in enumerate(named, start=1)}
        return [
            with_verdict(member.hit, self._verdict(rank_of.get(number), start, len(members)))
            for number, member in enumerate(members)
        ]

    def _verdict(self, rank: int | None, start: int, count: int) -> Verdict:
        if rank is None:
            said = "The judge left this one out of its list"
            return Verdict(None, said, self._judge.name, Standing.UNSURE)
        said = f"number {rank} of {count} in the judge's list"
        score = -float(start + rank)
        return Verdict(None, said, self._judge.name, Standing.JUDGED, score)

    def _reasons(self, shown: list[Hit], text: str, places: Sequence[_Places]) -> Iterator[Hit]:
        """Puts into `shown` the reasons that have grown, and yields those hits, or the first."""
        best = min(range(len(places)), key=lambda one: places[one].mean) + 1
        changed = False
        for number, reason in ranked_text.read_reasons(text, len(shown), best).items():
            told = with_words(shown[number - 1], answers.plain(reason))
            if told is not shown[number - 1]:
                shown[number - 1] = told
                changed = True
                yield told
        if not changed:
            yield shown[0]

    # ----------------------------------------------------------------- the caption

    def _captioned(self, hit: Hit) -> Generator[Hit, None, str]:
        """The query picture in the model's words, kept by content; empty where not asked for."""
        picture = query_picture(self._query)
        if not self._settings.caption or picture is None or self._query.picture is None:
            return ""
        sha256 = self._query.picture.sha256
        found = self._kept.find([sha256], "caption", neutral=True).get(sha256)
        if found is not None:
            return found.words
        try:
            words = yield from self._described(hit, picture)
        except DeviceOutOfMemory:
            raise
        except FAILURES as error:  # the list can do without
            _log.warning("no caption of the query picture: %s", why(error))
            return ""
        verdict = Verdict(None, "", self._judge.name, words=words)
        self._kept.keep(sha256, verdict, "caption", neutral=True)
        return words

    def _described(self, hit: Hit, picture: Image.Image) -> Generator[Hit, None, str]:
        text = ""
        pieces = self._judge.caption(
            picture,
            query_key(self._query),
            instruction=questions.CAPTION_INSTRUCTION,
            max_tokens=_CAPTION_TOKENS,
        )
        with closing(within(pieces, self._settings.part_seconds, self._clock)) as steps:
            for piece in steps:
                text += piece
                yield hit
                if len(text) > 4 * answers.MOST_WORDS_CHARACTERS:
                    break
        return answers.plain(text)


class _Places:
    """The places that one member got in the runs that named it."""

    def __init__(self) -> None:
        self._sum = 0
        self.count = 0

    def add(self, place: int) -> None:
        self._sum += place
        self.count += 1

    @property
    def mean(self) -> float:
        return self._sum / self.count if self.count else float("inf")


def _separate(members: Sequence[Member]) -> list[Shown]:
    return [
        Shown(member.picture, picture_key(member.hit.photo.sha256), f"Photo {number}:\n")
        for number, member in enumerate(members, start=1)
    ]


def _on_page(members: Sequence[Member]) -> list[Shown]:
    page = composite.page_of([member.picture for member in members])
    return [Shown(page, None, "Page of photos:\n", num_crops=composite.NUM_CROPS)]
