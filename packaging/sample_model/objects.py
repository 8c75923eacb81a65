"""The 22 objects drawn: outlines filled with a surface, bulged, lit from one side, smooth-edged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from sample_model import carried_objects, home_objects, worn_objects
from sample_model.layers import Array, Layer, blurred, slopes
from sample_model.outlines import Part, Points, Role, Shape
from sample_model.surfaces import texture

VARIANTS = 3
OUTLINES: dict[str, Callable[[int], Shape]] = {
    "phone case": carried_objects.phone_case,
    "mug": home_objects.mug,
    "t-shirt": worn_objects.t_shirt,
    "sneaker": worn_objects.sneaker,
    "tote bag": carried_objects.tote_bag,
    "umbrella": carried_objects.umbrella,
    "cushion": home_objects.cushion,
    "watch": carried_objects.watch,
    "chair": home_objects.chair,
    "lamp": home_objects.lamp,
    "notebook": carried_objects.notebook,
    "cap": worn_objects.cap,
    "bottle": home_objects.bottle,
    "vase": home_objects.vase,
    "backpack": carried_objects.backpack,
    "dress": worn_objects.dress,
    "sofa": home_objects.sofa,
    "sock": worn_objects.sock,
    "scarf": worn_objects.scarf,
    "teapot": home_objects.teapot,
    "suitcase": carried_objects.suitcase,
    "headphones": carried_objects.headphones,
}
_FIXED_COLOURS = {
    Role.DARK: (0.115, 0.115, 0.13),
    Role.WHITE: (0.95, 0.945, 0.93),
    Role.METAL: (0.72, 0.73, 0.75),
    Role.TIMBER: (0.55, 0.36, 0.21),
    Role.LEAF: (0.27, 0.52, 0.24),
}
_BLOOMS = ((0.93, 0.36, 0.45), (0.98, 0.78, 0.25), (0.95, 0.93, 0.9), (0.63, 0.45, 0.85))
_GREY = np.full(3, 0.24 / 3, np.float32)  # what a picture is weighed with to judge how dark it is
_FULL_TONE = 1.15  # the tone that fills a mask's channel


@dataclass(frozen=True)
class Pose:
    """Where an object is in the frame: its middle, its longer side as a share of the frame.

    It is turned by `turn` radians, mirrored if `flipped`, and `stretch` times as wide as drawn.
    """

    size: float = 0.9
    x: float = 0.5
    y: float = 0.5
    turn: float = 0.0
    flipped: bool = False
    stretch: float = 1.0


@dataclass(frozen=True)
class _Placed:
    """A shape in the frame: frame point = matrix @ unit point + offset, in 0..1."""

    shape: Shape
    matrix: Points
    offset: Points
    scale: float
    flipped: bool


@dataclass(frozen=True)
class _Canvas:
    """What the parts leave on paper, each reduced to [side, side] or [side, side, 3]."""

    paint: Array  # colours, 0 where the surface shows
    tone: Array  # how much of the surface shows, and how bright
    height: Array
    alpha: Array
    strokes: Array  # soft strokes: below 0 dark, above 0 bright


def outline(name: str, variant: int) -> Shape:
    """The shape of an object in one of its variants; KeyError if there is no such object."""
    return OUTLINES[name](variant % VARIANTS)


def draw_object(
    name: str,
    surface: str,
    colour: str | None,
    rng: np.random.Generator,
    *,
    side: int,
    pose: Pose | None = None,
) -> Layer:
    """The object made of the surface, lit from above and one side, alone in a clear frame."""
    placed = _placed(outline(name, int(rng.integers(VARIANTS))), pose or Pose())
    cloth = texture(
        surface,
        colour,
        rng,
        side=max(24, round(side * placed.scale)),
        repeats=placed.shape.repeats * float(rng.uniform(0.9, 1.15)),
    )
    canvas = _drawn(placed, _colours(cloth, rng), side)
    x, y = _unit_coordinates(placed, side)
    light = -1.0 if rng.random() < 0.5 else 1.0
    body = _round_body(placed.shape, x, y)
    rgb = canvas.paint + _covered(cloth, canvas.tone, *_wrapped(body, x, y))
    rgb /= np.maximum(canvas.alpha, 1e-3)[..., None]
    return Layer(_lit(rgb, canvas, body, placed, light), canvas.alpha)


# ---------------------------------------------------------------------- where it is


def _placed(shape: Shape, pose: Pose) -> _Placed:
    """The shape turned and scaled so that its parts just fill the pose's share of the frame."""
    cosine, sine = np.cos(pose.turn), np.sin(pose.turn)
    matrix = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag(
        [-pose.stretch if pose.flipped else pose.stretch, 1.0]
    )
    points = _solid_points(shape) @ matrix.T
    low, high = points.min(axis=0), points.max(axis=0)
    scale = pose.size / float((high - low).max())
    offset = np.array([pose.x, pose.y]) - (low + high) / 2 * scale
    return _Placed(shape, matrix * scale, offset, scale, pose.flipped)


def _solid_points(shape: Shape) -> Points:
    """All points of the parts that are more than soft strokes."""
    soft = (Role.SHADE, Role.GLOSS)
    return np.concatenate([part.points for part in shape.parts if part.role not in soft])


def extent(name: str, variant: int = 0) -> tuple[float, float]:
    """Width and height of an upright object whose longer side is 1."""
    points = _solid_points(outline(name, variant))
    wide, high = points.max(axis=0) - points.min(axis=0)
    return float(wide / max(wide, high)), float(high / max(wide, high))


def _unit_coordinates(placed: _Placed, side: int) -> tuple[Array, Array]:
    """For each pixel where in the object's unit square it lies, x and y [side, side]."""
    inverse = np.linalg.inv(placed.matrix).astype(np.float32)
    steps = ((np.arange(side) + 0.5) / side).astype(np.float32)
    across = (steps - np.float32(placed.offset[0]))[None, :]
    down = (steps - np.float32(placed.offset[1]))[:, None]
    x = inverse[0, 0] * across + inverse[0, 1] * down
    y = inverse[1, 0] * across + inverse[1, 1] * down
    return x, y


# ---------------------------------------------------------------------- outlines on paper


def _colours(cloth: Array, rng: np.random.Generator) -> dict[Role, Array]:
    """The paint of every role that is not the surface, matched to the surface."""
    mean = cloth.mean(axis=(0, 1))
    own = mean * 0.52 if mean.mean() > 0.2 else mean + 0.13
    choice = rng.random()
    trim = own if choice < 0.7 else np.array([0.17, 0.16, 0.17])
    if choice > 0.85:
        trim = np.array([0.58, 0.4, 0.26])
    fixed = {role: np.array(colour) for role, colour in _FIXED_COLOURS.items()}
    bloom = np.array(_BLOOMS[int(rng.integers(len(_BLOOMS)))])
    return {**fixed, Role.TRIM: trim, Role.LINING: mean * 0.5 + 0.02, Role.BLOOM: bloom}


def _byte(value: float) -> int:
    """0..1 as 0..255."""
    return max(0, min(255, round(value * 255)))


def _drawn(placed: _Placed, colours: dict[Role, Array], side: int) -> _Canvas:
    """All parts drawn large, from back to front, and reduced, so that edges are smooth."""
    times = 3 if side <= 640 else 2
    size = (side * times, side * times)
    paint, masks = Image.new("RGB", size), Image.new("RGB", size)
    strokes = Image.new("L", size, 128)
    pens = ImageDraw.Draw(paint), ImageDraw.Draw(masks), ImageDraw.Draw(strokes)
    corners = placed.matrix.T * size[0], placed.offset * size[0] - 0.5
    for part in placed.shape.parts:
        _draw_part(pens, part, (part.points @ corners[0] + corners[1]).ravel().tolist(), colours)
    mask = _reduced(masks, times)
    soft = (_reduced(strokes, times) - np.float32(128 / 255)) * np.float32(255 / 127)
    return _Canvas(
        paint=_reduced(paint, times),
        tone=mask[..., 0] * np.float32(_FULL_TONE),
        height=mask[..., 1],
        alpha=mask[..., 2],
        strokes=blurred(soft, max(0.6, 0.011 * side * placed.scale)),
    )


def _reduced(image: Image.Image, times: int) -> Array:
    """The image so many times smaller, 0..1."""
    result: Array = np.asarray(image.reduce(times), np.float32) * np.float32(1 / 255)
    return result


def _draw_part(
    pens: tuple[ImageDraw.ImageDraw, ImageDraw.ImageDraw, ImageDraw.ImageDraw],
    part: Part,
    points: list[float],
    colours: dict[Role, Array],
) -> None:
    """One part onto paint, masks (tone, height, alpha) and soft strokes."""
    paint, masks, strokes = pens
    if part.role in (Role.SHADE, Role.GLOSS):
        sign = -1 if part.role is Role.SHADE else 1
        strokes.polygon(points, fill=round(128 + sign * 127 * part.tone))
        return
    surface = part.role is Role.SURFACE
    colour = (0, 0, 0) if surface else _rgb(colours[part.role] * part.tone)
    tone = _byte(part.tone / _FULL_TONE) if surface else 0
    paint.polygon(points, fill=colour)
    masks.polygon(points, fill=(tone, _byte(part.height), 255))
    strokes.polygon(points, fill=128)


def _rgb(colour: Array) -> tuple[int, int, int]:
    """A colour in 0..1 as bytes."""
    red, green, blue = (_byte(float(value)) for value in colour)
    return red, green, blue


# ---------------------------------------------------------------------- the surface on it


@dataclass(frozen=True)
class _Body:
    """Where a round body is: across it -1..1 (0 off it), its axis and radius, each [side, side]."""

    across: Array
    inside: Array
    axis: Array
    widest: float


def _round_body(shape: Shape, x: Array, y: Array) -> _Body | None:
    """The round body of a shape that has one."""
    rows = shape.round_rows
    if rows is None:
        return None
    axis = np.float32(rows[0, 1])
    table = np.linspace(rows[0, 0], rows[-1, 0] + 0.05, 256)
    radii = np.interp(table, rows[:, 0], rows[:, 2]).astype(np.float32)
    at = (y - np.float32(table[0])) * np.float32(255 / (table[-1] - table[0]))
    radius = radii[np.clip(at, 0, 255).astype(np.int32)]
    across = (x - axis) / radius
    inside = (np.abs(across) < 1.08) & (at >= 0) & (at <= 255)
    return _Body(np.clip(across, -1, 1), inside, np.full_like(x, axis), float(radii.max()))


def _wrapped(body: _Body | None, x: Array, y: Array) -> tuple[Array, Array]:
    """Where on the flat surface each pixel looks: round bodies show it bent about them."""
    if body is None:
        return x, y
    bent = body.axis + np.float32(body.widest * 0.8) * np.arcsin(body.across * 0.97)
    sunk = y - np.float32(0.05) * np.sqrt(1 - (body.across * 0.97) ** 2)
    return np.where(body.inside, bent, x), np.where(body.inside, sunk, y)


def _covered(cloth: Array, tone: Array, x: Array, y: Array) -> Array:
    """The cloth's colours times tone, [side, side, 3]; read only where the surface shows."""
    at = np.flatnonzero(tone)
    result = np.zeros((tone.size, 3), np.float32)
    result[at] = _sampled(cloth, x.ravel()[at], y.ravel()[at]) * tone.ravel()[at, None]
    return result.reshape(*tone.shape, 3)


def _sampled(cloth: Array, x: Array, y: Array) -> Array:
    """The cloth's colours at points x, y of its unit square, between pixels linearly [n, 3]."""
    side = len(cloth)
    column = np.clip(x * side - 0.5, 0, side - 1.001)
    row = np.clip(y * side - 0.5, 0, side - 1.001)
    left, top = column.astype(np.int32), row.astype(np.int32)
    right, low = (column - left)[:, None], (row - top)[:, None]
    flat, at = np.ascontiguousarray(cloth, np.float32).reshape(-1, 3), top * side + left
    here, below = flat.take(at, axis=0), flat.take(at + side, axis=0)
    here += (flat.take(at + 1, axis=0) - here) * right
    below += (flat.take(at + side + 1, axis=0) - below) * right
    result: Array = here + (below - here) * low
    return result


# ---------------------------------------------------------------------- light


@lru_cache(maxsize=16)
def _descent(side: int) -> Array:
    """Light from above: a little brighter at the top of the frame [side, 1, 1]."""
    return np.linspace(1.07, 0.93, side, dtype=np.float32)[:, None, None]


def _lit(rgb: Array, canvas: _Canvas, body: _Body | None, placed: _Placed, light: float) -> Array:
    """The colours under a soft lamp above at the left (light -1) or the right (1)."""
    reach = len(rgb) * placed.scale
    fine = _facing(canvas.height, 0.008 * reach, light)
    broad = _facing(canvas.height, 0.045 * reach, light)
    facing = 0.75 * fine + (0.7 * placed.shape.puff) * broad
    rim = np.clip(blurred(canvas.alpha, 0.03 * reach) * 2 - 1, 0, 1)
    shade = (1 + np.tanh(facing) * 0.75) * (0.74 + 0.26 * rim)
    strokes = canvas.strokes
    shade *= 1 + 0.75 * np.minimum(strokes, 0)
    sheen = np.maximum(strokes, 0) * (0.55 + 0.45 * placed.shape.shine)
    # dark things show their shape by what they reflect
    sheen = sheen + (0.38 - rgb @ _GREY) * np.clip(facing, 0, 0.6)
    if body is not None:
        side_lit = _round_light(body.across, -light if placed.flipped else light) * body.inside
        shown = np.minimum(canvas.tone, 1) * body.inside
        shade *= 1 + shown * (side_lit - 1)
        sheen += shown * 0.4 * np.clip(side_lit - 0.82, 0, 0.3)
    lit = rgb * shade[..., None] * _descent(len(rgb)) * np.float32(0.97)
    lit += (1 - lit) * sheen[..., None]
    result: Array = np.clip(lit, 0, 1).astype(np.float32)
    return result


def _facing(height: Array, sigma: float, light: float) -> Array:
    """How much the relief of this softness faces the lamp, about -0.4 to 0.4."""
    sigma = max(sigma, 0.7)
    across, down = slopes(blurred(height, sigma))
    facing = across * np.float32(-light * 0.7 * sigma) + down * np.float32(0.75 * sigma)
    result: Array = facing.astype(np.float32, copy=False)
    return result


def _round_light(across: Array, light: float) -> Array:
    """Light on a cylinder, across it -1..1, from the side of the sign."""
    front = np.sqrt(np.maximum(1 - across * across, 0))
    result: Array = 0.5 + 0.56 * np.maximum(0.83 * front + 0.55 * light * across, 0)
    return result
