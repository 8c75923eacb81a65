"""The twelve named colours, each a little different every time, and the colours that go with them.

Ranges are hue in degrees, saturation and brightness, chosen so that no two names overlap.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Colour: TypeAlias = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Family:
    """The range of one colour name: (low, high) of hue in degrees, saturation and brightness."""

    hue: tuple[float, float]
    saturation: tuple[float, float]
    brightness: tuple[float, float]
    partners: tuple[str, ...]


FAMILIES = {
    "red": Family((-7, 6), (0.80, 0.92), (0.70, 0.88), ("white", "cream", "wine", "navy")),
    "orange": Family((21, 30), (0.84, 0.96), (0.92, 1.0), ("white", "cream", "charcoal", "navy")),
    "yellow": Family((46, 54), (0.74, 0.90), (0.94, 1.0), ("white", "charcoal", "navy")),
    "green": Family((112, 142), (0.58, 0.82), (0.42, 0.64), ("white", "cream", "dark", "pale")),
    "teal": Family((174, 184), (0.68, 0.92), (0.48, 0.64), ("white", "cream", "dark", "pale")),
    "blue": Family((213, 229), (0.70, 0.90), (0.62, 0.90), ("white", "cream", "dark", "pale")),
    "purple": Family((266, 282), (0.50, 0.74), (0.48, 0.72), ("white", "cream", "dark", "pale")),
    "pink": Family((328, 344), (0.34, 0.52), (0.94, 1.0), ("white", "cream", "wine")),
    "brown": Family((18, 27), (0.55, 0.70), (0.34, 0.46), ("white", "cream", "sand")),
    "black": Family((210, 250), (0.0, 0.14), (0.07, 0.13), ("white", "cream", "silver", "gold")),
    "white": Family((30, 60), (0.0, 0.025), (0.95, 0.99), ("silver", "sky", "blush", "sand")),
    "grey": Family((200, 230), (0.0, 0.05), (0.45, 0.60), ("white", "cream", "charcoal")),
}
INKS = {
    "white": (0.97, 0.97, 0.96),
    "cream": (0.97, 0.93, 0.82),
    "charcoal": (0.15, 0.15, 0.17),
    "silver": (0.66, 0.67, 0.70),
    "sky": (0.62, 0.76, 0.90),
    "blush": (0.95, 0.72, 0.74),
    "sand": (0.82, 0.70, 0.52),
    "gold": (0.84, 0.66, 0.28),
    "wine": (0.36, 0.05, 0.16),
    "navy": (0.11, 0.14, 0.32),
}


def colour_of(name: str, rng: np.random.Generator) -> Colour:
    """RGB in 0..1, float32 [3]: the named colour, jittered within its range."""
    family = FAMILIES[name]
    hue = rng.uniform(*family.hue) % 360 / 360
    return hsv(hue, rng.uniform(*family.saturation), rng.uniform(*family.brightness))


def partner_of(name: str, main: Colour, rng: np.random.Generator) -> Colour:
    """A second colour that sets off `main`, of the colour called `name`: RGB, float32 [3]."""
    partner = FAMILIES[name].partners[int(rng.integers(len(FAMILIES[name].partners)))]
    if partner == "dark":
        return (main * rng.uniform(0.22, 0.32)).astype(np.float32)
    if partner == "pale":
        return (main + (1 - main) * rng.uniform(0.62, 0.75)).astype(np.float32)
    return tinted(INKS[partner], rng, 0.02)


def tinted(
    ink: tuple[float, float, float], rng: np.random.Generator, amount: float = 0.04
) -> Colour:
    """`ink` made lighter or darker by up to `amount`, its hue moved a little: float32 [3]."""
    moved = np.asarray(ink) + rng.uniform(-amount, amount) + rng.uniform(-amount, amount, 3) / 3
    return np.clip(moved, 0, 1).astype(np.float32)


def hsv(hue: float, saturation: float, brightness: float) -> Colour:
    """RGB, float32 [3], of hue, saturation and brightness in 0..1."""
    return np.array(colorsys.hsv_to_rgb(hue, saturation, brightness), dtype=np.float32)
