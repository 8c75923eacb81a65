"""Captions of drawn pictures, each with the constraints that it states.

A picture is a right answer to words if it meets every stated constraint, so of any captions and
pictures it is known which belong together, and none is counted as wrong by mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sample_model import phrases
from sample_model.facts import COLOURS, OBJECTS, ROOMS, SCENES, SURFACES, TIMES, Facts, Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIELDS: dict[str, tuple[str, ...]] = {
    "kind": tuple(Kind),
    "object": OBJECTS,
    "surface": SURFACES,
    "colour": COLOURS,
    "scene": SCENES,
    "time": TIMES,
    "room": ROOMS,
}
FREE = -1  # no such constraint
NOTHING = -2  # the picture has no such thing
_SURFACE = tuple(FIELDS).index("surface")


@dataclass(frozen=True)
class Wanted:
    """What a right answer must be; None = free."""

    kind: Kind | None = None
    object: str | None = None
    surface: str | None = None
    colour: str | None = None
    scene: str | None = None
    time: str | None = None
    room: str | None = None
    without: str | None = None  # a surface that it must not have

    def met_by(self, facts: Facts) -> bool:
        stated = ((getattr(self, name), getattr(facts, name)) for name in FIELDS)
        fits = all(wanted is None or wanted == found for wanted, found in stated)
        return fits and (self.without is None or self.without != facts.surface)


@dataclass(frozen=True)
class Words:
    """What a person may type, and what it means."""

    text: str
    wanted: Wanted


def codes_of_facts(facts: Sequence[Facts]) -> NDArray[np.int8]:
    """[pictures, fields]: the place of each name in its list, or NOTHING."""
    return np.array(
        [[_place(name, getattr(fact, name), NOTHING) for name in FIELDS] for fact in facts],
        dtype=np.int8,
    )


def codes_of_wanted(wanted: Sequence[Wanted]) -> NDArray[np.int8]:
    """[questions, fields + 1]: the place of each name, or FREE; last the surface not wanted."""
    rows = []
    for one in wanted:
        row = [_place(name, getattr(one, name), FREE) for name in FIELDS]
        rows.append([*row, _place("surface", one.without, FREE)])
    return np.array(rows, dtype=np.int8)


def _place(field: str, name: str | None, missing: int) -> int:
    return missing if name is None else FIELDS[field].index(name)


def right_answers(wanted: NDArray[np.int8], facts: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Which picture answers which question, [questions, pictures], from their codes."""
    stated = wanted[:, None, :-1]
    fits = ((stated == FREE) | (stated == facts[None])).all(axis=-1)
    without = wanted[:, None, -1]
    result: NDArray[np.bool_] = fits & ((without == FREE) | (without != facts[None, :, _SURFACE]))
    return result


# ------------------------------------------------------------------------------------ captions

_PLACE_SHARE = 0.35


def caption(facts: Facts, rng: np.random.Generator) -> Words:
    """Words for one picture, which it meets; random in what they state and how."""
    makers: dict[Kind, Callable[[Facts, np.random.Generator], Words]] = {
        Kind.PRODUCT: _of_product,
        Kind.SWATCH: _of_swatch,
        Kind.SCENE: _of_scene,
        Kind.ANIMAL: _of_animal,
    }
    return makers[facts.kind](facts, rng)


def product_words(facts: Facts, rng: np.random.Generator) -> Words:
    """Surface, colour and object, all stated."""
    wanted = Wanted(Kind.PRODUCT, object=facts.object, surface=facts.surface, colour=facts.colour)
    template = one(phrases.PRODUCTS, rng)
    if facts.surface == "plain":
        template = "{c} {s} {o}" if rng.random() < 0.3 else "{s} {c} {o}"
    text = template.format(
        c=colour_words(facts.colour, rng),
        s=adjective(facts.surface, rng),
        n=noun(facts.surface, rng),
        o=object_words(facts.object, rng),
    )
    return Words(tidy(text), wanted)


def _of_product(facts: Facts, rng: np.random.Generator) -> Words:
    choice = rng.random()
    if choice < 0.20:
        words = _only_object(facts, rng)
    elif choice < 0.28:
        words = _without_surface(facts, rng)
    elif choice < 0.36:
        words = _without_colour(facts, rng)
    elif choice < 0.40:
        return _only_surface(facts, rng)
    else:
        words = product_words(facts, rng)
    if rng.random() < _PLACE_SHARE:
        words = _with_place(words, facts, rng)
    text = f"{one(phrases.PRODUCT_OPENINGS, rng)} {words.text} {one(phrases.ENDINGS, rng)}"
    return Words(tidy(text), words.wanted)


def _only_object(facts: Facts, rng: np.random.Generator) -> Words:
    return Words(object_words(facts.object, rng), Wanted(Kind.PRODUCT, object=facts.object))


def _without_surface(facts: Facts, rng: np.random.Generator) -> Words:
    """The colour and the object; the object alone where there is no colour."""
    wanted = Wanted(Kind.PRODUCT, object=facts.object, colour=facts.colour)
    text = f"{colour_words(facts.colour, rng)} {object_words(facts.object, rng)}"
    return Words(tidy(text), wanted)


def _without_colour(facts: Facts, rng: np.random.Generator) -> Words:
    wanted = Wanted(Kind.PRODUCT, object=facts.object, surface=facts.surface)
    named = object_words(facts.object, rng)
    if facts.surface == "plain" or rng.random() < 0.6:
        return Words(f"{adjective(facts.surface, rng)} {named}", wanted)
    return Words(f"{named} {one(('with', 'in'), rng)} {noun(facts.surface, rng)}", wanted)


def _only_surface(facts: Facts, rng: np.random.Generator) -> Words:
    text = one(phrases.SURFACE_ONLY, rng).format(
        s=adjective(facts.surface, rng), n=noun(facts.surface, rng)
    )
    return Words(tidy(text), Wanted(surface=facts.surface))


def _with_place(words: Words, facts: Facts, rng: np.random.Generator) -> Words:
    if facts.scene is None or facts.time is None:
        place = one(phrases.IN_ROOM[facts.room or ""], rng)
        return Words(f"{words.text} {place}", replace(words.wanted, room=facts.room))
    text = f"{words.text} {one(phrases.IN_SCENE[facts.scene], rng)}"
    wanted = replace(words.wanted, scene=facts.scene)
    if rng.random() < 0.4:
        text = f"{text} {one(phrases.AT_TIME[facts.time], rng)}"
        wanted = replace(wanted, time=facts.time)
    return Words(text, wanted)


def _of_swatch(facts: Facts, rng: np.random.Generator) -> Words:
    if rng.random() < 0.2:
        return _only_surface(facts, rng)
    template = one(phrases.SWATCH, rng)
    colour = "" if rng.random() < 0.15 else colour_words(facts.colour, rng)
    text = template.format(
        s=f"{colour} {adjective(facts.surface, rng)}", n=f"{colour} {noun(facts.surface, rng)}"
    )
    stated = facts.colour if colour else None
    return Words(tidy(text), Wanted(Kind.SWATCH, surface=facts.surface, colour=stated))


def _of_scene(facts: Facts, rng: np.random.Generator) -> Words:
    text = scene_words(facts, rng)
    if rng.random() < 0.25:
        return Words(text, Wanted(Kind.SCENE, scene=facts.scene))
    text = f"{text} {one(phrases.AT_TIME[facts.time or ''], rng)}"
    return Words(text, Wanted(Kind.SCENE, scene=facts.scene, time=facts.time))


def scene_words(facts: Facts, rng: np.random.Generator) -> str:
    named = one(phrases.SCENE_NAMES[facts.scene or ""], rng)
    return one(phrases.SCENES, rng).format(d=named)


def _of_animal(facts: Facts, rng: np.random.Generator) -> Words:
    text = one(phrases.ANIMALS, rng).format(n=facts.surface)
    wanted = Wanted(Kind.ANIMAL, surface=facts.surface)
    if rng.random() < 0.5:
        text = f"{text} {one(phrases.IN_SCENE[facts.scene or ''], rng)}"
        wanted = replace(wanted, scene=facts.scene)
    if rng.random() < 0.2:
        text = f"{text} {one(phrases.AT_TIME[facts.time or ''], rng)}"
        wanted = replace(wanted, time=facts.time)
    return Words(text, wanted)


# --------------------------------------------------------------------------------------- words


def object_words(name: str | None, rng: np.random.Generator) -> str:
    return one(phrases.OBJECTS[name or ""], rng)


def colour_words(name: str | None, rng: np.random.Generator) -> str:
    return one(phrases.COLOUR_WORDS[name], rng) if name else ""


def adjective(surface: str | None, rng: np.random.Generator) -> str:
    return one(phrases.SURFACE_ADJECTIVES[surface or ""], rng)


def noun(surface: str | None, rng: np.random.Generator) -> str:
    """After "with" or "in"; a plain one has only its adjective."""
    return one(phrases.SURFACE_NOUNS.get(surface or "", ("a plain colour",)), rng)


def one(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]


def tidy(text: str) -> str:
    """Without the gaps that absent words leave."""
    return re.sub(r"(\s*,)+", ",", " ".join(text.split())).strip(" ,").removesuffix(" in")


# ---------------------------------------------------------------------------------- roughening

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SMALL = frozenset(["a", "an", "the", "of", "in", "on", "at", "with", "to", "it", "is"])


def roughened(text: str, rng: np.random.Generator) -> str:
    """As people type: now and then a small word left out, a strange one added, a letter wrong."""
    words = text.split()
    if rng.random() < 0.15:
        words = [word for word in words if word not in _SMALL] or words
    if rng.random() < 0.15:
        words.insert(rng.integers(len(words) + 1), _strange_word(rng))
    if rng.random() < 0.06:
        place = rng.integers(len(words))
        words[place] = _mistyped(words[place], rng)
    return " ".join(words)


def _strange_word(rng: np.random.Generator) -> str:
    if rng.random() < 0.75:
        return one(phrases.FILLERS, rng)
    return "".join(one(_LETTERS, rng) for _ in range(rng.integers(3, 8)))


def _mistyped(word: str, rng: np.random.Generator) -> str:
    """One letter left out, doubled, changed, or two swapped; short words stay as they are."""
    if len(word) < 4:
        return word
    at = int(rng.integers(1, len(word) - 1))
    ways = (
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
        word[:at] + one(_LETTERS, rng) + word[at + 1 :],
        word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :],
    )
    return ways[rng.integers(len(ways))]
