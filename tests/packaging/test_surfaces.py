"""Surfaces and swatches: every name is drawn, repeatably, at any size, in its colour.

The pictures are judged by eye on contact sheets; here is what can be measured.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sample_model.colours import FAMILIES, colour_of, partner_of
from sample_model.facts import COLOURED_SURFACES, COLOURS, NATURAL_SURFACES, SURFACES
from sample_model.noise import Field, cell_noise, plane, value_noise
from sample_model.surfaces import texture
from sample_model.swatches import swatch


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def reduced(picture: Field, side: int) -> Field:
    image = Image.fromarray((picture * 255).round().astype(np.uint8))
    return np.asarray(image.resize((side, side), Image.Resampling.BOX), dtype=np.float32) / 255


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("draw", [texture, swatch])
def test_every_surface_is_a_picture_and_the_same_from_the_same_seed(
    draw: Callable[..., Field], surface: str
) -> None:
    once, again = (draw(surface, "teal", rng(5), side=48) for _ in range(2))
    assert once.shape == (48, 48, 3)
    assert once.dtype == np.float32
    assert once.min() >= 0
    assert once.max() <= 1
    assert np.array_equal(once, again)


@pytest.mark.parametrize("surface", SURFACES)
def test_another_seed_gives_another_texture(surface: str) -> None:
    one, other = (texture(surface, "teal", rng(seed), side=48) for seed in (1, 2))
    assert np.abs(one - other).max() > 0.02


@pytest.mark.parametrize("surface", SURFACES)
def test_motifs_keep_their_relative_size_and_have_smooth_edges(surface: str) -> None:
    """Drawn twice as large and reduced, a texture is the one drawn small: no stairs, no drift."""
    small = texture(surface, "red", rng(3), side=96)
    large = texture(surface, "red", rng(3), side=192)
    # flakes of glitter are two pixels here
    allowed = 0.09 if surface == "glitter" else 0.03
    assert np.abs(reduced(large, 96) - small).mean() < allowed


def test_repeats_makes_motifs_smaller() -> None:
    def changes(repeats: float) -> int:
        picture = texture("checkered", "red", rng(3), side=128, repeats=repeats)
        return int((np.abs(np.diff(picture, axis=1)).sum(2) > 0.1).sum())

    assert changes(3.0) > 2 * changes(1.0)


@pytest.mark.parametrize("surface", COLOURED_SURFACES)
@pytest.mark.parametrize("name", COLOURS)
def test_the_named_colour_covers_more_than_the_second(surface: str, name: str) -> None:
    for seed in range(3):
        main = colour_of(name, rng(seed))
        picture = reduced(texture(surface, name, rng(seed), side=64), 64)
        second = partner_of(name, main, _after_main(name, seed))
        to_main = np.linalg.norm(picture - main, axis=2)
        to_second = np.linalg.norm(picture - second, axis=2)
        assert (to_main < to_second).mean() > 0.47


def _after_main(name: str, seed: int) -> np.random.Generator:
    generator = rng(seed)
    colour_of(name, generator)
    return generator


@given(st.sampled_from(COLOURS), st.integers(0, 2**32 - 1))
def test_no_colour_is_mistaken_for_another(name: str, seed: int) -> None:
    red, green, blue = (float(value) for value in colour_of(name, rng(seed)))
    high, low = max(red, green, blue), min(red, green, blue)
    assert _named(red, green, blue) == name, (red, green, blue, high - low)


def _named(red: float, green: float, blue: float) -> str:
    """A person's rule of thumb for the twelve names, on another path than the families."""
    high, spread = max(red, green, blue), max(red, green, blue) - min(red, green, blue)
    if spread < 0.09:
        return "black" if high < 0.2 else "grey" if high < 0.75 else "white"
    if red == high and blue > green:
        return "pink" if green > 0.4 else "red"
    if red == high:
        warm = (green - blue) / spread
        return "red" if warm < 0.2 else "yellow" if warm > 0.7 else _orange_or_brown(high)
    if green == high or abs(green - blue) < 0.2 * spread:
        return "teal" if blue > 0.8 * green else "green"
    return "purple" if red > green else "blue"


def _orange_or_brown(high: float) -> str:
    return "brown" if high < 0.6 else "orange"


def test_surfaces_differ_when_reduced_to_24_pixels() -> None:
    """By colours and by how much neighbours differ, each natural surface is nearest to itself."""
    known = {name: np.mean([_looks(name, seed) for seed in range(6)], 0) for name in SURFACES}
    right = sum(
        min(known, key=lambda other: float(np.abs(known[other] - _looks(name, seed)).sum())) == name
        for name in NATURAL_SURFACES
        for seed in (10, 11, 12)
    )
    assert right >= 0.85 * 3 * len(NATURAL_SURFACES)


def _looks(surface: str, seed: int) -> Field:
    picture = reduced(texture(surface, "blue", rng(seed), side=96), 24)
    bins = np.histogramdd(picture.reshape(-1, 3), bins=4, range=[(0, 1)] * 3)[0].ravel() / 576
    across = np.abs(np.diff(picture, axis=1)).mean((0, 1))
    down = np.abs(np.diff(picture, axis=0)).mean((0, 1))
    return np.concatenate([bins, across * 2, down * 2])


@pytest.mark.parametrize("name", ["black", "white", "grey"])
def test_a_plain_swatch_shows_folds_and_light(name: str) -> None:
    for seed in range(6):
        grey = reduced(swatch("plain", name, rng(seed), side=128), 32).mean(axis=2)
        assert np.quantile(grey, 0.98) - np.quantile(grey, 0.02) > 0.06


@pytest.mark.parametrize("name", COLOURS)
def test_a_swatch_keeps_its_colour(name: str) -> None:
    lit = swatch("plain", name, rng(4), side=64).mean((0, 1))
    nearest = min(FAMILIES, key=lambda other: _apart(lit, other))
    assert nearest == name


def _apart(lit: Field, name: str) -> float:
    middle = np.mean([colour_of(name, rng(seed)) for seed in range(20)], 0)
    return float(np.linalg.norm(lit - middle))


def test_a_name_that_is_not_a_surface_is_an_error() -> None:
    with pytest.raises(KeyError):
        texture("velvet", "red", rng(), side=16)


def test_value_noise_stays_near_its_range_and_keeps_its_shape_at_any_side() -> None:
    small, large = (value_noise(rng(2), side, 4.0, 3) for side in (64, 128))
    assert -0.2 < large.min() < 0.4
    assert 0.6 < large.max() < 1.2
    halves = large.reshape(64, 2, 64, 2).mean((1, 3))
    assert np.abs(halves - small).max() < 0.05


def test_cell_noise_knows_the_nearest_point_and_the_border() -> None:
    cells = cell_noise(rng(2), plane(rng(3), 96, 6.0), 0.8)
    assert np.allclose(np.hypot(cells.dx, cells.dy), cells.near, atol=1e-5)
    assert cells.border.min() >= 0
    # where the number changes from one pixel to the next, a border is near
    changes = np.diff(cells.number) != 0
    assert changes.any()
    assert cells.border[:, :-1][changes].max() < 1.5 * 6.0 / 96
