"""The five rooms of the drawn world: plain sets for a product that stands at 0.8 of the height."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sample_model.canvas import Array, Canvas, Colour, Points, blend

_WALLS: tuple[Colour, ...] = (
    (0.78, 0.42, 0.36), (0.36, 0.56, 0.62), (0.86, 0.68, 0.36), (0.46, 0.58, 0.44),
    (0.52, 0.46, 0.64), (0.34, 0.44, 0.62), (0.80, 0.54, 0.56),
)  # fmt: skip
_PASTELS: tuple[Colour, ...] = (
    (0.98, 0.84, 0.86), (0.82, 0.92, 0.98), (0.86, 0.95, 0.86), (0.99, 0.93, 0.80),
    (0.90, 0.86, 0.98), (0.99, 0.88, 0.78), (0.82, 0.95, 0.93),
)  # fmt: skip
_WOODS: tuple[Colour, ...] = ((0.62, 0.42, 0.26), (0.72, 0.53, 0.34), (0.48, 0.31, 0.20))


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    red, green, blue = colours[int(rng.integers(len(colours)))]
    shift = rng.normal(0, 0.018, 3).tolist()
    return red + shift[0], green + shift[1], blue + shift[2]


def _studio(
    canvas: Canvas, rng: np.random.Generator, wall: Colour, dark: Colour, gleam: float = 0.45
) -> None:
    """A seamless paper: wall, a soft curve, floor, with light from one side."""
    bend = float(rng.uniform(0.60, 0.70))
    floor = blend(wall, (1.0, 1.0, 1.0), gleam)
    canvas.gradient([(0.0, blend(wall, dark, 0.22)), (bend - 0.18, wall),
                     (bend, blend(wall, dark, 0.16)), (bend + 0.12, floor),
                     (1.0, blend(wall, dark, 0.10))])  # fmt: skip
    canvas.glow(float(rng.uniform(0.25, 0.75)), 0.30, 1.0, (1.0, 1.0, 1.0), 0.38)
    line = np.linspace(-1, 1, 24)
    away = np.hypot(line[:, None], line[None, :])
    canvas.veil((away - 0.75).clip(0, 1) * 0.35, dark, (0, 0, 1, 1))


def _white(canvas: Canvas, rng: np.random.Generator) -> None:
    tint = float(rng.uniform(-0.012, 0.012))
    _studio(canvas, rng, (0.94 + tint, 0.94, 0.945 - tint), (0.62, 0.64, 0.68))


def _grey(canvas: Canvas, rng: np.random.Generator) -> None:
    tone = float(rng.uniform(0.42, 0.58))
    wall = (tone, tone, tone + float(rng.uniform(-0.01, 0.03)))
    _studio(canvas, rng, wall, (0.14, 0.14, 0.16), 0.2)


def _pastel(canvas: Canvas, rng: np.random.Generator) -> None:
    wall = _pick(rng, _PASTELS)
    _studio(canvas, rng, wall, blend(wall, (0.45, 0.35, 0.50), 0.45))
    if rng.random() < 0.4:
        x, size = float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.26, 0.36))
        canvas.oval(x, 0.42, size, size, blend(wall, (1.0, 1.0, 1.0), 0.5), 0.45)


def _wooden(canvas: Canvas, rng: np.random.Generator) -> None:
    """A wooden table whose planks run to a point far behind, before a plain wall out of focus."""
    wall = blend(_pick(rng, _PASTELS + _WALLS), (0.90, 0.87, 0.82), 0.5)
    edge = float(rng.uniform(0.58, 0.68))
    canvas.gradient([(0.0, blend(wall, (0.25, 0.22, 0.24), 0.22)), (1.0, wall)], 0.0, edge + 0.02)
    canvas.glow(float(rng.uniform(0.1, 0.9)), 0.15, 1.0, (1.0, 0.98, 0.92), 0.4)
    wood = _pick(rng, _WOODS)
    canvas.gradient([(0.0, blend(wood, (1.0, 0.9, 0.75), 0.22)),
                     (1.0, blend(wood, (0.1, 0.05, 0.03), 0.2))],
                    edge, 1.0)  # fmt: skip
    _grain(canvas, rng, edge, wood)
    shade = np.linspace(0.35, 0, 6)[:, None].repeat(2, 1)
    canvas.veil(shade, (0.16, 0.08, 0.05), (0, edge, 1, edge + 0.07))
    canvas.box(0, edge - 0.004, 1, edge + 0.003, blend(wood, (1.0, 0.95, 0.85), 0.45))


def _grain(canvas: Canvas, rng: np.random.Generator, edge: float, wood: Colour) -> None:
    dark = blend(wood, (0.14, 0.06, 0.03), 0.6)
    bright = blend(wood, (1.0, 0.86, 0.66), 0.4)
    for x, drop, size in rng.random((46, 3)).tolist():
        top = edge + drop * (1 - edge) * 0.7
        low = min(1.02, top + 0.08 + 0.3 * size)
        lines = np.array([(_along(x, top, edge), top), (_along(x + 0.004, low, edge), low)])
        canvas.polygon(_strip(lines, 0.002, 0.004), dark if size > 0.4 else bright, 0.35)
    for k in range(9):
        x = (k + 0.5) / 9
        seam = np.array([(_along(x, edge, edge), edge), (_along(x, 1.02, edge), 1.02)])
        canvas.polygon(_strip(seam, 0.003, 0.006), dark, 0.7)


def _strip(ends: Points, first: float, last: float) -> Points:
    """A steep straight line between two points, `first` wide at its upper end."""
    (x, y), (below, low) = ends.tolist()
    return np.array([(x - first / 2, y), (x + first / 2, y), (below + last / 2, low),
                     (below - last / 2, low)])  # fmt: skip


def _along(x: float, y: float, edge: float) -> float:
    """Where the plank line that meets the table's far edge at `x` lies at height `y`."""
    return 0.5 + (x - 0.5) * (1.15 + 1.1 * (y - edge) / (1 - edge))


def _coloured(canvas: Canvas, rng: np.random.Generator) -> None:
    """A painted wall, a white skirting board and a floor."""
    wall = _pick(rng, _WALLS)
    line = float(rng.uniform(0.66, 0.73))
    canvas.gradient([(0.0, blend(wall, (0.1, 0.05, 0.1), 0.16)),
                     (0.8, blend(wall, (1.0, 1.0, 1.0), 0.08)),
                     (1.0, wall)], 0.0, line)  # fmt: skip
    canvas.glow(float(rng.uniform(0.2, 0.8)), 0.15, 0.95, blend(wall, (1.0, 1.0, 1.0), 0.7), 0.5)
    floor = _pick(rng, (*_WOODS, (0.72, 0.68, 0.64), (0.82, 0.76, 0.68)))
    canvas.gradient([(0.0, blend(floor, (0.1, 0.05, 0.05), 0.18)), (1.0, floor)], line, 1.0)
    canvas.box(0, line - 0.055, 1, line, (0.95, 0.94, 0.92))
    canvas.box(0, line - 0.055, 1, line - 0.048, (0.76, 0.74, 0.73))
    canvas.box(0, line, 1, line + 0.012, (0.12, 0.07, 0.06), 0.35)


_ROOMS: dict[str, Callable[[Canvas, np.random.Generator], None]] = {
    "white studio": _white,
    "grey studio": _grey,
    "pastel backdrop": _pastel,
    "wooden table": _wooden,
    "coloured wall": _coloured,
}


def room(name: str, rng: np.random.Generator, *, side: int) -> Array:
    """A room by its name in `facts`: float32 RGB in 0..1, [side, side, 3]."""
    canvas = Canvas(side)
    _ROOMS[name](canvas, rng)
    return canvas.finished()
