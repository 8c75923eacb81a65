"""Which pictures are drawn: random facts in the shares of the drawn world, and what is held out.

Held out are pairs of an object and a surface: in training no product shows them, and every product
of the test gallery does. So what the gallery asks for was never seen together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from sample_model.facts import (
    ANIMAL_SCENES,
    ANIMALS,
    COLOURED_SURFACES,
    COLOURS,
    NATURAL_SURFACES,
    OBJECTS,
    ROOMS,
    SCENES,
    SURFACES,
    TIMES,
    Facts,
    Kind,
)

KIND_SHARES = {Kind.PRODUCT: 0.62, Kind.SWATCH: 0.20, Kind.SCENE: 0.13, Kind.ANIMAL: 0.05}
_PLAIN_SHARE = 0.25
_SCENE_BEHIND = 0.35  # of products; the others stand in a room
_TIME_SHARES = (0.6, 0.2, 0.2)  # behind a product: day, sunset, night
_HELD_OUT_OF_EACH = 4  # surfaces of an object's 28: 14 % of the pairs
_SALT = 472


def held_out(object_: str, surface: str) -> bool:
    """Whether products of this object with this surface are kept from training."""
    return surface in _shuffled_surfaces(object_)[:_HELD_OUT_OF_EACH]


def compared_with(object_: str, surface: str) -> bool:
    """Whether a pair seen in training is one of those that held-out ones are compared with."""
    first = _HELD_OUT_OF_EACH
    return surface in _shuffled_surfaces(object_)[first : 2 * first]


@lru_cache
def _shuffled_surfaces(object_: str) -> tuple[str, ...]:
    """In an order of the object's own; the salt spreads the first of all over all surfaces."""
    digests = {
        hashlib.sha256(f"{_SALT} {object_} {surface}".encode()).digest(): surface
        for surface in SURFACES
    }
    return tuple(digests[digest] for digest in sorted(digests))


def training_facts(count: int, seed: int) -> list[Facts]:
    """What the pictures of the training pool show; never a held-out pair."""
    rng = np.random.default_rng([seed, 7])
    kinds = list(KIND_SHARES)
    shares = list(KIND_SHARES.values())
    return [
        random_facts(kinds[rng.choice(len(kinds), p=shares)], rng, unseen=False)
        for _ in range(count)
    ]


def random_facts(kind: Kind, rng: np.random.Generator, *, unseen: bool) -> Facts:
    """Facts of one picture; a product's pair is a held-out one where `unseen`, else never."""
    if kind is Kind.PRODUCT:
        return random_product(rng, unseen=unseen)
    if kind is Kind.SWATCH:
        surface = _surface(rng)
        return Facts(kind, surface=surface, colour=_colour(surface, rng))
    if kind is Kind.SCENE:
        return Facts(kind, scene=_one(SCENES, rng), time=_one(TIMES, rng))
    return Facts(
        kind,
        surface=_one(ANIMALS, rng),
        scene=_one(ANIMAL_SCENES, rng),
        time=TIMES[rng.choice(3, p=_TIME_SHARES)],
    )


def random_product(rng: np.random.Generator, *, unseen: bool) -> Facts:
    for object_, surface in _pairs(rng):
        if held_out(object_, surface) is unseen:
            break
    colour = _colour(surface, rng)
    return placed(Facts(Kind.PRODUCT, object=object_, surface=surface, colour=colour), rng)


def placed(product: Facts, rng: np.random.Generator) -> Facts:
    """The same product in another random room or before another scene."""
    scene = time = room = None
    if rng.random() < _SCENE_BEHIND:
        scene, time = _one(SCENES, rng), TIMES[rng.choice(3, p=_TIME_SHARES)]
    else:
        room = _one(ROOMS, rng)
    return Facts(Kind.PRODUCT, product.object, product.surface, product.colour, scene, time, room)


def _pairs(rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    while True:
        yield _one(OBJECTS, rng), _surface(rng)


def _surface(rng: np.random.Generator) -> str:
    if rng.random() < _PLAIN_SHARE:
        return "plain"
    return _one(COLOURED_SURFACES[1:] + NATURAL_SURFACES, rng)


def _colour(surface: str, rng: np.random.Generator) -> str | None:
    return _one(COLOURS, rng) if surface in COLOURED_SURFACES else None


def _one(names: tuple[str, ...], rng: np.random.Generator) -> str:
    return names[rng.integers(len(names))]
