"""Questions made of a picture and words, and the pictures that they are asked with.

Each kind of question says which picture may be its source and what the words then mean. What is
asked for is chosen first, its source after: another picture, drawn with another background.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sample_model import phrases
from sample_model.captions import (
    Wanted,
    Words,
    adjective,
    colour_words,
    noun,
    object_words,
    one,
    tidy,
)
from sample_model.facts import COLOURED_SURFACES, Facts, Kind

if TYPE_CHECKING:
    import numpy as np


class Type(StrEnum):
    """How the words change what the source shows."""

    WITH_THIS = "with this"  # "mug with this", of a swatch, an animal or another product
    THE_SAME_BUT = "the same but"  # "the same but a mug", of another product
    IN_COLOUR = "in a colour"  # "make it green"
    IN_SURFACE = "in a surface"  # "in leopard print"
    AT_TIME = "at a time"  # "at night", of a scene
    ELSEWHERE = "elsewhere"  # "on the beach"
    MORE = "more like this"
    WITHOUT = "without"  # "without stripes"


SHARES = {
    Type.WITH_THIS: 0.22,
    Type.THE_SAME_BUT: 0.18,
    Type.IN_COLOUR: 0.15,
    Type.IN_SURFACE: 0.12,
    Type.AT_TIME: 0.05,
    Type.ELSEWHERE: 0.07,
    Type.MORE: 0.07,
    Type.WITHOUT: 0.14,
}


@dataclass(frozen=True)
class Question:
    """A picture, by its place in the pool, with words; `target` is one right answer's place."""

    type: Type
    source: int
    target: int
    words: Words


def words_for(type_: Type, source: Facts, target: Facts, rng: np.random.Generator) -> Words:
    """The words that lead from the source to the target, and all that they then mean."""
    return _WORDERS[type_](source, target, rng)


# ------------------------------------------------------------------------------- what words mean


def _the_product(facts: Facts) -> Wanted:
    return Wanted(Kind.PRODUCT, facts.object, facts.surface, facts.colour)


def _with_this(_: Facts, target: Facts, rng: np.random.Generator) -> Words:
    text = one(phrases.WITH_THIS, rng).format(o=object_words(target.object, rng))
    return Words(text, _the_product(target))


def _the_same_but(_: Facts, target: Facts, rng: np.random.Generator) -> Words:
    text = one(phrases.THE_SAME_BUT, rng).format(o=object_words(target.object, rng))
    return Words(text, _the_product(target))


def _in_colour(_: Facts, target: Facts, rng: np.random.Generator) -> Words:
    text = one(phrases.IN_COLOUR, rng).format(c=colour_words(target.colour, rng))
    return Words(text, _the_product(target))


def _in_surface(_: Facts, target: Facts, rng: np.random.Generator) -> Words:
    """Where the words name no colour, any colour of that surface is right."""
    says_colour = target.colour is not None and rng.random() < 0.5
    named = {
        "s": adjective(target.surface, rng),
        "n": noun(target.surface, rng),
        "c": colour_words(target.colour, rng),
    }
    if not says_colour:
        text = one(phrases.IN_SURFACE, rng).format(**named)
        return Words(tidy(text), Wanted(Kind.PRODUCT, target.object, target.surface))
    templates = phrases.IN_PLAIN if target.surface == "plain" else phrases.IN_BOTH
    return Words(tidy(one(templates, rng).format(**named)), _the_product(target))


def _at_time(_: Facts, target: Facts, rng: np.random.Generator) -> Words:
    text = one(phrases.AT_ANOTHER_TIME, rng).format(t=one(phrases.AT_TIME[target.time or ""], rng))
    return Words(text, Wanted(Kind.SCENE, scene=target.scene, time=target.time))


def _elsewhere(_: Facts, target: Facts, rng: np.random.Generator) -> Words:
    product = _the_product(target)
    names = (product.kind, product.object, product.surface, product.colour)
    if target.scene is not None:
        place = one(phrases.IN_SCENE[target.scene], rng)
    else:
        place = one(phrases.IN_ROOM[target.room or ""], rng)
    text = one(phrases.ELSEWHERE, rng).format(d=place)
    return Words(text, Wanted(*names, scene=target.scene, room=target.room))


def _more(source: Facts, _: Facts, rng: np.random.Generator) -> Words:
    text = one(phrases.MORE, rng)
    if source.kind is Kind.SCENE:
        return Words(text, Wanted(Kind.SCENE, scene=source.scene, time=source.time))
    return Words(text, Wanted(source.kind, source.object, source.surface, source.colour))


def _without(source: Facts, _: Facts, rng: np.random.Generator) -> Words:
    """The same object, and colour where it has one, on another surface."""
    named = {"s": adjective(source.surface, rng), "n": noun(source.surface, rng)}
    text = one(phrases.WITHOUT, rng).format(**named)
    wanted = Wanted(Kind.PRODUCT, source.object, colour=source.colour, without=source.surface)
    return Words(text, wanted)


_WORDERS: dict[Type, Callable[[Facts, Facts, np.random.Generator], Words]] = {
    Type.WITH_THIS: _with_this,
    Type.THE_SAME_BUT: _the_same_but,
    Type.IN_COLOUR: _in_colour,
    Type.IN_SURFACE: _in_surface,
    Type.AT_TIME: _at_time,
    Type.ELSEWHERE: _elsewhere,
    Type.MORE: _more,
    Type.WITHOUT: _without,
}

# --------------------------------------------------------------------------- sources in a pool

_Key = tuple[object, ...]
_ANIMAL_SHARE, _SWATCH_SHARE = 0.25, 0.5  # of the sources of "with this"


class Asker:
    """Asks questions about the pictures of a pool, of which it knows only what they show."""

    def __init__(self, facts: Sequence[Facts]) -> None:
        self._facts = facts
        self._by: dict[_Key, list[int]] = defaultdict(list)
        for place, fact in enumerate(facts):
            for key in _keys(fact):
                self._by[key].append(place)

    def ask(self, rng: np.random.Generator) -> Question:
        """A random question; its target is in the pool, and so is its source."""
        while True:
            type_ = tuple(SHARES)[rng.choice(len(SHARES), p=tuple(SHARES.values()))]
            target = self._target(type_, rng)
            if target is None:
                continue
            source = self._source(type_, self._facts[target], rng)
            if source is not None and source != target:
                words = words_for(type_, self._facts[source], self._facts[target], rng)
                return Question(type_, source, target, words)

    def _target(self, type_: Type, rng: np.random.Generator) -> int | None:
        if type_ is Type.AT_TIME:
            return self._any(("kind", Kind.SCENE), rng)
        if type_ is Type.MORE:
            return int(rng.integers(len(self._facts)))
        if type_ is Type.IN_COLOUR:
            return self._any(("kind", Kind.PRODUCT, "coloured"), rng)
        return self._any(("kind", Kind.PRODUCT), rng)

    def _source(self, type_: Type, target: Facts, rng: np.random.Generator) -> int | None:
        """A picture that the words of this type lead away from; None where a random try failed."""
        look = (target.surface, target.colour)
        if type_ is Type.WITH_THIS:
            share = rng.random()
            if share < _ANIMAL_SHARE and ("animal", target.surface) in self._by:
                return self._any(("animal", target.surface), rng)
            if share < _ANIMAL_SHARE + _SWATCH_SHARE:
                return self._any(("swatch", *look), rng)
        if type_ is Type.MORE:
            return self._any(_same_again(target), rng)
        key, field = _shared(type_, target)
        return self._other(key, field, target, rng, bare=type_ is Type.WITHOUT)

    def _any(self, key: _Key, rng: np.random.Generator) -> int | None:
        places = self._by.get(key)
        return places[rng.integers(len(places))] if places else None

    def _other(
        self, key: _Key, field: str, target: Facts, rng: np.random.Generator, *, bare: bool
    ) -> int | None:
        """A random one of the key that differs in the field; `bare`: and is not plain."""
        place = self._any(key, rng)
        if place is None:
            return None
        found = self._facts[place]
        differs = getattr(found, field) != getattr(target, field)
        return place if differs and not (bare and found.surface == "plain") else None


def _shared(type_: Type, target: Facts) -> tuple[_Key, str]:
    """What a source has in common with the target, and the field in which it differs."""
    look = (target.surface, target.colour)
    return {
        Type.WITH_THIS: (("look", *look), "object"),
        Type.THE_SAME_BUT: (("look", *look), "object"),
        Type.IN_COLOUR: (("shape", target.object, target.surface), "colour"),
        Type.IN_SURFACE: (("object", target.object), "surface"),
        Type.AT_TIME: (("scene", target.scene), "time"),
        Type.ELSEWHERE: (
            ("product", target.object, *look),
            "room" if target.scene is None else "scene",
        ),
        Type.WITHOUT: (("tinted", target.object, target.colour), "surface"),
    }[type_]


def _keys(fact: Facts) -> list[_Key]:
    look = (fact.surface, fact.colour)
    keys: list[_Key] = [("kind", fact.kind), _same_again(fact)]
    if fact.kind is Kind.PRODUCT:
        keys += [("look", *look), ("shape", fact.object, fact.surface), ("object", fact.object)]
        keys += [("tinted", fact.object, fact.colour)]
        if fact.surface in COLOURED_SURFACES:
            keys.append(("kind", Kind.PRODUCT, "coloured"))
    elif fact.kind is Kind.SWATCH:
        keys.append(("swatch", *look))
    elif fact.kind is Kind.SCENE:
        keys.append(("scene", fact.scene))
    else:
        keys.append(("animal", fact.surface))
    return keys


def _same_again(fact: Facts) -> _Key:
    if fact.kind is Kind.PRODUCT:
        return ("product", fact.object, fact.surface, fact.colour)
    if fact.kind is Kind.SCENE:
        return ("same", fact.kind, fact.scene, fact.time)
    return ("same", fact.kind, fact.surface, fact.colour)
