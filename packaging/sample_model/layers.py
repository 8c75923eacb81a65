"""A layer: colours with an edge, to be laid over a picture.

All arrays are float32 in 0..1; a picture is [side, side, 3], an edge (alpha) [side, side].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """Colours [side, side, 3] (not multiplied by alpha) and how much each covers [side, side]."""

    rgb: Array
    alpha: Array

    def over(self, picture: Array) -> Array:
        """The picture [side, side, 3] with this layer laid over it."""
        result: Array = picture + (self.rgb - picture) * self.alpha[..., None]
        return result


@lru_cache(maxsize=64)
def _bell(length: int, sigma: float) -> Array:
    """The matrix [length, length] that blurs a column by a Gaussian of sigma pixels."""
    steps = np.arange(length, dtype=np.float32)
    weights = np.exp(-0.5 * ((steps[:, None] - steps[None, :]) / max(sigma, 0.05)) ** 2)
    result: Array = (weights / (max(sigma, 0.4) * np.sqrt(2 * np.pi))).astype(np.float32)
    return result


def blurred(plane: Array, sigma: float) -> Array:
    """The plane [side, side] under a Gaussian of sigma pixels; beyond the frame it is 0."""
    side = len(plane)
    times = 1
    # a wide blur loses nothing on a smaller plane, and costs a fraction there
    while sigma > 6 * times and side % (2 * times) == 0:
        times *= 2
    bell = _bell(side // times, round(sigma / times, 3))
    if times == 1:
        return (bell @ plane @ bell).astype(np.float32, copy=False)
    small = plane.reshape(side // times, times, side // times, times).mean(axis=(1, 3))
    soft = Image.fromarray((bell @ small @ bell).astype(np.float32, copy=False))
    result: Array = np.asarray(soft.resize((side, side), Image.Resampling.BICUBIC), np.float32)
    return result


def slopes(plane: Array) -> tuple[Array, Array]:
    """How fast the plane [side, side] rises to the right and downward, per pixel."""
    across, down = np.zeros_like(plane), np.zeros_like(plane)
    across[:, 1:-1] = (plane[:, 2:] - plane[:, :-2]) / 2
    down[1:-1] = (plane[2:] - plane[:-2]) / 2
    return across, down
