"""Close-ups of a surface under light from one side, with gentle folds where it is cloth."""

from __future__ import annotations

import math

import numpy as np

from sample_model.noise import Field, Rng, unit, value_noise
from sample_model.surfaces import texture

# laid flat: stone, wood, plants, sky
FLAT = frozenset({"wood", "marble", "brick", "galaxy", "terrazzo", "grass"})


def swatch(surface: str, colour: str | None, rng: Rng, *, side: int) -> Field:
    """A close-up of `surface`: RGB in 0..1, float32 [side, side, 3]; `colour` as in texture()."""
    picture = texture(surface, colour, rng, side=side, repeats=float(rng.uniform(0.75, 1.15)))
    height = _folds(rng, side, 0.25 if surface in FLAT else 1.0)
    turn = rng.uniform(0, 2 * np.pi)
    slope = _slope(height, turn)
    if surface not in FLAT:
        picture = _displaced(picture, height, turn)
    return _lit(picture, slope, _falloff(rng, side, turn))


def _folds(rng: Rng, side: int, depth: float) -> Field:
    """Heights of soft folds, all running about one way: [side, side] in fractions of the side."""
    u, v = unit(side)
    turn = rng.uniform(0, 2 * np.pi)
    c, s = np.float32(math.cos(turn)), np.float32(math.sin(turn))
    warp = value_noise(rng, side, 1.6) * np.float32(rng.uniform(0.5, 0.9))
    way = (c * u + s * v + warp) * np.float32(2 * np.pi)
    waves = np.sin(way * np.float32(rng.uniform(0.9, 1.4))) + 0.45 * np.sin(way * 2.3 + 1.0)
    rumple = value_noise(rng, side, 3.0) - 0.5
    height: Field = waves * np.float32(0.030) + rumple * np.float32(0.05)
    return height * np.float32(depth)


def _slope(height: Field, turn: float) -> Field:
    """How much each place leans towards the light that comes from `turn`."""
    down, across = np.gradient(height * np.float32(height.shape[0]))
    return np.asarray(math.cos(turn) * across + math.sin(turn) * down, dtype=np.float32)


def _displaced(picture: Field, height: Field, turn: float) -> Field:
    """The picture pulled along by its folds, sampled linearly."""
    side = picture.shape[0]
    u, v = unit(side)
    pull = height * np.float32(0.6)
    x = np.clip((u + pull * np.float32(math.cos(turn))) * side - 0.5, 0, side - 1.001)
    y = np.clip((v + pull * np.float32(math.sin(turn))) * side - 0.5, 0, side - 1.001)
    left, top = x.astype(np.int32), y.astype(np.int32)
    fx, fy = (x - left)[..., None], (y - top)[..., None]
    corner, pixels = top * side + left, picture.reshape(-1, 3)
    above, below = (
        (1 - fx) * pixels.take(first, axis=0) + fx * pixels.take(first + 1, axis=0)
        for first in (corner, corner + side)
    )
    return np.asarray((1 - fy) * above + fy * below, dtype=np.float32)


def _falloff(rng: Rng, side: int, turn: float) -> Field:
    """Light that fades over the picture, away from where it comes."""
    u, v = unit(side)
    towards = math.cos(turn) * (u - 0.5) + math.sin(turn) * (v - 0.5)
    return np.asarray(1.0 - rng.uniform(0.10, 0.28) * towards, dtype=np.float32)


def _lit(picture: Field, slope: Field, light: Field) -> Field:
    """Shade by slope; what faces the light gets a sheen, which is what shows on black."""
    diffuse = light * (1 - 0.8 * np.clip(slope, -0.35, 0.6))
    sheen = np.clip(-slope - 0.02, 0, 0.5) * np.float32(0.55)
    room = 1 - (picture @ np.full((3, 1), 1 / 3, np.float32))
    lit = picture * (diffuse * np.float32(0.90))[..., None] + sheen[..., None] * room * room
    return np.asarray(np.clip(lit, 0, 1), dtype=np.float32)
