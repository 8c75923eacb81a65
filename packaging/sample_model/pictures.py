"""Any picture of the drawn world, finished: what the facts say, with the look of a photo."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from sample_model.animals import animal
from sample_model.facts import Facts, Kind
from sample_model.products import product
from sample_model.scenes import scene
from sample_model.swatches import swatch

if TYPE_CHECKING:
    from sample_model.layers import Array


def draw(facts: Facts, seed: int, *, side: int) -> Image.Image:
    """The picture of the facts, side x side RGB; the same seed gives the same picture.

    ValueError where the facts lack what their kind needs.
    """
    rng = np.random.default_rng(seed)
    look = np.random.default_rng([seed, 1])
    return _photographed(_drawn(facts, rng, side), look)


def _drawn(facts: Facts, rng: np.random.Generator, side: int) -> Array:
    """The picture before it is photographed."""
    if facts.kind is Kind.PRODUCT:
        return product(facts, rng, side=side)
    if facts.kind is Kind.SWATCH and facts.surface:
        return swatch(facts.surface, facts.colour, rng, side=side)
    if facts.kind is Kind.SCENE and facts.scene and facts.time:
        return scene(facts.scene, facts.time, rng, side=side)
    if facts.kind is Kind.ANIMAL and facts.surface and facts.scene and facts.time:
        return animal(facts.surface, facts.scene, facts.time, rng, side=side)
    raise ValueError(f"{facts} lacks what a {facts.kind} needs; see Facts.")


@lru_cache(maxsize=16)
def _corners(side: int) -> Array:
    """How far each pixel is from the middle, squared, 0 to about 1 in the corners [side, side]."""
    steps = np.linspace(-1, 1, side, dtype=np.float32) ** 2
    result: Array = (steps[:, None] + steps[None, :]) * np.float32(0.5)
    return result


def _photographed(picture: Array, rng: np.random.Generator) -> Image.Image:
    """Slight contrast, colour cast, vignette and grain; now and then a little out of focus."""
    side = len(picture)
    contrast = np.float32(rng.uniform(0.95, 1.1))
    cast = rng.normal(1, 0.018, 3).clip(0.95, 1.05) * rng.uniform(0.95, 1.05)
    fall = 1 - np.float32(rng.uniform(0, 0.16)) * _corners(side)
    grain = rng.standard_normal((side, side), np.float32) * np.float32(rng.uniform(0.002, 0.012))
    look = ((picture - 0.5) * contrast + 0.5) * cast.astype(np.float32) * fall[..., None] + grain[
        ..., None
    ]
    image = Image.fromarray((np.clip(look, 0, 1) * 255 + 0.5).astype(np.uint8), "RGB")
    if rng.random() < 0.12:
        return image.filter(ImageFilter.GaussianBlur(side * float(rng.uniform(0.001, 0.0035))))
    return image
