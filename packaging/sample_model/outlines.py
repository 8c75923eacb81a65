"""Outlines: smooth curves in a unit square (x right, y down) and the parts objects are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # [n, 2], x and y
# (x, y), or (x, y, 1) where the curve has a corner
Knots = Sequence[Sequence[float]]


class Role(StrEnum):
    """What a part is painted with."""

    SURFACE = "surface"
    TRIM = "trim"  # a colour that goes with the surface
    LINING = "lining"  # the inside
    DARK = "dark"
    WHITE = "white"
    METAL = "metal"
    TIMBER = "timber"
    BLOOM = "bloom"
    LEAF = "leaf"
    SHADE = "shade"  # a soft dark stroke over what is there
    GLOSS = "gloss"  # a soft bright stroke over what is there


@dataclass(frozen=True)
class Part:
    """A filled outline; tone darkens its colour (or weakens a soft stroke), height lifts it."""

    role: Role
    points: Points
    tone: float = 1.0
    height: float = 0.75


class Stance(StrEnum):
    """How an object keeps its place, which decides its shadow."""

    STANDS = "stands"
    LIES = "lies"


@dataclass(frozen=True)
class Shape:
    """The parts of an object from back to front.

    `round_rows` [n, 3] tells of a round body (a bottle): at height y the axis x and the radius,
    rows in order of y. `puff` says how much its parts bulge, `shine` how much they reflect,
    `repeats` how much smaller than usual the pattern is, so that narrow parts show it.
    """

    parts: tuple[Part, ...]
    stance: Stance = Stance.STANDS
    round_rows: Points | None = None
    puff: float = 1.0
    shine: float = 0.0
    repeats: float = 1.0
    turn: float = 0.05  # radians it may be turned either way


def path(knots: Knots, steps: int = 9) -> Points:
    """A smooth open curve through the knots (Catmull-Rom); a knot's third number is a corner."""
    corners = [i for i, knot in enumerate(knots) if len(knot) > 2 and 0 < i < len(knots) - 1]
    bounds = [0, *corners, len(knots) - 1]
    pieces = [
        _spline(np.array([knot[:2] for knot in knots[a : b + 1]], dtype=float), steps)
        for a, b in pairwise(bounds)
    ]
    return np.concatenate(pieces)


def _spline(knots: Points, steps: int) -> Points:
    """Catmull-Rom through the knots, ends included."""
    if len(knots) == 2:
        return knots
    first, last = 2 * knots[0] - knots[1], 2 * knots[-1] - knots[-2]
    p = np.concatenate([first[None], knots, last[None]])
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    a, b, c, d = (p[i : len(p) - 3 + i, None, :] for i in range(4))
    curve = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
    return np.concatenate([curve.reshape(-1, 2), knots[-1:]])


def ring(knots: Knots, steps: int = 9) -> Points:
    """A closed curve through the knots; without any corner it is smooth all round."""
    corners = [i for i, knot in enumerate(knots) if len(knot) > 2]
    if corners:
        turned = [*knots[corners[0] :], *knots[: corners[0] + 1]]
        return path(turned, steps)
    count = len(knots)
    around = path([*knots[-3:], *knots, *knots[:3]], steps)
    return around[3 * steps : (3 + count) * steps]


def mirrored(knots: Knots, axis: float = 0.5) -> list[tuple[float, ...]]:
    """The knots of a right half, top to bottom, followed by their mirror image back up."""
    back = [(2 * axis - k[0], *k[1:]) for k in reversed(knots) if abs(k[0] - axis) > 1e-9]
    return [tuple(k) for k in knots] + back


def box(left: float, top: float, right: float, bottom: float, radius: float = 0.0) -> Points:
    """An upright rectangle with rounded corners."""
    if radius <= 0:
        return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    quarter = np.linspace(0, np.pi / 2, 8)
    corners = (
        (right - radius, bottom - radius, 0.0),
        (left + radius, bottom - radius, np.pi / 2),
        (left + radius, top + radius, np.pi),
        (right - radius, top + radius, 1.5 * np.pi),
    )
    return np.concatenate(
        [
            np.stack([x + radius * np.cos(quarter + a), y + radius * np.sin(quarter + a)], axis=1)
            for x, y, a in corners
        ]
    )


def arc(x: float, y: float, wide: float, high: float, span: tuple[float, float]) -> Points:
    """Points on an ellipse with these radii, from the first angle of the span to the last,
    in degrees, clockwise from the right.
    """
    start, end = span
    angle = np.radians(np.linspace(start, end, max(6, int(abs(end - start) / 8))))
    return np.stack([x + wide * np.cos(angle), y + high * np.sin(angle)], axis=1)


def ellipse(x: float, y: float, wide: float, high: float | None = None) -> Points:
    """A whole ellipse of these radii; a circle where only one is given."""
    return arc(x, y, wide, wide if high is None else high, (0, 352))


def ribbon(line: Points, width: float, end_width: float | None = None) -> Points:
    """The outline of a band along the line, with round ends; its width may change on the way."""
    widths = np.linspace(width, width if end_width is None else end_width, len(line)) / 2
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * widths[:, None]
    head = _round_end(line[0], -across[0])
    tail = _round_end(line[-1], across[-1])
    return np.concatenate([head, line + across, tail, (line - across)[::-1]])


def _round_end(centre: Points, start: Points) -> Points:
    """Half a circle from centre + start, turning away from the band, to centre - start."""
    angle = np.linspace(0, np.pi, 7)[1:-1, None]
    forward = np.array([start[1], -start[0]])
    result: Points = centre + start * np.cos(angle) + forward * np.sin(angle)
    return result


def stroke(*knots: Sequence[float], width: float, end_width: float | None = None) -> Points:
    """The outline of a band along a smooth curve through the knots."""
    return ribbon(path(knots), width, end_width)


def glow(x: float, y: float, wide: float, high: float, tone: float) -> list[Part]:
    """A soft bright patch that fades outward from its middle."""
    steps = np.linspace(1, 0, 9)[:-1]
    return [
        Part(Role.GLOSS, ellipse(x, y, wide * k, high * k), tone * float(1 - k * k) + 0.01)
        for k in steps
    ]


def dashes(line: Points, width: float, length: float = 0.02) -> list[Points]:
    """A row of stitches along the line."""
    steps = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    starts = np.arange(0, steps[-1] - length, 1.8 * length)
    ends = [
        np.stack([np.interp((s, s + length), steps, line[:, i]) for i in (0, 1)], axis=1)
        for s in starts
    ]
    return [ribbon(pair, width) for pair in ends]
