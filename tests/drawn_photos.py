"""Landscapes drawn by formula: photos of nobody, for tests, benchmarks and the README's picture.

`draw(seed, size)` gives the same picture for the same arguments. They are photo-like in what
matters to decoders and thumbnails: smooth skies, noise, edges, millions of colours.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float32]
TIMES = ("morning", "day", "sunset", "night")
PLACES = ("mountains", "sea", "desert", "forest")


@dataclass(frozen=True)
class Look:
    """Hues of the sky's top and foot (0 to 1), their brightness, and how far ridges fade."""

    top: tuple[float, float, float]
    foot: tuple[float, float, float]
    light: tuple[float, float, float]


LOOKS = {
    "morning": Look((0.58, 0.35, 0.85), (0.08, 0.30, 1.0), (0.10, 0.20, 1.0)),
    "day": Look((0.58, 0.65, 0.85), (0.55, 0.18, 1.0), (0.14, 0.08, 1.0)),
    "sunset": Look((0.72, 0.55, 0.45), (0.05, 0.75, 1.0), (0.09, 0.65, 1.0)),
    "night": Look((0.64, 0.75, 0.10), (0.62, 0.55, 0.32), (0.15, 0.08, 0.95)),
}
GROUNDS = {"mountains": 0.60, "sea": 0.54, "desert": 0.09, "forest": 0.33}


def name_of(seed: int) -> str:
    return f"{PLACES[seed // 4 % 4]} {TIMES[seed % 4]} {seed:03d}"


def draw(seed: int, size: tuple[int, int] = (720, 480)) -> Image.Image:
    """One RGB landscape of `size` = (width, height) pixels; seed % 4 is its time of day."""
    generator = np.random.default_rng(seed)
    width, height = size
    time, place = TIMES[seed % 4], PLACES[seed // 4 % 4]
    look = LOOKS[time]
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    picture = _mix(_rgb(look.top), _rgb(look.foot), np.clip(y / 0.65, 0, 1) + 0 * x)
    picture = _sun(picture, x * np.float32(width / height), y, look, generator)
    picture = _clouds(picture, x, y, look, generator)
    layers = 2 if place in ("sea", "desert") else 5
    for layer in range(layers):
        picture = _ridge(
            picture, x, y, near=(layer + 1) / layers, place=place, look=look, generator=generator
        )
    noise = generator.normal(0, 0.012, (height, width, 1)).astype(np.float32)
    return Image.fromarray((np.clip(picture + noise, 0, 1) * 255).astype(np.uint8))


def write_photos(
    folder: Path, count: int, size: tuple[int, int] = (720, 480), *, drawn: int | None = None
) -> list[Path]:
    """`count` JPEG files with plain names, in a sub-folder per place.

    With `drawn`, only so many are drawn and the others show the same in a file of its own: large
    ones take a second each to draw.
    """
    pictures = [draw(seed, size) for seed in range(drawn or count)]
    paths = []
    for seed in range(count):
        path = folder / PLACES[seed // 4 % 4] / f"{name_of(seed)}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        pictures[seed % len(pictures)].save(path, quality=88, comment=str(seed).encode())
        paths.append(path)
    return paths


def _rgb(hsv: tuple[float, float, float]) -> Plane:
    return np.array(colorsys.hsv_to_rgb(*hsv), dtype=np.float32)


def _mix(a: Plane, b: Plane, share: Plane) -> Plane:
    share = share[..., None]
    return np.asarray(a * (1 - share) + b * share, dtype=np.float32)


def _sun(picture: Plane, x: Plane, y: Plane, look: Look, generator: np.random.Generator) -> Plane:
    centre_x, centre_y = generator.uniform(0.25, 1.2), generator.uniform(0.12, 0.42)
    far = np.sqrt((x - centre_x) ** 2 + (y - centre_y) ** 2)
    disc = np.clip((0.055 - far) * 120, 0, 1)
    glow = 0.55 * np.exp(-((far / 0.22) ** 2))
    return _mix(picture, _rgb(look.light), np.clip(disc + glow, 0, 1))


def _clouds(
    picture: Plane, x: Plane, y: Plane, look: Look, generator: np.random.Generator
) -> Plane:
    field = np.zeros_like(picture[..., 0])
    for octave in range(1, 6):
        shift = generator.uniform(0, 6.28, 4)
        wave = np.sin(x * 5 * 1.9**octave + shift[0] + 2 * np.sin(y * 3 * 1.7**octave + shift[1]))
        field += wave * np.sin(y * 11 * 1.8**octave + shift[2] + np.sin(x * 4 + shift[3])) / octave
    cover = np.clip(field - 0.15, 0, 1) * np.clip(1 - np.abs(y - 0.25) * 3.2, 0, 1) * 0.6
    return _mix(picture, _rgb(look.light) * 0.95, cover)


def _ridge(
    picture: Plane,
    x: Plane,
    y: Plane,
    *,
    near: float,
    place: str,
    look: Look,
    generator: np.random.Generator,
) -> Plane:
    """Paint one layer of ground over the picture; `near` from 0 (horizon) to 1 (at our feet)."""
    line = np.full_like(x, 0.52 + 0.34 * near)
    rough = {"mountains": 0.16, "sea": 0.0, "desert": 0.05, "forest": 0.06}[place]
    for octave in range(1, 9 if place != "desert" else 3):
        shift = generator.uniform(0, 6.28)
        wave = np.sin(x * 2.6 * 1.9**octave + shift)
        line = line - rough * (np.abs(wave) if place == "mountains" else wave) / 1.75**octave
    if place == "forest":
        line = line - 0.05 * near * np.abs(np.sin(x * 90 / near)) ** 0.6
    inside = np.clip((y - line) * picture.shape[0] / 2, 0, 1)
    shine = np.sin(y * 160 * (1.4 - near)) * np.sin(x * 40 + y * 90) if place == "sea" else 0 * y
    value = max(_rgb(look.foot)) * (0.75 - 0.5 * near)
    ground = _rgb((GROUNDS[place], 0.25 + 0.4 * near, float(value)))
    hazy = ground * (0.35 + 0.65 * near) + _rgb(look.foot) * 0.65 * (1 - near)
    colour = hazy + (y - line)[..., None] * 0.15 + 0.06 * np.asarray(shine)[..., None]
    share = inside[..., None]
    return np.asarray(picture * (1 - share) + colour * share, dtype=np.float32)
