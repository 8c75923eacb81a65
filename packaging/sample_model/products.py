"""A product picture: an object placed in a room or before a blurred scene, with its shadow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from sample_model.layers import Array, Layer, blurred
from sample_model.objects import Pose, draw_object, extent, outline
from sample_model.outlines import Stance
from sample_model.rooms import room
from sample_model.scenes import light_of, scene

if TYPE_CHECKING:
    from sample_model.facts import Facts

_FLOOR = 0.84  # where the foot of a standing thing rests, as a share of the height


def product(facts: Facts, rng: np.random.Generator, *, side: int) -> Array:
    """The product [side, side, 3], wholly inside the frame; ValueError if it names no object."""
    if facts.object is None or facts.surface is None:
        raise ValueError(f"{facts} names no object with a surface; give both.")
    behind = _background(facts, rng, side)
    stance = outline(facts.object, 0).stance
    pose = _pose(facts.object, stance, rng)
    layer = draw_object(facts.object, facts.surface, facts.colour, rng, side=side, pose=pose)
    if facts.scene is not None:
        layer = Layer(_in_light(layer.rgb, facts.time or "day"), layer.alpha)
        behind = _set_off(behind, layer.alpha, facts.time or "day")
    return layer.over(_shadowed(behind, layer.alpha, stance, rng))


def _pose(name: str, stance: Stance, rng: np.random.Generator) -> Pose:
    """Size, turn, flip and place: standing things with their feet on the floor."""
    shape = outline(name, 0)
    wide, high = extent(name)
    # long thin things are drawn longer, so that they cover as much of the frame
    size = float(min(rng.uniform(0.56, 0.8) * (0.85 / (wide * high)) ** 0.25, 0.88))
    turn = float(np.clip(rng.normal(0, shape.turn / 2), -shape.turn, shape.turn))
    spare = 0.95 - size
    x = 0.5 + float(rng.uniform(-0.5, 0.5)) * min(spare, 0.22)
    if stance is Stance.STANDS:
        y = max(_FLOOR - high * size / 2 + float(rng.uniform(-0.03, 0.05)), high * size / 2 + 0.04)
    else:
        y = 0.5 + float(rng.uniform(-0.5, 0.5)) * min(spare, 0.16)
    stretch = float(rng.uniform(0.94, 1.06))
    return Pose(size, x, y, turn, bool(rng.random() < 0.5), stretch)


def _background(facts: Facts, rng: np.random.Generator, side: int) -> Array:
    """The room, or the scene out of focus."""
    if facts.scene is None:
        return room(facts.room or "white studio", rng, side=side)
    half = max(32, side // 2)
    drawn = scene(facts.scene, facts.time or "day", rng, side=half)
    image = Image.fromarray((np.clip(drawn, 0, 1) * 255).astype(np.uint8))
    soft = image.filter(ImageFilter.GaussianBlur(half * float(rng.uniform(0.008, 0.018))))
    large = np.asarray(soft.resize((side, side), Image.Resampling.BICUBIC), np.float32)
    result: Array = large * np.float32(1 / 255)
    return result


def _in_light(rgb: Array, time: str) -> Array:
    """Colours in the light of the hour, at night as if a lamp stood near: never below a half."""
    light = np.asarray(light_of(time), np.float32)
    # most of the way to grey, or white things would pass for pink or lilac ones
    light = np.float32(0.4) * light + np.float32(0.6) * light.mean()
    if time == "night":
        light = np.maximum(light, 0.68)
        rgb = rgb * np.float32(0.95) + np.float32(0.05)
    result: Array = np.clip(rgb * light, 0, 1).astype(np.float32)
    return result


def _set_off(behind: Array, alpha: Array, time: str) -> Array:
    """At night a faint halo about the product, so that dark things keep their outline."""
    if time != "night":
        return behind
    glow = blurred(alpha, 0.06 * len(alpha))[..., None]
    tint = np.array([0.17, 0.19, 0.27], np.float32)
    return np.clip(behind + tint * glow, 0, 1).astype(np.float32)


def _shadowed(behind: Array, alpha: Array, stance: Stance, rng: np.random.Generator) -> Array:
    """The background under the object's shadow."""
    side = len(alpha)
    sideways = float(rng.uniform(-0.045, 0.045))
    if stance is Stance.LIES:
        fallen = _shifted(alpha, round(sideways * side), round(0.022 * side))
        dark = 0.42 * blurred(fallen, 0.022 * side)
    else:
        dark = np.maximum(0.5 * _footprint(alpha), 0.3 * _cast(alpha, sideways))
    return behind * (1 - dark[..., None])


def _shifted(plane: Array, right: int, down: int) -> Array:
    """The plane moved by whole pixels, 0 coming in at the borders."""
    moved = np.zeros_like(plane)
    high, wide = plane.shape
    to_rows = slice(max(down, 0), high + min(down, 0))
    to_columns = slice(max(right, 0), wide + min(right, 0))
    from_rows = slice(max(-down, 0), high + min(-down, 0))
    from_columns = slice(max(-right, 0), wide + min(-right, 0))
    moved[to_rows, to_columns] = plane[from_rows, from_columns]
    return moved


def _footprint(alpha: Array) -> Array:
    """The dark patch right under a standing thing: its lowest tenth pressed flat and blurred."""
    side = len(alpha)
    foot, head = _lowest(alpha), _highest(alpha)
    part = alpha[max(head, foot - max(2, (foot - head) // 8)) : foot + 1].max(axis=0)
    rows = np.arange(side, dtype=np.float32)[:, None]
    band = np.exp(-0.5 * ((rows - foot + 0.005 * side) / (0.016 * side)) ** 2)
    return blurred(np.ascontiguousarray(band * part[None, :], np.float32), 0.014 * side)


def _cast(alpha: Array, sideways: float) -> Array:
    """The long shadow on the floor: the outline laid down behind its foot, leaning sideways."""
    side = len(alpha)
    foot = _lowest(alpha)
    flat = np.zeros_like(alpha)
    for row in range(foot, max(foot - round(0.1 * side), 0), -1):
        source = foot - (foot - row) * 5
        if source < 0:
            break
        flat[row] = np.roll(alpha[source], round((foot - row) * sideways * 40))
    return blurred(flat, 0.022 * side)


def _lowest(alpha: Array) -> int:
    """The lowest row with anything in it."""
    rows = np.flatnonzero(alpha.max(axis=1) > 0.5)
    return int(rows[-1]) if len(rows) else len(alpha) - 1


def _highest(alpha: Array) -> int:
    """The highest row with anything in it."""
    rows = np.flatnonzero(alpha.max(axis=1) > 0.5)
    return int(rows[0]) if len(rows) else 0
