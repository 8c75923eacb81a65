"""Plants of the drawn world: firs, round trees, palms, cactuses, flowers and grass.

Each stands with its foot at (x, y) and is `high` tall, in units of the picture's side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sample_model.canvas import Canvas, Colour, Points, blend, smooth, tapered

if TYPE_CHECKING:
    from sample_model.skies import Sky

_PINK, _WHITE = (0.95, 0.45, 0.62), (0.98, 0.97, 0.95)
_FLOWERS: tuple[Colour, ...] = (
    (0.90, 0.20, 0.22), (0.98, 0.80, 0.20), _WHITE, _PINK, (0.58, 0.40, 0.85), (0.98, 0.55, 0.20),
)  # fmt: skip


def _fir_outline(rng: np.random.Generator) -> Points:
    """A fir one high and about 0.5 wide; its foot at (0, 0), its top at (0, -1)."""
    tiers = 5
    jitter = rng.uniform(0.85, 1.12, tiers * 2).tolist()
    right, left = [], []
    for k in range(tiers):
        low = -1 + 0.9 * (k + 1) / tiers
        reach = 0.07 + 0.19 * (k + 1) / tiers
        neck = reach * 0.5
        right += [(reach * jitter[k], low), (neck, low - 0.025)]
        left += [(-reach * jitter[k + tiers], low), (-neck, low - 0.025)]
    return np.array([(0.0, -1.0), *right[:-1], *left[:-1][::-1]])


_FIRS = [_fir_outline(np.random.default_rng(seed)) for seed in range(24)]


def fir(
    canvas: Canvas, sky: Sky, rng: np.random.Generator, place: tuple[float, float, float],
    colour: Colour, *, far: float = 0.0, snowy: bool = False,
) -> None:  # fmt: skip
    """A fir; `place` is x, y and the height."""
    x, y, high = place
    outline = _FIRS[int(rng.integers(len(_FIRS)))]
    size, foot = np.array([high, high]), np.array([x, y])
    trunk = sky.lit((0.36, 0.25, 0.18), far)
    canvas.box(x - 0.03 * high, y - 0.14 * high, x + 0.03 * high, y, trunk)
    canvas.polygon(outline * size + foot, sky.lit(colour, far))
    away = -1.0 if sky.x > x else 1.0
    shaded = np.array([away, 1.0]) * np.maximum(outline * (away, 1.0), (-0.04, -1.0))
    canvas.polygon(shaded * size + foot, sky.lit(blend(colour, (0.02, 0.08, 0.12), 0.35), far))
    if snowy:
        _snow_on_fir(canvas, sky, outline * size + foot, high, far)


def _snow_on_fir(canvas: Canvas, sky: Sky, outline: Points, high: float, far: float) -> None:
    count = (len(outline) - 1) // 2
    right, left = outline[1 : 1 + count], outline[1 + count :][::-1]
    snow = sky.lit((0.97, 0.98, 1.0), far * 0.5)
    for k in range(0, count, 2):
        upper = outline[0] if k == 0 else (right[k - 1] + left[k - 1]) / 2
        for tip in (left[k], right[k]):
            inner = (tip + upper) / 2 + (0.0, high * 0.012)
            hem = tip * 0.7 + upper * 0.3 + (0.0, high * 0.045)
            canvas.polygon(np.array([upper, tip, hem, inner]), snow, 0.95)


def round_tree(
    canvas: Canvas, sky: Sky, rng: np.random.Generator, place: tuple[float, float, float],
    colour: Colour, *, far: float = 0.0,
) -> None:  # fmt: skip
    """A tree with a crown of round tufts; `place` is x, y and the height."""
    x, y, high = place
    trunk = tapered(np.array([(x, y), (x + 0.01 * high, y - 0.5 * high)]), 0.11 * high, 0.06 * high)
    canvas.polygon(trunk, sky.lit((0.40, 0.28, 0.20), far))
    tufts = rng.uniform(-1, 1, (9, 2))
    toward = 0.05 if sky.x > x else -0.05
    shades = ((0.34, -0.03), (0.0, 0.0), (-0.30, 0.05))
    for depth, shift in shades:
        dark: Colour = (0.02, 0.10, 0.14) if depth > 0 else (0.95, 0.98, 0.55)
        shade = sky.lit(blend(colour, dark, abs(depth)), far)
        shrink = 1.0 if depth > 0 else 0.86 if depth == 0 else 0.5
        for dx, dy in tufts.tolist():
            across = x + (dx * 0.20 * (1 if depth > 0 else 0.9) + toward * shift * 20) * high
            radius = 0.19 * high * shrink
            canvas.oval(across, y - (0.66 + 0.17 * dy + shift) * high, radius, radius, shade)


def palm(
    canvas: Canvas, sky: Sky, rng: np.random.Generator, place: tuple[float, float, float]
) -> None:
    """A palm that leans; `place` is x, y and the height."""
    x, y, high = place
    lean = float(rng.uniform(0.12, 0.3)) * (1 if x < 0.5 else -1)
    stem = smooth([(x, y), (x + lean * 0.25 * high, y - high * 0.5), (x + lean * high, y - high)],
                  closed=False)  # fmt: skip
    canvas.polygon(tapered(stem, 0.075 * high, 0.042 * high), sky.lit((0.52, 0.38, 0.25)))
    half = tapered(stem + np.array([0.012 * high, 0.0]), 0.03 * high, 0.015 * high)
    canvas.polygon(half, sky.lit((0.38, 0.26, 0.18)), 0.7)
    top = stem[-1]
    leaf: Colour = (0.16, 0.46, 0.24)
    for k, angle in enumerate(np.linspace(-0.35, 3.5, 9) + rng.normal(0, 0.08, 9)):
        reach = high * (0.42 + 0.06 * (k % 2))
        away = np.array([np.cos(angle), -np.sin(angle) * 0.75])
        drop = np.array([0.0, reach * 0.42])
        line = smooth([top, top + away * reach * 0.55, top + away * reach + drop], closed=False)
        blade = tapered(line, 0.085 * high, 0.004 * high)
        canvas.polygon(blade, sky.lit(blend(leaf, (0.50, 0.72, 0.25), 0.14 * (k % 4))))
    canvas.oval(
        float(top[0]), float(top[1]), 0.035 * high, 0.035 * high, sky.lit((0.34, 0.24, 0.14))
    )


def cactus(
    canvas: Canvas, sky: Sky, rng: np.random.Generator, place: tuple[float, float, float]
) -> None:
    """A saguaro with two arms; `place` is x, y and the height."""
    x, y, high = place
    green: Colour = (0.22, 0.50, 0.30)
    toward = 1.0 if sky.x > x else -1.0
    canvas.oval(x - toward * 0.25 * high, y, 0.36 * high, 0.04 * high, (0.1, 0.05, 0.1), 0.22)
    first, second = rng.uniform(0.30, 0.52, 2).tolist()
    arms = [
        [(0.0, 0.02), (0.0, -0.94)],
        [(0.0, -first), (-0.20, -first - 0.02), (-0.24, -first - 0.08), (-0.24, -first - 0.30)],
        [(0.0, -second), (0.18, -second - 0.02), (0.22, -second - 0.08), (0.22, -second - 0.24)],
    ]
    widths = (0.17, 0.115, 0.105)
    for shade, shift, thin in ((green, 0.0, 1.0), (blend(green, (0.75, 0.9, 0.5), 0.5), 0.2, 0.22)):
        for arm, width in reversed(list(zip(arms, widths, strict=True))):
            points = np.array(arm) * high + (x + toward * shift * width * high, y)
            _round_line(canvas, points, width * high * thin, sky.lit(shade))


def _round_line(canvas: Canvas, points: Points, width: float, colour: Colour) -> None:
    canvas.line(points, colour, width)
    for x, y in (points[0], points[-1]):
        canvas.oval(x, y, width / 2, width / 2, colour)


def flowers(
    canvas: Canvas, sky: Sky, rng: np.random.Generator, top: float, many: int
) -> None:  # fmt: skip
    """Flowers from the height `top` down to the lower edge, larger when nearer."""
    kinds = rng.choice(len(_FLOWERS), 3, replace=False).tolist()
    spots = rng.random((many, 4))
    spots = spots[np.argsort(spots[:, 0])]
    for t, x, pick, wobble in spots.tolist():
        near = t**1.5
        y = top + (1.0 - top) * near
        size = 0.004 + 0.017 * near
        petals = sky.lit(_FLOWERS[kinds[int(pick * 3)]], 0.3 * (1 - near))
        if near > 0.12:
            stem = np.array([(x, y), (x + (wobble - 0.5) * size, y + size * 3)])
            canvas.line(stem, sky.lit((0.16, 0.42, 0.16)), size * 0.3)
            for turn in range(5):
                angle = turn * 1.2566 + wobble
                dx, dy = np.cos(angle) * size * 0.72, np.sin(angle) * size * 0.62
                canvas.oval(x + dx, y + dy, size * 0.62, size * 0.56, petals)
            canvas.oval(x, y, size * 0.42, size * 0.38, sky.lit((0.98, 0.80, 0.24)))
        else:
            canvas.oval(x, y, size, size * 0.7, petals)


def blades(
    canvas: Canvas, sky: Sky, rng: np.random.Generator, area: tuple[float, float], colour: Colour,
    *, many: int,
) -> None:  # fmt: skip
    """Blades of grass between two heights, longer when nearer."""
    top, bottom = area
    spots = rng.random((many, 4))
    spots = spots[np.argsort(spots[:, 0])]
    for t, x, bend, tone in spots.tolist():
        y = top + (bottom - top) * t
        high = 0.010 + 0.05 * t
        wide = 0.003 + 0.004 * t
        tip = x + (bend - 0.5) * high * 0.9
        blade = np.array([(x - wide, y), (x + wide, y), (tip, y - high)])
        other: Colour = (0.75, 0.85, 0.35) if tone > 0.5 else (0.04, 0.22, 0.14)
        canvas.polygon(blade, sky.lit(blend(colour, other, abs(tone - 0.5) * 0.8)), 0.85)
