"""The eight scenes of the drawn world, each by day, at sunset and at night."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sample_model import landscapes, shores
from sample_model.canvas import Array, Canvas
from sample_model.skies import Sky, paint_sky

_LIGHT = {
    "day": (1.0, 1.0, 1.0),
    "sunset": (1.02, 0.86, 0.76),
    "night": (0.60, 0.70, 0.92),
}
# each: what paints the land, and the range the horizon lies in
_SCENES: dict[str, tuple[Callable[[Canvas, Sky, np.random.Generator], None], float, float]] = {
    "beach": (shores.beach, 0.36, 0.46),
    "forest": (landscapes.forest, 0.36, 0.44),
    "city": (shores.city, 0.50, 0.60),
    "mountains": (landscapes.mountains, 0.48, 0.56),
    "sea": (shores.sea, 0.38, 0.55),
    "desert": (landscapes.desert, 0.40, 0.52),
    "meadow": (landscapes.meadow, 0.42, 0.54),
    "snow": (landscapes.snow, 0.42, 0.54),
}


def light_of(time: str) -> Array:
    """The light on things that stand in a scene: RGB to multiply their colours by, [3]."""
    return np.array(_LIGHT[time], dtype=np.float32)


def painted(name: str, time: str, rng: np.random.Generator, *, side: int) -> tuple[Canvas, Sky]:
    """A landscape by its names in `facts`, still on its canvas, and its sky."""
    paint, highest, lowest = _SCENES[name]
    canvas = Canvas(side)
    sky = paint_sky(canvas, time, rng, horizon=float(rng.uniform(highest, lowest)))
    paint(canvas, sky, rng)
    return canvas, sky


def scene(name: str, time: str, rng: np.random.Generator, *, side: int) -> Array:
    """A landscape by its names in `facts`: float32 RGB in 0..1, [side, side, 3]."""
    return painted(name, time, rng, side=side)[0].finished()
