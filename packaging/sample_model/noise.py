"""Coordinates, noises and smooth edges from which textures are made, all float32 numpy arrays.

Value noise is a coarse random grid enlarged bicubically; cell noise is after Steven Worley,
"A Cellular Texture Basis Function" (SIGGRAPH 1996).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# float32 in practice; numpy's own types cannot follow mixed arithmetic
Field: TypeAlias = NDArray[np.floating[Any]]
Rng: TypeAlias = np.random.Generator


@dataclass(frozen=True)
class Plane:
    """Coordinates of a picture's pixels counted in motifs: x and y [side, side].

    `pixel` is the size of one pixel in the same unit.
    """

    x: Field
    y: Field
    pixel: float

    def moved(self, dx: Field | float, dy: Field | float) -> Plane:
        """The plane with its coordinates moved, by numbers or by fields."""
        return Plane(self.x + np.float32(dx), self.y + np.float32(dy), self.pixel)


@lru_cache(maxsize=8)
def unit(side: int) -> tuple[Field, Field]:
    """x and y of pixel centres, from 0 to 1 across the picture: two arrays [side, side]."""
    line = (np.arange(side, dtype=np.float32) + np.float32(0.5)) / np.float32(side)
    x, y = np.meshgrid(line, line)
    x.flags.writeable = y.flags.writeable = False
    return x, y


def plane(rng: Rng, side: int, across: float, turn: float = 0.0) -> Plane:
    """A plane with `across` motifs over the picture, turned by `turn` radians, anywhere."""
    x, y = unit(side)
    c, s = np.float32(across * np.cos(turn)), np.float32(across * np.sin(turn))
    dx, dy = (np.float32(value) for value in rng.uniform(0, 64, 2))
    return Plane(c * x + s * y + dx, c * y - s * x + dy, across / side)


def value_noise(rng: Rng, side: int, cells: float | tuple[float, float], octaves: int = 1) -> Field:
    """Smooth noise in about 0..1, mean 0.5, with `cells` bumps over the picture (across, down).

    Each octave adds bumps of half the size and half the height.
    """
    wide, high = cells if isinstance(cells, tuple) else (cells, cells)
    total = np.zeros((side, side), np.float32)
    height = 1.0
    for _ in range(octaves):
        total += np.float32(height) * _octave(rng, side, wide, high)
        wide, high, height = wide * 2, high * 2, height / 2
    return total * np.float32(0.5 / (1 - height)) if octaves > 1 else total


def _octave(rng: Rng, side: int, wide: float, high: float) -> Field:
    columns, rows = int(np.ceil(wide)) + 4, int(np.ceil(high)) + 4
    grid = Image.fromarray(rng.random((rows, columns), dtype=np.float32))
    x, y = rng.uniform(1, 2, 2)
    box = (x, y, x + wide, y + high)
    filters = Image.Resampling.BICUBIC
    return np.asarray(grid.resize((side, side), filters, box=box), dtype=np.float32)


@dataclass(frozen=True)
class Cells:
    """Cell noise: for each pixel, what it needs to know of the scattered points near it.

    `near` is the distance to the nearest point, `border` the distance to the border with the next
    nearest one's cell, `number` a random number in 0..1 of the cell; `dx` and `dy` lead from the
    nearest point to the pixel. All [side, side], in cells.
    """

    near: Field
    border: Field
    number: Field
    dx: Field
    dy: Field


_TABLE = 64
_NEIGHBOURS = [(i, j) for j in (-1, 0, 1) for i in (-1, 0, 1)]


def cell_noise(rng: Rng, area: Plane, jitter: float = 0.85, *, borders: bool = True) -> Cells:
    """One point in each unit square of `area`, off its middle by up to jitter / 2.

    Without `borders` the border is left at zero, in half the time.
    """
    points, numbers = _points(rng, jitter)
    index, place = _square(area)
    way = np.empty((9, *place.shape), np.complex64)
    ways = way.view(np.float32).reshape(*way.shape, 2)
    own, nearest = np.zeros_like(index), np.full(place.shape, np.float32(9))
    squares = np.empty(way.shape, np.float32)
    for k, (i, j) in enumerate(_NEIGHBOURS):
        there = (index + (j * _TABLE + i)) & (_TABLE * _TABLE - 1)
        np.subtract(place - np.complex64(i + 1j * j), points[there], out=way[k])
        squares[k] = ways[k, ..., 0] ** 2 + ways[k, ..., 1] ** 2
        closer = squares[k] < nearest
        np.copyto(nearest, squares[k], where=closer)
        np.copyto(own, k, where=closer)
    home = np.take_along_axis(way, own[None].astype(np.intp), 0)[0]
    shift = np.array([j * _TABLE + i for i, j in _NEIGHBOURS], np.int32)[own]
    number = numbers[(index + shift) & (_TABLE * _TABLE - 1)]
    border = _border(squares, nearest, way, home) if borders else np.zeros_like(nearest)
    return Cells(np.sqrt(nearest), border, number, home.real.copy(), home.imag.copy())


def lone_points(rng: Rng, area: Plane, jitter: float = 0.5) -> Cells:
    """Like cell_noise, but each pixel knows only the point of its own square: for small motifs.

    A motif of radius up to (1 - jitter) / 2 is whole.
    """
    points, numbers = _points(rng, jitter)
    index, place = _square(area)
    way = place - points[index]
    near = np.abs(way)
    return Cells(near, np.zeros_like(near), numbers[index], way.real.copy(), way.imag.copy())


def _points(rng: Rng, jitter: float) -> tuple[NDArray[np.complex64], Field]:
    """Where in its unit square each point of a table lies, and a number of each."""
    random = rng.random((3, _TABLE**2), dtype=np.float32)
    x, y = (random[:2] - 0.5) * np.float32(jitter) + np.float32(0.5)
    return (x + 1j * y).astype(np.complex64), random[2]


def _square(area: Plane) -> tuple[NDArray[np.int32], NDArray[np.complex64]]:
    """The number in the table of each pixel's unit square, and its place in the square."""
    left, top = np.floor(area.x), np.floor(area.y)
    column, row = left.astype(np.int32), top.astype(np.int32)
    place = np.empty(left.shape, np.complex64)
    place.real, place.imag = area.x - left, area.y - top
    return (row & (_TABLE - 1)) * _TABLE + (column & (_TABLE - 1)), place


def _border(
    squares: Field, nearest: Field, way: NDArray[np.complex64], home: NDArray[np.complex64]
) -> Field:
    """The border to another point lies half way between: (b^2 - a^2) / (2 |a - b|)."""
    border = np.full(nearest.shape, np.float32(9))
    for k in range(9):
        more = squares[k] - nearest
        np.copyto(more, np.float32(9), where=more <= 0)
        np.minimum(border, more / (2 * np.abs(way[k] - home) + np.float32(1e-3)), out=border)
    return border


def cover(distance: Field, pixel: float) -> Field:
    """How much of each pixel lies inside a shape, given the signed distance (negative inside)."""
    inside: Field = np.float32(0.5) - distance / np.float32(pixel)
    return np.clip(inside, 0, 1)


def smooth(low: float, high: float, values: Field) -> Field:
    """0 below `low`, 1 above `high`, a smooth step between."""
    t: Field = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)


def flat(ink: Field, side: int) -> Field:
    """A picture [3, side, side] of one colour [3]."""
    return np.broadcast_to(ink.astype(np.float32)[:, None, None], (3, side, side))


def mix(picture: Field, ink: Field, share: Field) -> Field:
    """`picture` [3, side, side] with `ink` (a colour [3] or a picture) laid on by `share`."""
    top = ink.astype(np.float32)[:, None, None] if ink.ndim == 1 else ink
    return picture + (top - picture) * share


def shade(picture: Field, light: Field) -> Field:
    """`picture` [3, side, side] times `light` [side, side]."""
    return picture * light


def above(field: Field, level: float, soft: float = 1.0) -> Field:
    """How much of each pixel lies where `field` exceeds `level`; the edge is `soft` pixels wide."""
    down, across = np.gradient(field)
    steep = np.sqrt(down * down + across * across) * np.float32(soft)
    over: Field = (field - np.float32(level)) / (steep + np.float32(1e-5))
    return np.asarray(np.clip(over + np.float32(0.5), 0, 1))


def fold(values: Field) -> Field:
    """A triangle wave of period 1: the distance to the nearest whole number, 0..0.5."""
    return np.abs(values - np.rint(values))
