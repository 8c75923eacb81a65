"""A canvas twice as fine as the picture, in units of the picture's side, with soft fills.

The origin is the upper left corner; x and y run from 0 to 1, y downwards. Colours are RGB in 0..1.
Everything is drawn at twice the size and reduced at the end, so edges are smooth at any size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Array = NDArray[np.float32]
Points = NDArray[np.float64]
Colour = tuple[float, float, float]
Stops = Sequence[tuple[float, Colour]]

FINE = 2


def blend(one: Colour, other: Colour, share: float) -> Colour:
    """`one` with `share` (0..1) of `other` in it."""
    return (
        one[0] + (other[0] - one[0]) * share,
        one[1] + (other[1] - one[1]) * share,
        one[2] + (other[2] - one[2]) * share,
    )


def bytes_of(colour: Colour, alpha: float = 1.0) -> tuple[int, int, int, int]:
    """RGBA bytes of a colour, clipped."""
    return _byte(colour[0]), _byte(colour[1]), _byte(colour[2]), _byte(alpha)


def _byte(part: float) -> int:
    return 0 if part <= 0 else 255 if part >= 1 else int(part * 255 + 0.5)


def smooth(points: Sequence[tuple[float, float]] | Points, *, closed: bool, per: int = 8) -> Points:
    """A Catmull-Rom curve through the points, `per` pieces between each two: [n, 2]."""
    given = np.asarray(points, dtype=np.float64)
    if closed:
        padded = np.concatenate([given[-1:], given, given[:2]])
    else:
        padded = np.concatenate([given[:1], given, given[-1:]])
    before, start, end, after = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = (np.arange(per) / per)[None, :, None]
    b, s, e, a = (part[:, None, :] for part in (before, start, end, after))
    curve = 0.5 * (
        2 * s
        + (e - b) * t
        + (2 * b - 5 * s + 4 * e - a) * t * t
        + (3 * s - b - 3 * e + a) * t * t * t
    )
    flat: Points = curve.reshape(-1, 2)
    return flat if closed else np.concatenate([flat, given[-1:]])


def tapered(points: Points, first: float, last: float) -> Points:
    """The outline of a line along `points`, `first` wide at its start and `last` at its end."""
    along = np.gradient(points, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    half = np.linspace(first, last, len(points))[:, None] / 2
    return np.concatenate([points + across * half, (points - across * half)[::-1]])


class Canvas:
    """One picture in the making."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.size = side * FINE
        self.image = Image.new("RGB", (self.size, self.size))
        self.pen = ImageDraw.Draw(self.image, "RGBA")

    def column(self, stops: Stops, height: int) -> Image.Image:
        """A gradient from top to bottom as wide as the canvas and `height` pixels high."""
        at = np.linspace(0.0, 1.0, max(1, height))
        places = [place for place, _ in stops]
        strip = np.empty((len(at), self.size, 3), dtype=np.uint8)
        for part in range(3):
            shades = [bytes_of(colour)[part] for _, colour in stops]
            strip[:, :, part] = (np.interp(at, places, shades) + 0.5)[:, None]
        return Image.fromarray(strip)

    def gradient(self, stops: Stops, top: float = 0.0, bottom: float = 1.0) -> None:
        """Fills the whole width between two heights with a gradient."""
        first, last = math.floor(top * self.size), math.ceil(bottom * self.size)
        self.image.paste(self.column(stops, last - first), (0, first))

    def polygon(self, points: Points, colour: Colour, alpha: float = 1.0) -> None:
        """A filled polygon; `points` [n, 2]."""
        self.pen.polygon((points * self.size).ravel().tolist(), fill=bytes_of(colour, alpha))

    def line(self, points: Points, colour: Colour, width: float, alpha: float = 1.0) -> None:
        """A line of even width along `points` [n, 2]."""
        pixels = max(1, round(width * self.size))
        spots = points * self.size
        if alpha >= 1 or pixels == 1:
            self.pen.line(spots.ravel().tolist(), fill=bytes_of(colour, alpha), width=pixels)
            return
        # over a mask, so that the joints of a faint line are no stronger than the line
        left, top = np.floor(spots.min(0) - pixels).astype(int).tolist()
        right, bottom = np.ceil(spots.max(0) + pixels).astype(int).tolist()
        mask = Image.new("L", (right - left, bottom - top))
        moved = (spots - np.array([left, top])).ravel().tolist()
        ImageDraw.Draw(mask).line(moved, fill=round(255 * alpha), width=pixels)
        self.image.paste(bytes_of(colour)[:3], (left, top), mask)

    def oval(  # noqa: PLR0917  (an ellipse has four numbers)
        self, x: float, y: float, wide: float, high: float, colour: Colour, alpha: float = 1.0
    ) -> None:
        """An ellipse about (x, y) with the half axes `wide` and `high`."""
        s = self.size
        box = ((x - wide) * s, (y - high) * s, (x + wide) * s, (y + high) * s)
        self.pen.ellipse(box, fill=bytes_of(colour, alpha))

    def box(  # noqa: PLR0917  (a rectangle has four numbers)
        self, left: float, top: float, right: float, bottom: float, colour: Colour,
        alpha: float = 1.0,
    ) -> None:  # fmt: skip
        """A rectangle."""
        s = self.size
        corners = (round(left * s), round(top * s), round(right * s) - 1, round(bottom * s) - 1)
        if corners[2] >= corners[0] and corners[3] >= corners[1]:
            self.pen.rectangle(corners, fill=bytes_of(colour, alpha))

    def land(self, points: Points, stops: Stops, alpha: float = 1.0) -> None:
        """Fills a polygon with a gradient that runs over the polygon's height."""
        pixels = points * self.size
        top = max(0, math.floor(pixels[:, 1].min()))
        bottom = min(self.size, math.ceil(pixels[:, 1].max()))
        if bottom <= top:
            return
        mask = Image.new("L", (self.size, bottom - top))
        shifted = (pixels - (0, top)).ravel().tolist()
        ImageDraw.Draw(mask).polygon(shifted, fill=round(255 * alpha))
        self.image.paste(self.column(stops, bottom - top), (0, top), mask)

    def veil(self, coarse: NDArray[np.floating], colour: Colour, box: Sequence[float]) -> None:
        """Lays a colour over a box (left, top, right, bottom), as strong as `coarse` says (0..1).

        `coarse` is a small array and is enlarged smoothly.
        """
        left, top, right, bottom = (part * self.size for part in box)
        seen = (max(0, round(left)), max(0, round(top)),
                min(self.size, round(right)), min(self.size, round(bottom)))  # fmt: skip
        if seen[2] <= seen[0] or seen[3] <= seen[1]:
            return
        high, wide = coarse.shape
        across, down = wide / (right - left), high / (bottom - top)
        part = (max(0.0, (seen[0] - left) * across), max(0.0, (seen[1] - top) * down),
                min(float(wide), (seen[2] - left) * across),
                min(float(high), (seen[3] - top) * down))  # fmt: skip
        small = Image.fromarray((coarse.clip(0, 1) * 255).astype(np.uint8))
        area = (seen[2] - seen[0], seen[3] - seen[1])
        mask = small.resize(area, Image.Resampling.BILINEAR, box=part)
        self.image.paste(bytes_of(colour)[:3], seen[:2], mask)

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        """A round light about (x, y) that fades to nothing at `radius`."""
        line = np.linspace(-1, 1, 64)
        away = np.hypot(line[:, None], line[None, :]).clip(0, 1)
        light = strength * (0.5 + 0.5 * np.cos(np.pi * away)) ** 1.5
        self.veil(light, colour, (x - radius, y - radius, x + radius, y + radius))

    def finished(self) -> Array:
        """The picture, float32 RGB in 0..1: [side, side, 3]."""
        return np.asarray(self.image.reduce(FINE), dtype=np.float32) / np.float32(255)
