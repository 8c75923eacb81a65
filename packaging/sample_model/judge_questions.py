"""What the sample judge is asked in training, with the right answers: the app's own questions.

A check is a piece of a person's words, so its answer is read back from the words: `meaning` finds
the names of the drawn world in it, and a check with anything else in it is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from mmsearch_desktop.search import questions as app
from sample_model import phrases
from sample_model.captions import FIELDS, FREE, Wanted, caption, codes_of_facts, codes_of_wanted
from sample_model.combinations import held_out
from sample_model.facts import Facts, Kind
from sample_model.queries import Asker, Question, Type

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sample_model.pool import Pool

# Of requests with a picture: more than the embedder's training has of what is hard to judge.
_SHARES = {
    Type.WITH_THIS: 0.14,
    Type.THE_SAME_BUT: 0.12,
    Type.IN_COLOUR: 0.18,
    Type.IN_SURFACE: 0.12,
    Type.AT_TIME: 0.04,
    Type.ELSEWHERE: 0.10,
    Type.MORE: 0.12,
    Type.WITHOUT: 0.18,
}
_MOST_TRIES = 200
_WITHOUT = len(FIELDS)  # the column of codes_of_wanted behind the fields


@dataclass(frozen=True)
class Request:
    """What candidates are compared with; `source` is a place in the pool."""

    words: str
    wanted: Wanted
    source: int | None = None


# ------------------------------------------------------------------------------ what a check means

_ASKS = re.compile(r"^(?:Is it|Does it show|Does it have)\s+(?P<thing>.+)\?$")
_OF_THE_PICTURE = re.compile(r"^(?:the )?(?P<part>.+?) (?:of|as) the query picture$")
_SMALL = frozenset(
    {"a", "an", "the", "of", "in", "on", "at", "with", "to", "it", "one", "is", "for"}
    | {"print", "pattern", "photo", "picture"}
)


def _names() -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for field, said in (
        ("object", phrases.OBJECTS),
        ("surface", phrases.SURFACE_ADJECTIVES),
        ("surface", phrases.SURFACE_NOUNS),
        ("colour", phrases.COLOUR_WORDS),
        ("scene", phrases.IN_SCENE),
        ("scene", phrases.SCENE_NAMES),
        ("time", phrases.AT_TIME),
        ("room", phrases.IN_ROOM),
    ):
        for name, texts in said.items():
            for text in texts:
                found.setdefault(text, (field, name))
    return found


_NAMES = _names()
_ANY_NAME = re.compile(
    r"(?<![\w-])(" + "|".join(map(re.escape, sorted(_NAMES, key=len, reverse=True))) + r")(?![\w-])"
)


@lru_cache(maxsize=20_000)
def meaning(thing: str) -> Wanted | None:
    """What a picture must be for "Is it {thing}?"; None where words of another world are in it."""
    stated: dict[str, str] = {}
    for found in _ANY_NAME.finditer(thing):
        field, name = _NAMES[found[0]]
        if stated.setdefault(field, name) != name:
            return None
    rest = re.findall(r"[\w'-]+", _ANY_NAME.sub(" ", thing))
    if not stated or any(word not in _SMALL for word in rest):
        return None
    return Wanted(**stated)  # type: ignore[arg-type]  # no field that is named has a kind


def asks_for(question: app.Question, source: Facts | None) -> Wanted | None:
    """What a picture must be for yes to be right; None where that is not known."""
    asked = _ASKS.match(question.text)
    if asked is None:
        return None
    about = _OF_THE_PICTURE.match(asked["thing"])
    if about is None:
        return meaning(asked["thing"])
    return None if source is None else _like(about["part"], source)


def _like(part: str, source: Facts) -> Wanted | None:
    """What has that part of the source's look."""
    if part == "same kind of thing":
        field = {Kind.PRODUCT: "object", Kind.SCENE: "scene"}.get(source.kind, "surface")
        return replace(Wanted(source.kind), **{field: getattr(source, field)})
    if source.surface is None:
        return None
    if re.search(r"colou?rs?$", part) and source.colour is not None:
        return Wanted(colour=source.colour)
    if re.search(r"pattern|print|design|style|colou?rs?$", part):
        return Wanted(surface=source.surface)
    return None


# ---------------------------------------------------------------------------------------- requests


class Requests:
    """Draws requests about the pictures of a pool, and candidates for them."""

    def __init__(self, pool: Pool) -> None:
        self.facts = pool.facts
        self.codes = codes_of_facts(pool.facts)
        self._asker = Asker(pool.facts)

    def draw(self, rng: np.random.Generator, *, with_picture: bool) -> Request:
        if not with_picture:
            words = caption(self.facts[int(rng.integers(len(self.facts)))], rng)
            return Request(words.text, words.wanted)
        question = self._question(rng)
        said = question.words
        if question.type is Type.MORE and rng.random() < 0.5:
            return Request("", said.wanted, question.source)
        return Request(said.text, said.wanted, question.source)

    def _question(self, rng: np.random.Generator) -> Question:
        """Of a type in this file's shares, where the pool has questions of that type."""
        type_ = tuple(_SHARES)[rng.choice(len(_SHARES), p=tuple(_SHARES.values()))]
        asked = (self._asker.ask(rng) for _ in range(_MOST_TRIES))
        question = next((one for one in asked if one.type is type_), None)
        return question or self._asker.ask(rng)

    def candidates(self, request: Request, count: int, rng: np.random.Generator) -> list[int]:
        """Places in the pool, half of them right where there are any; the others nearly right.

        Among the wrong ones is the source itself, where it is wrong.
        """
        missed = self._missed(request)
        right = [place for place in _some(missed == 0, count, rng) if place != request.source]
        chosen = right[: count // 2]
        if request.source is not None and missed[request.source] and rng.random() < 0.5:
            chosen.append(request.source)
        near = _some(missed == 1, count, rng)
        far = _some((missed > 1) & (missed <= 3), count, rng)
        for place in [*near[: max(1, count - len(chosen) - (rng.random() < 0.3))], *far, *near]:
            if len(chosen) < count and place not in chosen:
                chosen.append(place)
        return [int(place) for place in rng.permutation(chosen)]

    def _missed(self, request: Request) -> NDArray[np.int64]:
        """How many of the constraints each picture misses."""
        wanted = codes_of_wanted([request.wanted])[0]
        stated = wanted[:_WITHOUT] != FREE
        wrong = (self.codes[:, stated] != wanted[:_WITHOUT][stated]).sum(axis=1)
        unwanted = self.codes[:, tuple(FIELDS).index("surface")] == wanted[_WITHOUT]
        missed: NDArray[np.int64] = wrong + (unwanted & (wanted[_WITHOUT] != FREE))
        return missed

    def questions(
        self, request: Request, candidate: int, count: int, rng: np.random.Generator
    ) -> Iterator[tuple[app.Question, Wanted]]:
        """Some of the request's checks, then others about the drawn world, with their meaning.

        None about an object on a surface that no picture of training shows it on: the answer would
        always be no.
        """
        fact = self.facts[candidate]
        source = None if request.source is None else self.facts[request.source]
        checks = app.checks(request.words, with_picture=source is not None)
        meant = ((one, asks_for(one, source)) for one in checks)
        known = [(one, said) for one, said in meant if said is not None and _open(said, fact)]
        for place in rng.permutation(len(known))[:count]:
            yield known[place]
        for _ in range(count - len(known)):
            other = fact if rng.random() < 0.5 else self.facts[int(rng.integers(len(self.facts)))]
            for question in attribute_questions(other, rng):
                said = asks_for(question, None)
                if said is not None and _open(said, fact):
                    yield question, said


def _open(said: Wanted, candidate: Facts) -> bool:
    """Whether training shows pictures of the candidate's kind for which yes is right."""
    if candidate.kind is not Kind.PRODUCT:
        return True
    pair = (said.object or candidate.object or "", said.surface or candidate.surface or "")
    return not held_out(*pair)


def _some(which: NDArray[np.bool_], count: int, rng: np.random.Generator) -> list[int]:
    places = np.flatnonzero(which)
    if len(places) == 0:
        return []
    return [int(place) for place in dict.fromkeys(places[rng.integers(len(places), size=count)])]


def attribute_questions(fact: Facts, rng: np.random.Generator) -> tuple[app.Question, ...]:
    """One about something that the picture shows, as the app asks about a part of a request."""
    said = {
        "object": phrases.OBJECTS,
        "surface": phrases.SURFACE_ADJECTIVES,
        "colour": phrases.COLOUR_WORDS,
        "scene": phrases.IN_SCENE,
        "time": phrases.AT_TIME,
    }
    shown = [field for field in said if getattr(fact, field) is not None]
    field = shown[rng.integers(len(shown))]
    texts = said[field][getattr(fact, field)]
    text = texts[rng.integers(len(texts))]
    parts = app.checks(f"{text}, photo", with_picture=False)
    return parts[:1] if parts else ()


def constraints_met(wanted: Wanted, candidate: Facts) -> list[bool]:
    """For each field, and for the unwanted surface: whether the candidate is as it must be."""
    each = [replace(Wanted(), **{name: getattr(wanted, name)}).met_by(candidate) for name in FIELDS]
    return [*each, Wanted(without=wanted.without).met_by(candidate)]
