"""Skies of the drawn world by day, at sunset and at night, and the light they throw on things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from sample_model.canvas import Canvas, Colour, Stops, blend, bytes_of

if TYPE_CHECKING:
    import numpy as np

# each: the colours from the top of the sky down to the horizon
_SKIES: dict[str, tuple[tuple[Colour, ...], ...]] = {
    "day": (
        ((0.20, 0.52, 0.88), (0.48, 0.75, 0.96), (0.86, 0.95, 0.98)),
        ((0.16, 0.58, 0.85), (0.45, 0.80, 0.92), (0.93, 0.97, 0.92)),
        ((0.33, 0.60, 0.92), (0.62, 0.82, 0.97), (0.95, 0.95, 0.93)),
    ),
    "sunset": (
        ((0.36, 0.27, 0.56), (0.83, 0.40, 0.52), (0.99, 0.60, 0.36), (1.00, 0.84, 0.52)),
        ((0.50, 0.30, 0.58), (0.93, 0.47, 0.55), (1.00, 0.67, 0.50), (1.00, 0.86, 0.62)),
        ((0.62, 0.30, 0.42), (0.94, 0.42, 0.33), (1.00, 0.60, 0.26), (1.00, 0.82, 0.42)),
    ),
    "night": (
        ((0.08, 0.13, 0.36), (0.15, 0.24, 0.52), (0.36, 0.48, 0.74)),
        ((0.10, 0.12, 0.38), (0.21, 0.24, 0.55), (0.46, 0.46, 0.74)),
        ((0.06, 0.16, 0.36), (0.12, 0.30, 0.52), (0.34, 0.56, 0.72)),
    ),
}
_LAMP: dict[str, Colour] = {
    "day": (1.0, 0.98, 0.86),
    "sunset": (1.0, 0.93, 0.70),
    "night": (0.97, 0.97, 0.90),
}


@dataclass(frozen=True)
class Sky:
    """A painted sky: what the things below need to know of it.

    `x` and `y` are the place of the sun or moon, `horizon` the height of the horizon (0 top, 1
    bottom), `haze` the colour of the air at the horizon and `lamp` that of the sun or moon.
    """

    time: str
    horizon: float
    x: float
    y: float
    haze: Colour
    lamp: Colour

    def lit(self, colour: Colour, far: float = 0.0) -> Colour:
        """What a colour seen by plain daylight looks like here, `far` (0..1) away in the haze."""
        return blend(_lit(colour, self.time), self.haze, far)


def _lit(colour: Colour, time: str) -> Colour:
    red, green, blue = colour
    if time == "sunset":
        return (red * 0.92 + 0.10, green * 0.72 + 0.05, blue * 0.66 + 0.09)
    if time == "night":
        grey = 0.35 * (0.3 * red + 0.6 * green + 0.1 * blue)
        return (
            (red * 0.65 + grey) * 0.47 + 0.05,
            (green * 0.65 + grey) * 0.59 + 0.08,
            (blue * 0.65 + grey) * 0.80 + 0.17,
        )
    return colour


def paint_sky(canvas: Canvas, time: str, rng: np.random.Generator, *, horizon: float) -> Sky:
    """Paints a sky down to `horizon`, its haze below; by day, at sunset or at night."""
    colours = _SKIES[time][int(rng.integers(len(_SKIES[time])))]
    shift = rng.normal(0, 0.018, 3).tolist()
    colours = tuple((r + shift[0], g + shift[1], b + shift[2]) for r, g, b in colours)
    stops: Stops = [(k / (len(colours) - 1), colour) for k, colour in enumerate(colours)]
    canvas.gradient([(at * horizon, colour) for at, colour in stops])
    sky = Sky(time, horizon, *_lamp_place(time, rng, horizon), colours[-1], _LAMP[time])
    if time == "night":
        _stars(canvas, sky, rng)
    _lamp(canvas, sky, rng)
    _clouds(canvas, sky, rng)
    return sky


def _lamp_place(time: str, rng: np.random.Generator, horizon: float) -> tuple[float, float]:
    x = float(rng.uniform(0.15, 0.85))
    if time == "sunset":
        return x, horizon - float(rng.uniform(0.03, 0.14))
    return x, float(rng.uniform(0.10, max(0.14, horizon * 0.5)))


def _lamp(canvas: Canvas, sky: Sky, rng: np.random.Generator) -> None:
    radius = float(rng.uniform(0.042, 0.062))
    if sky.time == "sunset":
        canvas.glow(sky.x, sky.y, 0.62, (1.0, 0.80, 0.46), 0.75)
        canvas.glow(sky.x, sky.y, 0.24, (1.0, 0.92, 0.66), 0.9)
        radius *= 1.35
    elif sky.time == "day":
        canvas.glow(sky.x, sky.y, 0.42, (1.0, 1.0, 0.93), 0.85)
    else:
        canvas.glow(sky.x, sky.y, 0.40, (0.72, 0.82, 1.0), 0.75)
    canvas.oval(sky.x, sky.y, radius, radius, sky.lamp)
    if sky.time == "night":
        for dx, dy, size in ((-0.3, -0.2, 0.26), (0.25, 0.3, 0.2), (0.3, -0.35, 0.14)):
            r = radius * size
            canvas.oval(sky.x + dx * radius, sky.y + dy * radius, r, r, (0.84, 0.86, 0.86), 0.8)


def _stars(canvas: Canvas, sky: Sky, rng: np.random.Generator) -> None:
    many = int(rng.integers(45, 90))
    spots = rng.random((many, 3))
    for x, y, size in spots.tolist():
        height = y * sky.horizon * 0.95
        radius = 0.0016 + 0.0036 * size**4
        canvas.oval(x, height, radius, radius, (1.0, 1.0, 0.95), 0.45 + 0.55 * size)


def _clouds(canvas: Canvas, sky: Sky, rng: np.random.Generator) -> None:
    if sky.time == "day":
        top, under, alpha = (1.0, 1.0, 1.0), (0.84, 0.91, 0.97), 0.95
    elif sky.time == "sunset":
        top, under, alpha = (1.0, 0.80, 0.66), (0.86, 0.46, 0.54), 0.80
    else:
        top, under, alpha = (0.50, 0.58, 0.80), (0.28, 0.36, 0.62), 0.60
    many = int(rng.integers(2, 6)) if sky.time != "night" else int(rng.integers(0, 4))
    for x, y, size in rng.random((many, 3)).tolist():
        height = 0.05 + y * max(0.05, sky.horizon - 0.17)
        wide = (0.09 + 0.13 * size) * (0.6 + 0.4 * (1 - y))
        _cloud(canvas, rng, (x * 1.1 - 0.05, height, wide), (top, under), alpha)


def _cloud(
    canvas: Canvas,
    rng: np.random.Generator,
    place: tuple[float, float, float],
    colours: tuple[Colour, Colour],
    alpha: float,
) -> None:
    x, y, wide = place
    pixels = max(8, round(wide * 2.4 * canvas.size))
    high = max(4, pixels // 2)
    mask = Image.new("L", (pixels, high))
    pen = ImageDraw.Draw(mask)
    floor = high * 0.86
    puffs = rng.random((7, 2)).tolist()
    for k, (a, b) in enumerate(puffs):
        centre = (0.16 + 0.68 * (k + 0.6 * a) / 7) * pixels
        middle = 1 - abs(2 * centre / pixels - 1)
        radius = (0.10 + 0.24 * b * middle + 0.10 * middle) * high * 1.12
        pen.ellipse(
            (centre - radius, floor - 1.7 * radius, centre + radius, floor + 0.3 * radius),
            fill=round(255 * alpha),
        )
    pen.rectangle((0, round(floor), pixels, high), fill=0)
    shade = canvas.column([(0.25, colours[0]), (0.95, colours[1])], high).crop((0, 0, pixels, high))
    corner = (round((x - wide * 1.2) * canvas.size), round(y * canvas.size - high / 2))
    if pixels > canvas.size:
        shade = Image.new("RGB", (pixels, high), bytes_of(colours[0])[:3])
    canvas.image.paste(shade, corner, mask)
