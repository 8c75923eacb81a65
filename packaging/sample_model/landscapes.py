"""Landscapes without a shore: forest, mountains, desert, meadow and snow, below a painted sky."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sample_model import plants
from sample_model.canvas import Canvas, Colour, Points, blend, smooth

if TYPE_CHECKING:
    from sample_model.skies import Sky

_SNOW: Colour = (0.95, 0.97, 1.0)


def ridge(
    rng: np.random.Generator, base: float, high: float, *, waves: float, bottom: float = 1.02
) -> Points:
    """The outline of a soft hill range about the height `base`, closed at `bottom`: [n, 2]."""
    x = np.linspace(-0.02, 1.02, 40)
    phase = rng.uniform(0, 6.28, 3)
    y = base - high * (
        0.62 * np.sin(waves * 3.1 * x + phase[0])
        + 0.28 * np.sin(waves * 6.7 * x + phase[1])
        + 0.10 * np.sin(waves * 13.1 * x + phase[2])
    )
    top = np.stack([x, y], axis=1)
    return np.concatenate([top, [(1.02, bottom), (-0.02, bottom)]])


def _two(canvas: Canvas, outline: Points, upper: Colour, lower: Colour) -> None:
    canvas.land(outline, [(0.0, upper), (1.0, lower)])


def meadow(canvas: Canvas, sky: Sky, rng: np.random.Generator) -> None:
    """Rolling green hills, a tree or some, grass and many flowers."""
    h = sky.horizon
    greens: tuple[Colour, ...] = ((0.36, 0.62, 0.46), (0.38, 0.66, 0.34), (0.42, 0.70, 0.28))
    for k, green in enumerate(greens):
        far = (0.45, 0.2, 0.0)[k]
        outline = ridge(rng, h + 0.085 * k, 0.035, waves=1.2 - 0.25 * k)
        dark = blend(green, (0.10, 0.36, 0.14), 0.6)
        _two(canvas, outline, sky.lit(green, far), sky.lit(dark, far))
        if k < 2:
            _trees_on(canvas, sky, rng, outline, far)
    if sky.time == "sunset":
        canvas.glow(sky.x, h + 0.06, 0.45, (1.0, 0.78, 0.40), 0.45)
    plants.blades(canvas, sky, rng, (h + 0.24, 1.04), (0.36, 0.62, 0.24), many=110)
    plants.flowers(canvas, sky, rng, h + 0.19, int(rng.integers(45, 75)))


def _trees_on(
    canvas: Canvas, sky: Sky, rng: np.random.Generator, outline: Points, far: float
) -> None:
    many = int(rng.integers(0, 4))
    for k in rng.integers(3, 37, many).tolist():
        x, y = outline[k].tolist()
        high = float(rng.uniform(0.09, 0.17)) * (1.25 - far)
        canvas.oval(x, y + 0.01, high * 0.4, high * 0.06, sky.lit((0.12, 0.34, 0.16), far), 0.6)
        plants.round_tree(canvas, sky, rng, (x, y + 0.01, high), (0.22, 0.52, 0.24), far=far)


def forest(canvas: Canvas, sky: Sky, rng: np.random.Generator) -> None:
    """Rows of firs and round trees, pale behind and dark in front, on a mossy ground."""
    mixed = rng.random() < 0.5
    green = blend((0.10, 0.38, 0.22), (0.20, 0.46, 0.18), float(rng.random()))
    rows = ((0.55, 0.16, 16, 0.30), (0.38, 0.22, 12, 0.38), (0.2, 0.32, 9, 0.48),
            (0.0, 0.46, 6, 0.60))  # fmt: skip
    for far, down, many, high in rows:
        base = sky.horizon + down
        ground = ridge(rng, base - 0.03, 0.018, waves=1.0)
        moss = blend((0.34, 0.52, 0.24), (0.20, 0.36, 0.16), 1 - far)
        _two(canvas, ground, sky.lit(moss, far * 0.7), sky.lit(blend(moss, green, 0.5), far * 0.5))
        places = (np.arange(many) + rng.uniform(-0.3, 0.3, many)) / (many - 1)
        sizes, kinds = rng.uniform(0.75, 1.15, many).tolist(), rng.random(many).tolist()
        for x, size, kind in zip(places.tolist(), sizes, kinds, strict=True):
            if far == 0.0 and abs(x - 0.5) < 0.2:
                continue
            place = (x, base + 0.02 * (size - 0.9), high * size)
            shade = blend(green, (0.45, 0.60, 0.20), 0.35 * kind)
            if mixed and kind > 0.66:
                plants.round_tree(canvas, sky, rng, place, shade, far=far)
            else:
                plants.fir(canvas, sky, rng, place, shade, far=far)
        if far > 0.3:
            canvas.veil(np.linspace(0, 0.5, 8)[:, None].repeat(2, 1), sky.haze,
                        (0, base - 0.2, 1, base))  # fmt: skip
    _path(canvas, sky, rng)
    plants.blades(canvas, sky, rng, (0.88, 1.05), (0.22, 0.46, 0.18), many=70)


def _path(canvas: Canvas, sky: Sky, rng: np.random.Generator) -> None:
    if rng.random() < 0.4:
        return
    side = float(rng.uniform(0.35, 0.65))
    left = smooth([(0.495, 0.74), (0.46, 0.82), (side - 0.12, 0.9), (side - 0.2, 1.03)],
                  closed=False)  # fmt: skip
    right = smooth([(side + 0.2, 1.03), (side + 0.06, 0.9), (0.52, 0.82), (0.515, 0.74)],
                   closed=False)  # fmt: skip
    brown: Colour = (0.66, 0.54, 0.36)
    _two(canvas, np.concatenate([left, right]), sky.lit(brown, 0.3), sky.lit(brown))


def _peaks(rng: np.random.Generator, base: float, high: float, many: int) -> list[Points]:
    """Jagged mountains side by side, each [n, 2] from its left foot over the top to the right."""
    mountains = []
    centres = (np.arange(many) + rng.uniform(0.2, 0.8, many)) / many
    for centre in rng.permutation(centres).tolist():
        tall = high * float(rng.uniform(0.65, 1.0))
        wide = tall * float(rng.uniform(0.9, 1.25))
        steps = np.linspace(0, 1, 9)
        rough = rng.normal(0, 0.045, (2, 9)) * tall
        rough[:, [0, -1]] = 0
        left = np.stack([centre - wide * (1 - steps), base - tall * steps + rough[0]], axis=1)
        right = np.stack([centre + wide * steps, base - tall * (1 - steps) + rough[1]], axis=1)
        mountains.append(np.concatenate([left, right[1:]]))
    return mountains


def _mountain(
    canvas: Canvas, sky: Sky, rng: np.random.Generator, outline: Points, look: tuple[Colour, float]
) -> None:
    rock, far = look
    top = outline[8]
    foot = float(outline[:, 1].max())
    tall = foot - float(top[1])
    _two(canvas, outline, sky.lit(rock, far), sky.lit(blend(rock, (0.36, 0.44, 0.36), 0.5), far))
    steps = np.linspace(0, 1, 9)
    zigzag = np.stack([top[0] + rng.normal(0, 0.035, 9) * tall * steps * 2,
                       top[1] + tall * steps], axis=1)  # fmt: skip
    toward = sky.x > float(top[0])
    flank = outline[:9] if toward else outline[8:][::-1]
    canvas.polygon(np.concatenate([flank, zigzag[1:]]), sky.lit((0.10, 0.14, 0.28), far), 0.36)
    low = int(rng.integers(4, 6))
    left, right = outline[low:9], outline[8 : 17 - low]
    teeth = np.linspace(right[-1], left[0], 9)[1:-1]
    teeth[:, 1] += np.where(np.arange(7) % 2 == 0, 0.10, -0.06) * tall * rng.uniform(0.6, 1.3, 7)
    canvas.polygon(np.concatenate([left, right[1:], teeth]), sky.lit(_SNOW, far * 0.5))
    shaded = np.concatenate([left, teeth[::-1][:4]] if toward else [right[::-1], teeth[:4]])
    shaded = np.concatenate([shaded, zigzag[:3][::-1]])
    canvas.polygon(shaded, sky.lit((0.60, 0.70, 0.88), far * 0.5), 0.85)


def mountains(canvas: Canvas, sky: Sky, rng: np.random.Generator) -> None:
    """Two rows of mountains with snow on them; before them a wood and a lake or a green."""
    h = sky.horizon
    rock = blend((0.46, 0.48, 0.56), (0.54, 0.47, 0.46), float(rng.random()))
    for far, base, high, many in ((0.45, h + 0.03, 0.36, 4), (0.08, h + 0.14, 0.46, 3)):
        for outline in _peaks(rng, base, high, many):
            _mountain(canvas, sky, rng, outline, (rock, far))
        mist = np.linspace(0, 0.55, 8)[:, None].repeat(2, 1)
        canvas.veil(mist, sky.haze, (0, base - 0.16, 1, base))
    green: Colour = (0.24, 0.44, 0.26)
    hill = ridge(rng, h + 0.13, 0.025, waves=1.2)
    _two(canvas, hill, sky.lit(green, 0.25), sky.lit((0.34, 0.52, 0.26)))
    for k in rng.integers(0, 40, 22).tolist():
        x, y = hill[k].tolist()
        plants.fir(canvas, sky, rng, (x, y + 0.02, 0.09), (0.12, 0.34, 0.24), far=0.15)
    if rng.random() < 0.55:
        lake = ridge(rng, h + 0.24, 0.008, waves=1.5, bottom=float(rng.uniform(0.9, 1.02)))
        _two(canvas, lake, blend(sky.haze, sky.lit((0.35, 0.60, 0.75)), 0.45),
             sky.lit((0.16, 0.42, 0.60)))  # fmt: skip
        for t, x, size in rng.random((22, 3)).tolist():
            y = h + 0.26 + t * (0.72 - h)
            canvas.oval(x, y, 0.03 + 0.10 * size, 0.0035, sky.haze, 0.4)
    front = ridge(rng, 0.95, 0.03, waves=0.8)
    _two(canvas, front, sky.lit((0.30, 0.50, 0.22)), sky.lit((0.18, 0.36, 0.16)))
    for x, size in rng.random((int(rng.integers(2, 7)), 2)).tolist():
        side = x * 0.3 if size > 0.5 else 1 - x * 0.3
        place = (side, 0.97 + 0.04 * x, 0.2 + 0.16 * size)
        plants.fir(canvas, sky, rng, place, (0.10, 0.32, 0.20))


def desert(canvas: Canvas, sky: Sky, rng: np.random.Generator) -> None:
    """Dunes with a light and a dark side, sometimes table mountains, and cactuses."""
    h = sky.horizon
    sand = blend((0.93, 0.72, 0.44), (0.88, 0.60, 0.36), float(rng.random()))
    if rng.random() < 0.5:
        for x in rng.uniform(0.05, 0.95, int(rng.integers(1, 3))).tolist():
            mesa = np.array([(-0.2, 0.05), (-0.14, -0.03), (-0.12, -0.12), (0.1, -0.125),
                             (0.12, -0.04), (0.2, 0.05)])  # fmt: skip
            red: Colour = (0.76, 0.42, 0.30)
            _two(canvas, mesa + np.array([x, h]), sky.lit(red, 0.35), sky.lit(red, 0.6))
    for k in range(4):
        far = (0.4, 0.22, 0.08, 0.0)[k]
        tone = blend(sand, (0.80, 0.50, 0.30), 0.12 * k)
        _dune(canvas, sky, rng, (h + 0.03 + 0.135 * k, 0.05 + 0.012 * k), (tone, far))
    many = int(rng.integers(1, 4))
    for x, t in sorted(rng.random((many, 2)).tolist(), key=lambda spot: spot[1]):
        y = h + 0.16 + t * (0.94 - h - 0.16)
        plants.cactus(canvas, sky, rng, (0.08 + 0.84 * x, y, 0.16 + 0.26 * t))
    for x, t, size in rng.random((14, 3)).tolist():
        y = h + 0.2 + t * (0.8 - h)
        canvas.oval(x, y, 0.003 + 0.008 * size, 0.003 + 0.004 * size, sky.lit((0.5, 0.33, 0.24)))


def _dune(
    canvas: Canvas, sky: Sky, rng: np.random.Generator, shape: tuple[float, float],
    look: tuple[Colour, float],
) -> None:  # fmt: skip
    """A dune with one crest; the slope that turns away from the light lies in the shade."""
    base, high = shape
    tone, far = look
    crest = float(rng.uniform(0.15, 0.85))
    top = base - high * float(rng.uniform(0.8, 1.5))
    x = np.linspace(-0.02, 1.02, 40)
    away = np.abs(x - crest)
    bend = float(rng.uniform(0.20, 0.34))
    y = base + (top - base) * np.exp(-((away / bend) ** 1.25)) + 0.006 * np.sin(9 * x + base * 40)
    outline = np.concatenate([np.stack([x, y], axis=1), [(1.02, 1.02), (-0.02, 1.02)]])
    bright = blend(tone, (1.0, 0.92, 0.72), 0.40)
    canvas.land(outline, [(0.0, sky.lit(bright, far)), (0.5, sky.lit(tone, far)),
                          (1.0, sky.lit(tone, far))])  # fmt: skip
    peak = int(np.argmin(y))
    shade = sky.lit(blend(tone, (0.48, 0.22, 0.24), 0.5), far)
    turn = 1.0 if sky.x < crest else -1.0
    flank = outline[peak:40] if turn > 0 else outline[: peak + 1][::-1]
    swing = turn * float(rng.uniform(0.08, 0.16))
    steps = [(0.0, 0.0), (0.2, 0.04), (1.0, 0.12), (1.15, 0.22), (2.0, 0.34), (2.2, 0.6)]
    fall = smooth([(x[peak] + swing * across, y[peak] + down) for across, down in steps],
                  closed=False)  # fmt: skip
    corner = np.array([(0.5 + turn * 0.52, float(fall[-1, 1]))])
    canvas.polygon(np.concatenate([flank, corner, fall[::-1]]), shade, 0.62)
    for k in range(4):
        wave = np.stack(
            [x, y * 0.55 + base * 0.45 + 0.035 * (k + 1) + 0.005 * np.sin(11 * x + k)], axis=1
        )
        canvas.line(wave, shade, 0.0025, 0.22)


def snow(canvas: Canvas, sky: Sky, rng: np.random.Generator) -> None:
    """Snowy hills with firs under snow; sometimes a hut; often falling flakes."""
    h = sky.horizon
    hut = rng.random() < 0.4
    for k in range(3):
        far = (0.3, 0.12, 0.0)[k]
        hill = ridge(rng, h + 0.04 + 0.14 * k, 0.035, waves=1.3 - 0.3 * k)
        _two(canvas, hill, sky.lit(_SNOW, far), sky.lit((0.76, 0.84, 0.94), far))
        if k == 2 and hut:
            _hut(canvas, sky, (float(rng.uniform(0.2, 0.8)), h + 0.30, 0.15))
        many = (12, 7, 4)[k]
        spots = rng.random((many, 2))
        for x, size in spots[np.argsort(spots[:, 1])].tolist():
            place = (
                x,
                h + 0.07 + 0.14 * k + 0.10 * size + 0.03 * k,
                0.12 + 0.075 * k + 0.08 * size,
            )
            plants.fir(canvas, sky, rng, place, (0.12, 0.34, 0.30), far=far, snowy=True)
    front = ridge(rng, 0.92, 0.03, waves=0.9)
    _two(canvas, front, sky.lit((1.0, 1.0, 1.0)), sky.lit((0.82, 0.89, 0.97)))
    flakes = int(rng.integers(0, 110))
    for x, y, size in rng.random((flakes, 3)).tolist():
        radius = 0.002 + 0.006 * size**3
        canvas.oval(x, y, radius, radius, (1.0, 1.0, 1.0), 0.5 + 0.4 * size)


def _hut(canvas: Canvas, sky: Sky, place: tuple[float, float, float]) -> None:
    x, y, wide = place
    half = wide / 2
    canvas.box(x - half, y - wide * 0.5, x + half, y, sky.lit((0.50, 0.30, 0.20)))
    roof = np.array([(x - half * 1.35, y - wide * 0.45), (x, y - wide * 0.98),
                     (x + half * 1.35, y - wide * 0.45), (x + half * 1.35, y - wide * 0.55),
                     (x, y - wide * 1.14), (x - half * 1.35, y - wide * 0.55)])  # fmt: skip
    gable = roof[[0, 1, 2]]
    canvas.polygon(gable, sky.lit((0.50, 0.30, 0.20)))
    canvas.polygon(roof, sky.lit(_SNOW))
    pane: Colour = (1.0, 0.85, 0.45)
    window = pane if sky.time != "day" else (0.55, 0.68, 0.78)
    if sky.time == "night":
        canvas.glow(x - half * 0.42, y - wide * 0.22, wide * 0.9, pane, 0.6)
    canvas.box(x - half * 0.65, y - wide * 0.32, x - half * 0.2, y - wide * 0.12, window)
    canvas.box(x + half * 0.2, y - wide * 0.34, x + half * 0.6, y, sky.lit((0.32, 0.18, 0.13)))
