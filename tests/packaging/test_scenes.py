"""Scenes, rooms and animals: every one is drawn, bright enough, whole and the same for a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from sample_model.animal_outlines import FIGURES
from sample_model.animals import animal, stand_of
from sample_model.facts import ANIMAL_SCENES, ANIMALS, ROOMS, SCENES, TIMES
from sample_model.rooms import room
from sample_model.scenes import light_of, scene

if TYPE_CHECKING:
    from sample_model.canvas import Array

SIDE = 48
EVERY_SCENE = [(name, time) for name in SCENES for time in TIMES]


def drawn(name: str, time: str, seed: int = 1, side: int = SIDE) -> Array:
    return scene(name, time, np.random.default_rng(seed), side=side)


def assert_is_picture(picture: Array, side: int = SIDE) -> None:
    assert picture.shape == (side, side, 3)
    assert picture.dtype == np.float32
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert picture.std() > 0.01


@pytest.mark.parametrize(("name", "time"), EVERY_SCENE)
def test_every_scene_is_a_picture_bright_enough_to_see(name: str, time: str) -> None:
    for seed in range(3):
        picture = drawn(name, time, seed)
        assert_is_picture(picture)
        assert picture.mean() >= 0.22
        assert picture.max() >= 0.6


@pytest.mark.parametrize(("name", "time"), EVERY_SCENE)
def test_the_ground_of_a_scene_is_painted_without_gaps(name: str, time: str) -> None:
    picture = drawn(name, time, side=64)
    assert picture.max(axis=2).min() > 0.05


@pytest.mark.parametrize("name", SCENES)
def test_times_differ_in_colour(name: str) -> None:
    day, sunset, night = (drawn(name, time).mean(axis=(0, 1)) for time in TIMES)
    assert day.mean() > night.mean() + 0.08
    assert sunset[0] - sunset[2] > day[0] - day[2] + 0.05
    assert night[2] > night[0]


def test_a_seed_is_a_picture_and_another_seed_another() -> None:
    assert np.array_equal(drawn("sea", "sunset", 4), drawn("sea", "sunset", 4))
    assert not np.allclose(drawn("sea", "sunset", 4), drawn("sea", "sunset", 5))


def test_a_larger_scene_is_the_same_scene() -> None:
    small, large = drawn("city", "day", side=48), drawn("city", "day", side=96)
    reduced = large.reshape(48, 2, 48, 2, 3).mean(axis=(1, 3))
    assert np.abs(reduced - small).mean() < 0.05


def test_light_never_hides_a_product() -> None:
    for time in TIMES:
        light = light_of(time)
        assert light.shape == (3,)
        assert light.min() >= 0.55
    night = light_of("night")
    assert night[2] > night[0]


def test_an_unknown_scene_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        drawn("moonbase", "day")


@pytest.mark.parametrize("name", ROOMS)
def test_every_room_is_a_calm_picture(name: str) -> None:
    picture = room(name, np.random.default_rng(2), side=SIDE)
    assert_is_picture(picture)
    assert np.array_equal(picture, room(name, np.random.default_rng(2), side=SIDE))
    assert np.abs(np.diff(picture, axis=1)).mean() < 0.03


def test_the_white_studio_is_lighter_than_the_grey_one() -> None:
    white, grey = (room(name, np.random.default_rng(1), side=SIDE) for name in ROOMS[:2])
    assert white.mean() > 0.8
    assert 0.25 < grey.mean() < 0.7


@pytest.mark.parametrize("name", ANIMALS)
def test_every_animal_stands_in_every_place(name: str) -> None:
    for place, time in zip(ANIMAL_SCENES, (*TIMES, "night"), strict=True):
        rng = np.random.default_rng(3)
        picture = animal(name, place, time, rng, side=SIDE)
        assert_is_picture(picture)
        assert picture.mean() >= 0.18
        changed = np.abs(picture - drawn(place, time, 3)).max(axis=2) > 0.06
        assert changed.mean() > 0.10


@pytest.mark.parametrize("name", ANIMALS)
def test_an_animal_lies_wholly_inside_the_frame(name: str) -> None:
    figure = FIGURES[name]
    every = np.concatenate([part.outline for part in figure.parts])
    for seed in range(40):
        placed = stand_of(figure, np.random.default_rng(seed)).place(every)
        assert placed.min() > 0
        assert placed.max() < 1


def test_each_animal_has_an_outline_of_its_own() -> None:
    shapes = set()
    for figure in FIGURES.values():
        every = np.concatenate([part.outline for part in figure.parts])
        wide, high = np.ptp(every, axis=0)
        shapes.add(round(wide / high, 1))
    assert len(shapes) == len(ANIMALS)
    assert min(shapes) < 0.7
    assert max(shapes) > 1.8
