"""The five animals of the drawn world, each standing in a scene in its own coat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from sample_model.animal_outlines import COAT, FAR, FIGURES, Figure, Part
from sample_model.canvas import blend
from sample_model.scenes import light_of, painted
from sample_model.surfaces import texture

if TYPE_CHECKING:
    from sample_model.canvas import Array, Canvas, Colour, Points
    from sample_model.skies import Sky

_PLAIN: dict[str, Colour] = {
    "dark": (0.13, 0.10, 0.10),
    "pale": (0.96, 0.92, 0.84),
    "pink": (0.93, 0.66, 0.64),
    "horn": (0.86, 0.76, 0.60),
}
_WIDEST, _TALLEST = 0.92, 0.83


@dataclass(frozen=True)
class Stand:
    """Where a figure stands: `scale` picture sides to its unit, its middle and the ground."""

    scale: float
    middle: float
    offset: float
    ground: float
    mirrored: bool

    def place(self, outline: Points) -> Points:
        """Points of a figure (y up) as points of the picture (y down), [n, 2]."""
        across = (outline[:, 0] - self.middle) * self.scale
        x = self.offset + (-across if self.mirrored else across)
        return np.stack([x, self.ground - outline[:, 1] * self.scale], axis=1)


def animal(name: str, place: str, time: str, rng: np.random.Generator, *, side: int) -> Array:
    """An animal in a scene by the names in `facts`: float32 RGB in 0..1, [side, side, 3]."""
    canvas, sky = painted(place, time, rng, side=side)
    figure = FIGURES[name]
    stand = stand_of(figure, rng)
    _clearing(canvas, sky, figure, stand)
    _shadow(canvas, figure, stand)
    _Painter(canvas, figure, stand, light_of(time)).paint(_coat(name, figure, rng, side))
    if time == "sunset":
        canvas.glow(sky.x, sky.y, 0.5, sky.lamp, 0.18)
    return canvas.finished()


def _bounds(figure: Figure) -> tuple[float, float, float]:
    every = np.concatenate([part.outline for part in figure.parts])
    return float(every[:, 0].min()), float(every[:, 0].max()), float(every[:, 1].max())


def stand_of(figure: Figure, rng: np.random.Generator) -> Stand:
    """Where a figure stands: wholly inside the picture, somewhat larger or smaller each time."""
    left, right, top = _bounds(figure)
    wide = right - left
    most = min(_WIDEST / wide, _TALLEST / top)
    scale = most * float(rng.uniform(0.84, 1.0))
    ground = float(rng.uniform(max(0.83, top * scale + 0.06), 0.92))
    room = max(0.0, 0.5 - wide * scale / 2 - 0.03)
    offset = 0.5 + float(rng.uniform(-room, room))
    return Stand(scale, (left + right) / 2, offset, ground, bool(rng.random() < 0.5))


def _clearing(canvas: Canvas, sky: Sky, figure: Figure, stand: Stand) -> None:
    """Lighter air behind the animal, so that it stands out from trees and from the night."""
    left, right, top = _bounds(figure)
    middle = stand.place(np.array([((left + right) / 2, top * 0.55)]))[0].tolist()
    wide, high = (right - left) * 0.68 * stand.scale, top * 0.72 * stand.scale
    line = np.linspace(-1, 1, 32)
    away = np.hypot(line[:, None], line[None, :]).clip(0, 1)
    strength = 0.55 if sky.time == "night" else 0.40
    box = (middle[0] - wide, middle[1] - high, middle[0] + wide, middle[1] + high)
    canvas.veil(strength * (1 - away**2) ** 1.5, blend(sky.haze, sky.lamp, 0.25), box)


def _shadow(canvas: Canvas, figure: Figure, stand: Stand) -> None:
    left, right, _ = _bounds(figure)
    left = max(left, -0.05)
    middle = stand.place(np.array([((left + right) / 2, 0.0)]))[0]
    half = (right - left) * 0.56 * stand.scale
    line = np.linspace(-1, 1, 24)
    away = np.hypot(line[:, None], line[None, :]).clip(0, 1)
    high = half * 0.17
    box = (middle[0] - half, middle[1] - high, middle[0] + half, middle[1] + high)
    canvas.veil(0.62 * (1 - away**2) ** 1.2, (0.05, 0.06, 0.12), box)


def _coat(name: str, figure: Figure, rng: np.random.Generator, side: int) -> Array:
    return texture(name, None, rng, side=side, repeats=figure.repeats)


class _Painter:
    """Paints one figure onto a canvas."""

    def __init__(self, canvas: Canvas, figure: Figure, stand: Stand, light: Array) -> None:
        self._canvas = canvas
        self._figure = figure
        self._stand = stand
        self._light = light
        self._whole = Image.new("L", canvas.image.size)
        self._whole_pen = ImageDraw.Draw(self._whole)

    def paint(self, coat: Array) -> None:
        """Paints all parts, wearing the coat [side, side, 3], then eye, light and shade."""
        size = self._canvas.image.size
        near = Image.fromarray(((coat * self._light).clip(0, 1) * 255).astype(np.uint8))
        near = near.resize(size, Image.Resampling.BILINEAR)
        far = near.point(lambda value: value * 0.62)
        for part in self._figure.parts:
            self._part(part, near, far)
        self._shade()
        self._eye()

    def _lit(self, colour: Colour) -> Colour:
        red, green, blue = (self._light * colour).tolist()
        return red, green, blue

    def _part(self, part: Part, near: Image.Image, far: Image.Image) -> None:
        points = self._stand.place(part.outline)
        flat = (points * self._canvas.size).ravel().tolist()
        self._whole_pen.polygon(flat, fill=255)
        if part.role not in (COAT, FAR):
            self._canvas.polygon(points, self._lit(_PLAIN[part.role]))
            return
        left, top = np.floor(points.min(0) * self._canvas.size).astype(int).clip(0).tolist()
        right, bottom = np.ceil(points.max(0) * self._canvas.size).astype(int).tolist()
        box = (left, top, max(left + 1, right), max(top + 1, bottom))
        mask = Image.new("L", (box[2] - left, box[3] - top))
        moved = (points * self._canvas.size - (left, top)).ravel().tolist()
        ImageDraw.Draw(mask).polygon(moved, fill=255)
        cloth = near if part.role == COAT else far
        self._canvas.image.paste(cloth.crop(box), (left, top), mask)
        for rim in part.rims:
            line = self._stand.place(rim)
            self._canvas.line(line, self._lit((0.16, 0.10, 0.08)), 0.004, 0.5)

    def _shade(self) -> None:
        """Darkens the underside and the rims of the whole figure, and lights its back."""
        whole = np.asarray(self._whole.reduce(2), dtype=np.float32) / 255
        soft = self._whole.reduce(2).filter(ImageFilter.BoxBlur(self._canvas.side * 0.016))
        rows = np.linspace(0, 1, whole.shape[0], dtype=np.float32)[:, None]
        high = self._stand.ground - _bounds(self._figure)[2] * self._stand.scale
        down = ((rows - high) / (self._stand.ground - high)).clip(0, 1)
        rim = 1 - np.asarray(soft, dtype=np.float32) / 255
        self._canvas.veil(whole * (0.28 * down + 0.35 * rim), (0.08, 0.06, 0.12), (0, 0, 1, 1))
        shine = whole * (1 - rim) * (0.5 - down).clip(0, 1) * 0.35
        self._canvas.veil(shine, self._lit((1.0, 0.97, 0.90)), (0, 0, 1, 1))

    def _eye(self) -> None:
        x, y, radius = self._figure.eye
        x, y = self._stand.place(np.array([(x, y)]))[0].tolist()
        size = max(radius * self._stand.scale, 0.008)
        self._canvas.oval(x, y, size * 1.25, size * 1.2, self._lit((0.80, 0.62, 0.26)))
        self._canvas.oval(x, y, size, size, (0.05, 0.04, 0.04))
        shine = size * 0.32
        self._canvas.oval(x + shine, y - shine, shine, shine, (1.0, 1.0, 1.0))
