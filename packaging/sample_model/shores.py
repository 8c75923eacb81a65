"""Places by the water: the sea, a beach, and a city across a river, below a painted sky."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from sample_model import plants
from sample_model.canvas import Canvas, Colour, Points, blend, smooth

if TYPE_CHECKING:
    from sample_model.skies import Sky


def _water(canvas: Canvas, sky: Sky, rng: np.random.Generator, top: float, bottom: float) -> None:
    """Water between two heights: waves that grow nearer, and the light's path on them."""
    deep: Colour = blend((0.05, 0.36, 0.62), (0.04, 0.48, 0.58), float(rng.random()))
    light: Colour = (0.30, 0.68, 0.80)
    stops = [(0.0, blend(sky.lit(light), sky.haze, 0.5)), (0.3, sky.lit(light, 0.1)),
             (1.0, sky.lit(deep))]  # fmt: skip
    canvas.gradient(stops, top, bottom)
    span = bottom - top
    for t, x, tone in rng.random((90, 3)).tolist():
        near = t**1.7
        shade = sky.lit((0.75, 0.92, 0.96), 0.2) if tone > 0.5 else sky.lit((0.02, 0.26, 0.46))
        wide = 0.015 + 0.13 * near
        canvas.oval(x, top + span * near, wide, 0.0022 + 0.007 * near, shade, 0.18 + 0.3 * near)
    strength = {"day": 0.45, "sunset": 0.95, "night": 0.8}[sky.time]
    many = {"day": 50, "sunset": 110, "night": 80}[sky.time]
    spots = np.concatenate([rng.random((many, 2)), rng.normal(0, 1, (many, 1))], axis=1)
    if sky.time != "day":
        line = 1 - np.abs(np.linspace(-1, 1, 24))
        sheen = (line[None, :] ** 1.5).repeat(6, 0) * 0.5
        canvas.veil(sheen, sky.lamp, (sky.x - 0.14, top, sky.x + 0.14, bottom))
    for t, size, away in spots.tolist():
        x = sky.x + away * (0.018 + 0.075 * t)
        wide = (0.008 + 0.035 * t) * (0.4 + size)
        canvas.oval(x, top + span * t, wide, 0.002 + 0.0045 * t, sky.lamp, strength * (1 - 0.4 * t))


def _islands(canvas: Canvas, sky: Sky, rng: np.random.Generator) -> None:
    for x, size in rng.random((int(rng.integers(0, 3)), 2)).tolist():
        wide, high = 0.10 + 0.14 * size, 0.025 + 0.05 * size
        bumps = np.array([(-wide, 0), (-wide * 0.5, -high * 0.7), (0, -high),
                          (wide * 0.4, -high * 0.5), (wide, 0)])  # fmt: skip
        outline = smooth(bumps, closed=False) + np.array([x, sky.horizon])
        canvas.polygon(outline, sky.lit((0.26, 0.44, 0.46), 0.45))


def _sailboat(canvas: Canvas, sky: Sky, place: tuple[float, float, float], sail: Colour) -> None:
    x, y, high = place
    hull = np.array([(-0.42, -0.12), (0.46, -0.12), (0.30, 0.04), (-0.28, 0.04)])
    main = smooth([(0.02, -1.0), (0.22, -0.62), (0.40, -0.2)], closed=False)
    canvas.oval(x, y + 0.06 * high, 0.42 * high, 0.05 * high, (0.03, 0.10, 0.2), 0.3)
    size = np.array([high, high])
    canvas.polygon(hull * size + (x, y), sky.lit((0.48, 0.22, 0.18)))
    canvas.polygon(np.concatenate([main, [(0.02, -0.2)]]) * size + (x, y), sky.lit(sail))
    jib = np.array([(-0.03, -0.9), (-0.03, -0.2), (-0.36, -0.2)])
    canvas.polygon(jib * size + (x, y), sky.lit(blend(sail, (0.7, 0.75, 0.85), 0.3)))


def sea(canvas: Canvas, sky: Sky, rng: np.random.Generator) -> None:
    """The open sea with the sun's or moon's path, waves with crests, sometimes islands or boats."""
    _water(canvas, sky, rng, sky.horizon, 1.0)
    _islands(canvas, sky, rng)
    for x, t, red in rng.random((int(rng.integers(0, 3)), 3)).tolist():
        place = (0.1 + 0.8 * x, sky.horizon + 0.04 + 0.16 * t, 0.10 + 0.18 * t)
        _sailboat(canvas, sky, place, (0.97, 0.96, 0.92) if red < 0.7 else (0.90, 0.36, 0.28))
    first = max(sky.horizon + 0.22, 0.7)
    for k, y in enumerate(np.linspace(first, 0.95, 3).tolist()):
        x = np.linspace(-0.02, 1.02, 50)
        phase, waves = float(rng.uniform(0, 6)), 7.0 - 1.2 * k
        crest = y - (0.008 + 0.006 * k) * np.abs(np.sin(waves * x + phase)) ** 0.7
        lower = [(1.02, min(1.02, y + 0.16)), (-0.02, min(1.02, y + 0.16))]
        outline = np.concatenate([np.stack([x, crest], axis=1), lower])
        canvas.polygon(outline, sky.lit((0.03, 0.30, 0.52)), 0.26)
        canvas.line(outline[:50], sky.lit((0.93, 0.98, 1.0)), 0.004 + 0.0015 * k, 0.65)


def beach(canvas: Canvas, sky: Sky, rng: np.random.Generator) -> None:
    """Sea, two lines of foam, sand; sometimes a palm, a parasol, shells."""
    shore = sky.horizon + float(rng.uniform(0.17, 0.26))
    _water(canvas, sky, rng, sky.horizon, shore + 0.14)
    _islands(canvas, sky, rng)
    slope = float(rng.uniform(-0.10, 0.10))
    x = np.linspace(-0.02, 1.02, 50)
    phase = rng.uniform(0, 6.28, 2)
    edge = (
        shore
        + slope * (x - 0.5)
        + 0.016 * np.sin(5 * x + phase[0])
        + 0.008 * np.sin(11 * x + phase[1])
    )
    sand = blend((0.96, 0.86, 0.64), (0.93, 0.80, 0.60), float(rng.random()))
    wet = blend(sand, (0.60, 0.48, 0.40), 0.55)

    def strip(shift: float) -> Points:
        top = np.stack([x, edge + shift + 0.3 * shift * np.sin(7 * x + phase[1])], axis=1)
        return np.concatenate([top, [(1.02, 1.02), (-0.02, 1.02)]])

    canvas.polygon(strip(-0.03), sky.lit((0.45, 0.80, 0.82)), 0.6)
    canvas.line(strip(-0.035)[:50], sky.lit((1.0, 1.0, 1.0)), 0.007, 0.8)
    canvas.polygon(strip(-0.004), sky.lit((0.98, 1.0, 1.0)))
    canvas.land(strip(0.014), [(0.0, sky.lit(wet)), (0.12, sky.lit(wet)), (0.3, sky.lit(sand)),
                               (1.0, sky.lit(blend(sand, (0.86, 0.68, 0.46), 0.5)))])  # fmt: skip
    _things_on_sand(canvas, sky, rng, shore)


def _things_on_sand(canvas: Canvas, sky: Sky, rng: np.random.Generator, shore: float) -> None:
    for x, t, tone in rng.random((90, 3)).tolist():
        y = shore + 0.12 + t * (0.9 - shore)
        dot: Colour = (0.72, 0.56, 0.38) if tone < 0.6 else (1.0, 0.95, 0.84)
        canvas.oval(x, y, 0.002 + 0.003 * t, 0.0015 + 0.002 * t, sky.lit(dot), 0.6)
    pick = float(rng.random())
    if pick < 0.45:
        x = float(rng.choice([rng.uniform(0.06, 0.2), rng.uniform(0.8, 0.94)]))
        place = (x, float(rng.uniform(0.88, 0.97)), float(rng.uniform(0.50, 0.68)))
        canvas.oval(x, place[1], 0.12, 0.018, (0.15, 0.08, 0.1), 0.25)
        plants.palm(canvas, sky, rng, place)
    elif pick < 0.8:
        hue: Colour = ((0.90, 0.28, 0.26), (0.15, 0.50, 0.76), (0.96, 0.66, 0.18))[rng.integers(3)]
        _parasol(canvas, sky, (float(rng.uniform(0.2, 0.8)), 0.9, 0.3), hue)
    for x, t in rng.random((int(rng.integers(0, 5)), 2)).tolist():
        _starfish(canvas, sky, (x, 0.86 + 0.12 * t, 0.014 + 0.008 * t))


def _starfish(canvas: Canvas, sky: Sky, place: tuple[float, float, float]) -> None:
    x, y, size = place
    turn = np.arange(10) * 0.6283 + x * 9
    reach = np.where(np.arange(10) % 2 == 0, size, size * 0.45)
    star = np.stack([x + np.cos(turn) * reach, y + np.sin(turn) * reach * 0.7], axis=1)
    canvas.polygon(star, sky.lit((0.92, 0.46, 0.32)))


def _parasol(canvas: Canvas, sky: Sky, place: tuple[float, float, float], hue: Colour) -> None:
    x, y, high = place
    canvas.oval(x + 0.06, y + 0.01, 0.15, 0.022, (0.15, 0.08, 0.1), 0.25)
    canvas.line(np.array([(x, y), (x + 0.03, y - high)]), sky.lit((0.92, 0.90, 0.86)), 0.010)
    top = np.array([x + 0.03, y - high - 0.05])
    bend = np.linspace(0, np.pi / 2, 10)
    ribs = [
        np.stack([np.sin(bend) * reach, (1 - np.cos(bend)) * 0.115], axis=1) + top
        for reach in np.linspace(-1, 1, 7) * (1.25 - 0.25 * np.abs(np.linspace(-1, 1, 7))) * 0.17
    ]
    for k in range(6):
        hem = (ribs[k][-1:] + ribs[k + 1][-1:]) / 2 + np.array([0.0, -0.010])
        shade = hue if k % 2 == 0 else (0.97, 0.95, 0.90)
        panel = np.concatenate([ribs[k], hem, ribs[k + 1][::-1]])
        canvas.polygon(panel, sky.lit(blend(shade, (0.2, 0.1, 0.2), 0.04 * k)))


def city(canvas: Canvas, sky: Sky, rng: np.random.Generator) -> None:
    """Three rows of towers whose windows are lit after dark, before them trees or a river."""
    base = sky.horizon + 0.16
    rows = ((0.55, 0.42, 13), (0.30, 0.40, 10), (0.0, 0.34, 8))
    for far, high, many in rows:
        _row_of_towers(canvas, sky, rng, (base, high, many), far)
    river = rng.random() < 0.6
    if river:
        _river(canvas, sky, rng, base)
    else:
        _park(canvas, sky, rng, base)


def _row_of_towers(
    canvas: Canvas, sky: Sky, rng: np.random.Generator, shape: tuple[float, float, int], far: float
) -> None:
    base, high, many = shape
    tones: tuple[Colour, ...] = ((0.42, 0.50, 0.62), (0.58, 0.50, 0.50), (0.36, 0.44, 0.52),
                                 (0.66, 0.60, 0.54), (0.32, 0.40, 0.56))  # fmt: skip
    rolls = rng.random((many, 5)).tolist()
    for k, (a, b, c, d, e) in enumerate(rolls):
        wide = (0.7 + 0.5 * a) / many
        x = (k + 0.5 * (b - 0.5)) / many
        tall = high * (0.35 + 0.65 * c) * (1.15 if d > 0.8 else 1.0)
        tone = tones[int(e * 5)]
        _tower(canvas, sky, rng, (x, base, wide, tall), (tone, far))
        if d > 0.72 and far < 0.5:
            mast = np.array([(x + wide / 2, base - tall), (x + wide / 2, base - tall - 0.06)])
            canvas.line(mast, sky.lit(tone, far), 0.005)
        elif d < 0.2:
            cap = np.array(
                [(x, base - tall), (x + wide / 2, base - tall - 0.05), (x + wide, base - tall)]
            )
            canvas.polygon(cap, sky.lit(tone, far))


def _tower(
    canvas: Canvas, sky: Sky, rng: np.random.Generator, place: tuple[float, float, float, float],
    look: tuple[Colour, float],
) -> None:  # fmt: skip
    x, base, wide, tall = place
    tone, far = look
    right = x + wide
    canvas.box(x, base - tall, right, base + 0.01, sky.lit(tone, far))
    lean = 0.28 if sky.x > x else 0.72
    shade = sky.lit(blend(tone, (0.08, 0.10, 0.20), 0.45), far)
    dark = (x, x + wide * lean) if lean < 0.5 else (x + wide * lean, right)
    canvas.box(dark[0], base - tall, dark[1], base + 0.01, shade, 0.5)
    if far > 0.5:
        return
    across, down = max(2, round(wide / 0.026)), max(3, round(tall / 0.034))
    lit_share = {"day": 0.0, "sunset": 0.45, "night": 0.62}[sky.time]
    rolls = rng.random((across, down)).tolist()
    gap, step = wide / across, tall / down
    glass = (
        sky.lit((0.72, 0.86, 0.95), far) if sky.time == "day" else sky.lit((0.28, 0.34, 0.48), far)
    )
    lamp: Colour = (1.0, 0.84, 0.46)
    for i in range(across):
        left = x + gap * (i + 0.24)
        for j in range(down):
            upper = base - tall + step * (j + 0.3)
            roll = rolls[i][j]
            pane = blend(lamp, (1.0, 0.95, 0.80), roll) if roll < lit_share else glass
            canvas.box(left, upper, left + gap * 0.55, upper + step * 0.48, pane)


def _river(canvas: Canvas, sky: Sky, rng: np.random.Generator, base: float) -> None:
    size = canvas.size
    line = round(base * size)
    mirrored = canvas.image.crop((0, max(0, 2 * line - size), size, line))
    mirrored = mirrored.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    canvas.image.paste(mirrored, (0, line))
    water = sky.lit((0.16, 0.42, 0.58))
    fade = np.linspace(0.42, 0.80, 8)[:, None].repeat(2, 1)
    canvas.veil(fade, water, (0, base, 1, 1))
    for t, x, tone in rng.random((80, 3)).tolist():
        y = base + 0.02 + (1 - base) * t
        shade = sky.haze if tone > 0.5 else water
        canvas.oval(x, y, 0.02 + 0.09 * t, 0.002 + 0.004 * t, shade, 0.45)
    canvas.box(0, base - 0.012, 1, base + 0.008, sky.lit((0.34, 0.36, 0.42)))


def _park(canvas: Canvas, sky: Sky, rng: np.random.Generator, base: float) -> None:
    x = np.linspace(-0.02, 1.02, 8)
    ground = np.concatenate(
        [np.stack([x, np.full(8, base - 0.005)], axis=1), [(1.02, 1.02), (-0.02, 1.02)]]
    )
    canvas.land(ground, [(0.0, sky.lit((0.36, 0.58, 0.32))), (1.0, sky.lit((0.26, 0.46, 0.22)))])
    road = np.array([(0.44, base), (0.56, base), (0.95, 1.02), (0.05, 1.02)])
    canvas.polygon(road, sky.lit((0.44, 0.45, 0.50)))
    for k in range(5):
        t, u = (k / 5) ** 1.6, ((k + 0.5) / 5) ** 1.6
        low, high = base + (1 - base) * t, base + (1 - base) * u
        dash = np.array([(0.5 - 0.006 - 0.012 * t, low), (0.506 + 0.012 * t, low),
                         (0.506 + 0.012 * u, high), (0.494 - 0.012 * u, high)])  # fmt: skip
        canvas.polygon(dash, sky.lit((0.95, 0.92, 0.80)))
    for spot, size in rng.random((9, 2)).tolist():
        side = spot * 0.36 if size > 0.5 else 1 - spot * 0.36
        near = abs(side - 0.5) * 2
        place = (side, base + 0.02 + 0.10 * near * size, 0.12 + 0.10 * near)
        plants.round_tree(canvas, sky, rng, place, (0.20, 0.48, 0.24))
