"""Flat textures of every surface, and those that are drawn in a named colour.

Pictures are built as planes [3, side, side] and handed out as [side, side, 3]; edges are smooth
because shapes are signed distances turned into cover, not pixels switched on and off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from sample_model.colours import INKS, Colour, colour_of, partner_of, tinted
from sample_model.natural_surfaces import NATURAL
from sample_model.noise import (
    Field,
    Plane,
    Rng,
    cover,
    flat,
    fold,
    mix,
    plane,
    shade,
    smooth,
    value_noise,
)

Drawing: TypeAlias = Callable[[Colour, Colour, Rng, int, float], Field]
TAU = 2 * np.pi


def texture(
    surface: str, colour: str | None, rng: Rng, *, side: int, repeats: float = 1.0
) -> Field:
    """The flat texture of `surface`, without light: RGB in 0..1, float32 [side, side, 3].

    `colour` is one of COLOURS for a surface that takes one and is ignored otherwise; `repeats`
    multiplies how many motifs lie across. Raises KeyError for a name that is not in facts.
    """
    if surface in NATURAL:
        picture = NATURAL[surface](rng, side, repeats)
    else:
        name = colour or "grey"
        main = colour_of(name, rng)
        picture = COLOURED[surface](main, partner_of(name, main, rng), rng, side, repeats)
    return np.ascontiguousarray(np.moveaxis(np.clip(picture, 0, 1), 0, 2), dtype=np.float32)


def plain(main: Colour, _: Colour, rng: Rng, side: int, repeats: float) -> Field:
    mottle = value_noise(rng, side, 3 * repeats, 3) - 0.5
    return shade(flat(main, side), 1 + 0.07 * mottle)


def striped(main: Colour, other: Colour, rng: Rng, side: int, repeats: float) -> Field:
    turn = float(rng.choice([0, TAU / 4, TAU / 8, -TAU / 8])) + rng.uniform(-0.05, 0.05)
    area = plane(rng, side, rng.uniform(4, 7) * repeats, turn)
    half = rng.uniform(0.17, 0.22)
    stripes = cover(fold(area.x) - np.float32(half), area.pixel)
    return mix(flat(main, side), other, stripes)


def polka_dot(main: Colour, other: Colour, rng: Rng, side: int, repeats: float) -> Field:
    area = plane(rng, side, rng.uniform(3, 4.6) * repeats, rng.uniform(-0.12, 0.12))
    distance = np.minimum(
        np.hypot(fold(area.x), fold(area.y)), np.hypot(fold(area.x + 0.5), fold(area.y + 0.5))
    )
    return mix(flat(main, side), other, cover(distance - rng.uniform(0.20, 0.25), area.pixel))


def tartan(main: Colour, other: Colour, rng: Rng, side: int, repeats: float) -> Field:
    """A sett of bands, the same in warp and weft, woven as twill."""
    turn = rng.uniform(-0.04, 0.04) + (TAU / 8 if rng.random() < 0.25 else 0.0)
    area = plane(rng, side, rng.uniform(2.4, 3.4) * repeats, turn)
    wide = rng.uniform(0.13, 0.17)
    deep = main * 0.42 if main.mean() > 0.25 else main + 0.30
    if main.min() > 0.85:
        deep, wide = other * 0.92, wide * 0.6
    if other.mean() < main.mean() < 0.6:
        other = tinted(INKS["cream"], rng)
    line = other if rng.random() < 0.7 else tinted(INKS["gold"], rng)
    sett = [(0.0, wide, deep), (0.0, 0.022, line), (0.5, 0.045, other)]
    sett += [(0.37, 0.016, deep), (0.63, 0.016, deep)]
    warp, weft = (_bands(flat(main, side), way, sett, area.pixel) for way in (area.x, area.y))
    twill = 0.5 + 0.12 * np.sin((area.x + area.y) * np.float32(TAU * 14))
    return warp * twill + weft * (1 - twill)


def _bands(
    ground: Field, way: Field, sett: list[tuple[float, float, Colour]], pixel: float
) -> Field:
    for middle, half, ink in sett:
        ground = mix(ground, ink, cover(fold(way - np.float32(middle)) - np.float32(half), pixel))
    return ground


def checkered(main: Colour, other: Colour, rng: Rng, side: int, repeats: float) -> Field:
    turn = rng.uniform(-0.05, 0.05) + (TAU / 8 if rng.random() < 0.3 else 0.0)
    area = plane(rng, side, rng.uniform(2.2, 3.2) * repeats, turn)
    a = cover(fold(area.x) - 0.25, area.pixel)
    b = cover(fold(area.y) - 0.25, area.pixel)
    return mix(flat(main, side), other, a + b - 2 * a * b)


def chevron(main: Colour, other: Colour, rng: Rng, side: int, repeats: float) -> Field:
    turn = TAU / 4 if rng.random() < 0.2 else rng.uniform(-0.05, 0.05)
    area = plane(rng, side, rng.uniform(4, 6) * repeats, turn)
    zigzag = area.y + fold(area.x * np.float32(0.62)) * np.float32(rng.uniform(1.3, 1.8))
    stripes = cover(fold(zigzag) - np.float32(rng.uniform(0.19, 0.22)), area.pixel * 1.6)
    return mix(flat(main, side), other, stripes)


class Scatter:
    """Motifs on a staggered lattice, each a little moved, turned and scaled at random."""

    def __init__(self, rng: Rng, area: Plane, loose: float, spin: float) -> None:
        # rows closer than columns, as in a heap of balls
        y = area.y * np.float32(1.15)
        row = np.floor(y)
        x = area.x + np.float32(0.5) * np.mod(row, 2)
        column = np.floor(x)
        index = (row.astype(np.int32) & 31) * 32 + (column.astype(np.int32) & 31)
        tables = rng.uniform(-1, 1, (4, 1024)).astype(np.float32)
        x, y = x - column - np.float32(0.5), (y - row - np.float32(0.5)) / np.float32(1.15)
        x += np.float32(loose) * tables[0][index]
        y += np.float32(loose) * tables[1][index]
        angle = np.float32(spin) * tables[2]
        size = 1 + np.float32(0.10) * tables[3]
        c, s = (np.cos(angle) * size)[index], (np.sin(angle) * size)[index]
        self.x, self.y = c * x + s * y, c * y - s * x
        self.pixel = area.pixel


def floral(main: Colour, other: Colour, rng: Rng, side: int, repeats: float) -> Field:
    """Flowers of five or six petals with leaves, small blossoms between."""
    area = plane(rng, side, rng.uniform(3.0, 4.0) * repeats, rng.uniform(-0.2, 0.2))
    petals, heart = int(rng.integers(5, 7)), tinted((0.96, 0.76, 0.20), rng)
    bold = main.min() > 0.85 or abs(float(other.mean() - main.mean())) > 0.2
    petal = other if bold else tinted(INKS["white"], rng)
    if main[0] > 0.85 and main[1] > 0.7 and main[2] < 0.5:
        heart = tinted((0.90, 0.45, 0.12), rng)
    leaf = tinted((0.22, 0.46, 0.22), rng)
    if main[1] > max(main[0], main[2]) - 0.03 and main.mean() < 0.5:
        leaf = main * 0.55
    big = Scatter(rng, area, 0.05, np.pi)
    picture = mix(flat(main, side), leaf, _leaves(big))
    picture = _flowers(picture, big, 0.30, petals, (petal, heart))
    small = Scatter(rng, area.moved(0.5, 0.29), 0.05, np.pi)
    return _flowers(picture, small, 0.10, 5, (petal * 0.55 + heart * 0.45, petal))


def _flowers(
    picture: Field, spots: Scatter, size: float, petals: int, inks: tuple[Colour, Colour]
) -> Field:
    petal, heart = inks
    radius, angle = np.hypot(spots.x, spots.y), np.arctan2(spots.y, spots.x)
    wave = np.abs(np.cos(angle * np.float32(petals / 2)))
    edge = np.float32(size) * (0.50 + 0.50 * np.sqrt(wave))
    inside = cover((radius - edge) * 0.85, spots.pixel)
    vein = 0.84 + 0.16 * smooth(size * 0.2, size * 0.8, radius * (0.75 + 0.25 * wave))
    picture = mix(picture, petal[:, None, None] * vein, inside)
    return mix(picture, heart, cover(radius - np.float32(size * 0.30), spots.pixel))


def _leaves(spots: Scatter) -> Field:
    x, y = np.abs(spots.x), spots.y
    # a lens: where two discs overlap
    along, across = np.abs(x - 0.25), np.abs(y - 0.05 * np.sign(spots.x))
    return cover(np.hypot(along, across + 0.10) - np.float32(0.165), spots.pixel)


def starry(main: Colour, other: Colour, rng: Rng, side: int, repeats: float) -> Field:
    """Five-pointed stars of two sizes."""
    area = plane(rng, side, rng.uniform(2.8, 3.8) * repeats, rng.uniform(-0.2, 0.2))
    big = Scatter(rng, area, 0.06, 0.5)
    picture = mix(flat(main, side), other, cover(_star(big, 0.335), big.pixel))
    small = Scatter(rng, area.moved(0.5, 0.29), 0.08, np.pi)
    return mix(picture, other, cover(_star(small, 0.11), small.pixel))


def _star(spots: Scatter, size: float) -> Field:
    angle, radius = np.arctan2(spots.x, -spots.y), np.hypot(spots.x, spots.y)
    turn = np.float32(TAU / 5)
    a = np.abs(angle - np.rint(angle / turn) * turn)
    x, y = radius * np.cos(a), radius * np.sin(a)
    # the edge runs from the tip (size, 0) to the notch, 36 degrees on and 0.42 of the radius
    notch = size * 0.42 * np.array([np.cos(np.pi / 5), np.sin(np.pi / 5)])
    across = np.array([notch[1], size - notch[0]]) / np.hypot(notch[1], size - notch[0])
    edge: Field = (x - np.float32(size)) * np.float32(across[0]) + y * np.float32(across[1])
    return edge


def heart(main: Colour, other: Colour, rng: Rng, side: int, repeats: float) -> Field:
    area = plane(rng, side, rng.uniform(3.0, 4.2) * repeats, rng.uniform(-0.12, 0.12))
    spots = Scatter(rng, area, 0.06, 0.25)
    size = rng.uniform(0.52, 0.60)
    x, y = np.abs(spots.x) / np.float32(size), 0.55 - spots.y / np.float32(size)
    # a square standing on its corner, and a disc on each of its upper sides
    lobe = np.hypot(x - 0.25, y - 0.75) - np.float32(np.sqrt(0.125))
    square = np.maximum((x - y) * np.float32(np.sqrt(0.5)), x + y - 1)
    return mix(flat(main, side), other, cover(np.minimum(lobe, square), spots.pixel / size))


def knitted(main: Colour, _: Colour, rng: Rng, side: int, repeats: float) -> Field:
    """Columns of stitches, each a V of two plump strands."""
    area = plane(rng, side, rng.uniform(7, 10) * repeats, rng.uniform(-0.04, 0.04))
    sway = value_noise(rng, side, 3 * repeats, 1) * np.float32(0.25)
    x = fold(area.x + sway)
    y = (area.y + sway) * np.float32(1.25) - x * np.float32(1.35)
    v = fold(y)
    across, along = (x - 0.25) / 0.25, v / 0.5
    height = np.clip(1 - 0.85 * across**2 - 0.75 * along**2, 0, 1)
    strand = 0.06 * np.sin((x + 0.35 * v) * np.float32(TAU * 9))
    light = 0.42 + 0.66 * np.sqrt(height) + strand * height
    lift = 0.10 * height if main.mean() < 0.2 else 0.0
    return shade(flat(main, side), light) + lift


COLOURED: dict[str, Drawing] = {
    "plain": plain,
    "striped": striped,
    "polka dot": polka_dot,
    "tartan": tartan,
    "checkered": checkered,
    "chevron": chevron,
    "floral": floral,
    "starry": starry,
    "heart": heart,
    "knitted": knitted,
}
