"""Flat textures of the surfaces that have colours of their own: coats, stone, wood, stuffs.

Each takes a random generator, the side in pixels and a multiplier of the number of motifs, and
gives a picture [3, side, side] in about 0..1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sample_model.colours import Colour, hsv, tinted
from sample_model.noise import (
    Cells,
    Field,
    Plane,
    Rng,
    above,
    cell_noise,
    cover,
    flat,
    fold,
    lone_points,
    mix,
    plane,
    shade,
    smooth,
    unit,
    value_noise,
)

TAU = 2 * np.pi
CHIPS = (
    (0.80, 0.42, 0.32),
    (0.34, 0.46, 0.48),
    (0.87, 0.66, 0.30),
    (0.50, 0.62, 0.50),
    (0.92, 0.70, 0.66),
    (0.26, 0.27, 0.32),
)
RAINBOW = (
    (0.89, 0.18, 0.20),
    (0.97, 0.53, 0.13),
    (0.99, 0.84, 0.20),
    (0.25, 0.70, 0.33),
    (0.18, 0.66, 0.86),
    (0.20, 0.32, 0.76),
    (0.52, 0.24, 0.68),
)


def leopard(rng: Rng, side: int, repeats: float) -> Field:
    """Rosettes: rings of two to four dark blots round a darker tan, on tan."""
    n = rng.uniform(5.4, 6.8) * repeats
    area = plane(rng, side, n, rng.uniform(0, TAU))
    wobble = value_noise(rng, side, n * 2.8) - 0.5
    cells = cell_noise(rng, area, 0.66)
    # a fifth of the spots are small and solid, the others rings that keep clear of each other
    small = cells.number < 0.2
    size = np.where(small, np.float32(0.05), 0.27 + 0.12 * cells.number)
    distance = np.maximum(cells.near - size, 0.13 - cells.border) + 0.22 * wobble
    ring = np.abs(distance) - (0.062 + 0.105 * _thirds(cells) * ~small)
    ring = np.where(small, distance - 0.06, ring)
    fawn = value_noise(rng, side, 2 * repeats)
    ground = flat(tinted((0.85, 0.62, 0.34), rng, 0.03), side)
    picture = mix(ground, tinted((0.94, 0.79, 0.55), rng, 0.03), fawn)
    inside = smooth(0.04, -0.06, distance)
    picture = mix(picture, tinted((0.68, 0.42, 0.19), rng, 0.03), inside * 0.9)
    return mix(picture, tinted((0.10, 0.07, 0.05), rng, 0.02), cover(ring, area.pixel * 1.3))


def _thirds(cells: Cells) -> Field:
    """Round each point two or three swellings and gaps, -1..1."""
    spin = cells.number * np.float32(61)
    c, s = np.cos(spin), np.sin(spin)
    far = cells.near + np.float32(0.05)
    x, y = (c * cells.dx + s * cells.dy) / far, (c * cells.dy - s * cells.dx) / far
    waves: Field = np.where(cells.number < 0.6, x * (x * x - 3 * y * y), x * x - y * y)
    return waves


def _stripe_phase(rng: Rng, side: int, repeats: float, across: float, forks: int) -> Field:
    """A wave of -1..1 across the picture, warped, with forks where a stripe splits in two."""
    area = plane(rng, side, across * repeats, rng.uniform(-0.5, 0.5) + TAU / 4 * rng.integers(2))
    warp = (value_noise(rng, side, 2.2 * repeats) - 0.5) * np.float32(1.5)
    phase = (area.x + warp) * np.float32(TAU)
    s, c = np.sin(phase), np.cos(phase)
    u, v = unit(side)
    for k in range(max(1, round(forks * repeats**2))):
        dx, dy = u - np.float32(rng.random()), v - np.float32(rng.random())
        far = np.sqrt(dx * dx + dy * dy) + np.float32(1e-4)
        dx, dy = dx / far, (dy / far) * (-1 if k % 2 else 1)
        s, c = s * dx + c * dy, c * dx - s * dy
    return s


def zebra(rng: Rng, side: int, repeats: float) -> Field:
    wave = _stripe_phase(rng, side, repeats, rng.uniform(4.2, 5.6), 4)
    rough = value_noise(rng, side, 22 * repeats) - 0.5
    stripes = above(wave + 0.22 * rough, 0.0, 1.3)
    white = flat(tinted((0.96, 0.95, 0.92), rng, 0.02), side)
    return mix(white, tinted((0.07, 0.06, 0.07), rng, 0.02), stripes)


def tiger(rng: Rng, side: int, repeats: float) -> Field:
    """Tapering black stripes that begin and end, on orange."""
    wave = _stripe_phase(rng, side, repeats, rng.uniform(4.2, 5.4), 4)
    rough = value_noise(rng, side, 22 * repeats) - 0.5
    where = value_noise(rng, side, 3.6 * repeats)
    stripes = above(wave + 0.25 * rough - 1.7 * (where - 0.5), 0.28, 1.4)
    pale = value_noise(rng, side, 2.5 * repeats)
    picture = mix(
        flat(tinted((0.90, 0.42, 0.06), rng, 0.03), side), tinted((0.98, 0.62, 0.18), rng), pale
    )
    return mix(picture, tinted((0.07, 0.05, 0.04), rng, 0.02), stripes)


def giraffe(rng: Rng, side: int, repeats: float) -> Field:
    """Brown polygons with pale seams."""
    n = rng.uniform(3.8, 5.0) * repeats
    area = plane(rng, side, n, rng.uniform(0, TAU))
    warp = (value_noise(rng, side, n * 1.6) - 0.5) * np.float32(0.30)
    cells = cell_noise(rng, area.moved(warp, -warp), 0.80)
    patch = cover(0.062 - cells.border, area.pixel * 1.6)
    brown = tinted((0.55, 0.28, 0.10), rng, 0.03)
    tone = 0.82 + 0.30 * cells.number + 0.45 * (cells.border - 0.25)
    seam = flat(tinted((0.95, 0.86, 0.66), rng, 0.03), side)
    return mix(seam, brown[:, None, None] * tone, patch)


def cow(rng: Rng, side: int, repeats: float) -> Field:
    """Large black patches on white."""
    n = rng.uniform(3.4, 4.4) * repeats
    blobs = value_noise(rng, side, n) + 0.30 * (value_noise(rng, side, n * 2.6) - 0.5)
    level = float(np.quantile(blobs[::2, ::2], rng.uniform(0.54, 0.62)))
    hide = flat(tinted((0.96, 0.95, 0.93), rng, 0.02), side)
    return mix(hide, tinted((0.08, 0.07, 0.07), rng, 0.02), above(blobs, level, 1.5))


def snakeskin(rng: Rng, side: int, repeats: float) -> Field:
    """Overlapping diamond scales, dark saddles with pale rims over olive or tan."""
    area = plane(rng, side, rng.uniform(9, 11) * repeats, rng.uniform(-0.15, 0.15))
    a, b = area.x + area.y * 0.62, area.x - area.y * 0.62
    row, column = np.rint(a), np.rint(b)
    rim = np.maximum(np.abs(a - row), np.abs(b - column))
    fall = (a - row) - (b - column)
    light = (0.52 + 0.60 * smooth(0.0, 0.17, 0.5 - rim)) * (1.0 - 0.30 * fall)
    # the saddles are made of whole scales
    x, y = (row + column) / 2, (row - column) / 1.24
    saddle = np.hypot(fold(x / 7) * 2, fold(y / 6.6) * 2)
    saddle = np.minimum(saddle, np.hypot(fold(x / 7 + 0.5) * 2, fold(y / 6.6 + 0.5) * 2))
    hue = float(rng.choice([0.10, 0.13, 0.20]))
    ground, dark, pale = hsv(hue, 0.42, 0.66), hsv(hue - 0.03, 0.55, 0.24), hsv(hue, 0.22, 0.90)
    rims = smooth(0.36, 0.44, saddle) * (1 - smooth(0.58, 0.66, saddle))
    picture = mix(flat(ground, side), pale, rims)
    picture = mix(picture, dark, 1 - smooth(0.38, 0.46, saddle))
    return shade(picture, light)


def camouflage(rng: Rng, side: int, repeats: float) -> Field:
    picture = flat(tinted((0.53, 0.53, 0.33), rng, 0.03), side)
    inks = ((0.28, 0.36, 0.18), (0.36, 0.27, 0.17), (0.10, 0.12, 0.09))
    for ink, share in zip(inks, (0.58, 0.70, 0.82), strict=True):
        n = rng.uniform(3.4, 4.2) * repeats
        blobs = value_noise(rng, side, (n, n * 1.5)) + 0.35 * value_noise(rng, side, n * 3)
        level = float(np.quantile(blobs[::2, ::2], share))
        picture = mix(picture, tinted(ink, rng, 0.02), above(blobs, level, 1.3))
    return picture


def wood(rng: Rng, side: int, repeats: float) -> Field:
    """Planks with flowing grain, each of its own tone."""
    area = plane(rng, side, rng.uniform(2.6, 3.6) * repeats)
    board = np.floor(area.y).astype(np.int32) & 63
    u, _ = unit(side)
    own = rng.random((3, 64)).astype(np.float32)
    warp = value_noise(rng, side, (1.6 * repeats, 5 * repeats), 2)
    rings = (area.y * 2.2 + warp * 3.4 + own[0][board] * 20) * np.float32(TAU)
    fibre = value_noise(rng, side, (5 * repeats, 70 * repeats)) - 0.5
    grain = 0.5 + 0.5 * np.sin(rings + fibre * 2)
    tone = 0.86 + 0.26 * own[1][board] - 0.24 * grain**3 + 0.24 * fibre
    seam = cover(fold(area.y) - np.float32(0.016), area.pixel * 1.2)
    butt = cover(fold(u * np.float32(repeats) * 0.62 + own[2][board]) - 0.004, 0.7 / side)
    picture = shade(flat(tinted((0.66, 0.43, 0.23), rng, 0.04), side), tone)
    return mix(picture, np.array((0.20, 0.11, 0.05)), np.maximum(seam, butt) * 0.85)


def marble(rng: Rng, side: int, repeats: float) -> Field:
    """White stone with slanting grey veins, now and then a golden one."""
    n = rng.uniform(2.0, 2.8) * repeats
    clouds = value_noise(rng, side, n, 3)
    picture = flat(tinted((0.965, 0.96, 0.95), rng, 0.012), side)
    picture = mix(picture, np.array((0.78, 0.79, 0.82)), smooth(0.40, 0.85, clouds))
    gold = (0.72, 0.55, 0.28) if rng.random() < 0.4 else (0.25, 0.26, 0.30)
    turn = rng.uniform(0.3, 1.2) * rng.choice([-1, 1])
    for across, width, depth, ink in (
        (0.55, 0.13, 0.55, (0.52, 0.54, 0.58)),
        (1.0, 0.030, 0.95, (0.36, 0.38, 0.42)),
        (0.7, 0.018, 0.95, gold),
    ):
        way = plane(rng, side, n * across, turn).x
        way = way + (value_noise(rng, side, n * 1.2, 4) - 0.5) * np.float32(1.7 * across)
        strength = smooth(0.25, 0.75, value_noise(rng, side, n * 1.5))
        vein = np.clip(1 - fold(way) / (width * across * 1.6 * (0.4 + strength)), 0, 1)
        picture = mix(picture, np.array(ink), vein * depth * (0.25 + 0.75 * strength))
    return picture


def denim(rng: Rng, side: int, repeats: float) -> Field:
    """Blue twill, faded in streaks, with orange double stitching along a seam."""
    area = plane(rng, side, 1.25 * repeats)
    u, v = unit(side)
    lines = np.float32(46 * repeats * TAU)
    twill = np.sin((u * 0.8 + v) * lines) * 0.5 + 0.5 * np.sin(v * lines * np.float32(1.3))
    slub = value_noise(rng, side, (90 * repeats, 5 * repeats)) - 0.5
    fade = value_noise(rng, side, 2.5 * repeats, 2) - 0.5
    blue = tinted((0.20, 0.33, 0.56), rng, 0.03)
    picture = shade(flat(blue, side), 1 + 0.13 * twill + 0.55 * slub + 0.55 * fade)
    picture = mix(picture, np.array((0.70, 0.78, 0.88)), np.clip(0.30 * slub + 0.35 * fade, 0, 1))
    fell = fold(area.x)
    groove = cover(np.abs(fell - 0.012) - 0.012, 0.02) * 0.75 + 0.25 * cover(fell - 0.12, 0.08)
    picture = shade(picture, 1 - 0.55 * groove)
    run = cover(fold(area.y * 16) - 0.34, area.pixel * 16)
    stitch = cover(np.abs(fell - 0.075) - 0.011, area.pixel) * run
    return mix(picture, tinted((0.90, 0.55, 0.18), rng), stitch)


def brick(rng: Rng, side: int, repeats: float) -> Field:
    """Courses of red bricks in pale mortar."""
    area = plane(rng, side, rng.uniform(5.5, 7.0) * repeats)
    row = np.floor(area.y)
    x = area.x / 2.2 + 0.5 * np.mod(row, 2)
    column = np.floor(x)
    number = rng.random(1024).astype(np.float32)
    index = (row.astype(np.int32) & 31) * 32 + (column.astype(np.int32) & 31)
    rough = value_noise(rng, side, 16 * repeats, 3) - 0.5
    dx, dy = np.abs(x - column - 0.5) * 2.2, np.abs(area.y - row - 0.5)
    edge = np.hypot(np.maximum(dx - 0.95, 0), np.maximum(dy - 0.35, 0)) - 0.085 + 0.06 * rough
    clay = tinted((0.68, 0.27, 0.18), rng, 0.03)[:, None, None]
    tone = 0.72 + 0.42 * number[index] + 0.45 * rough
    bevel = 0.30 * smooth(-0.16, 0.0, edge) * (area.y - row - 0.5)
    mortar = shade(flat(tinted((0.82, 0.79, 0.74), rng, 0.03), side), 1 + 0.25 * rough)
    return mix(mortar, clay * (tone - bevel), cover(edge, area.pixel * 1.4))


def galaxy(rng: Rng, side: int, repeats: float) -> Field:
    """A bright band of violet, blue and rose dust across a dark sky full of stars."""
    a, b, c = (value_noise(rng, side, n * repeats, 4) for n in (2.0, 2.4, 3.0))
    way = plane(rng, side, 1.35 * repeats, rng.uniform(0, TAU)).x
    band = smooth(0.10, 0.50, fold(way + (a - 0.5) * np.float32(0.9)))
    clouds = (
        ((0.34, 0.12, 0.60), 0.18 + 0.95 * band * smooth(0.25, 0.75, b)),
        ((0.06, 0.28, 0.70), 0.10 + 0.80 * smooth(0.50, 0.80, c) * (0.25 + band)),
        ((0.95, 0.36, 0.60), 0.95 * smooth(0.52, 0.78, a) * band * b),
    )
    picture = flat(np.array((0.02, 0.015, 0.07)), side)
    for ink, dust in clouds:
        picture = picture + np.array(ink, np.float32)[:, None, None] * dust.astype(np.float32)
    for across, size in ((8, 0.060), (15, 0.055), (34, 0.085)):
        area = plane(rng, side, across * repeats)
        stars = lone_points(rng, area, 0.7)
        bright = np.clip(stars.number * 2.0 - 0.8, 0, 1)
        glow = np.exp(-((stars.near / np.float32(size + area.pixel * 0.25)) ** 2))
        picture = picture + (glow * bright)[None]
    return picture


def rainbow(rng: Rng, side: int, repeats: float) -> Field:
    """Seven bands in order, straight or bent."""
    u, v = unit(side)
    way = plane(rng, side, rng.uniform(6.5, 8.5) * repeats, rng.uniform(0, TAU)).x
    if rng.random() < 0.4:
        x, y = rng.uniform(0.2, 0.8), rng.uniform(1.0, 1.3)
        way = np.hypot(u - np.float32(x), v - np.float32(y)) * np.float32(-8 * repeats) + 63
    inks = [tinted(ink, rng, 0.03) for ink in RAINBOW]
    place, picture = np.mod(way, 7), flat(inks[0], side)
    for k in range(1, 8):
        share = np.clip((place - k) * np.float32(side / (8 * repeats)) + 0.5, 0, 1)
        picture = mix(picture, inks[k % 7], share)
    return picture


def terrazzo(rng: Rng, side: int, repeats: float) -> Field:
    """Angular chips of many colours, scattered in pale cement."""
    cement = tinted((0.94, 0.92, 0.88), rng, 0.02)
    picture = shade(flat(cement, side), 0.97 + 0.06 * value_noise(rng, side, 60 * repeats))
    table = np.array([tinted(ink, rng) for ink in CHIPS], np.float32).T
    area = plane(rng, side, 19 * repeats, rng.uniform(0, TAU))
    bits = lone_points(rng, area, 0.4)
    spin = bits.number * np.float32(211)
    c, s = np.cos(spin), np.sin(spin)
    x, y = c * bits.dx + s * bits.dy, c * bits.dy - s * bits.dx
    size = np.maximum(np.abs(x) * (0.7 + bits.number), np.abs(x * 0.6 + y))
    chip = cover(size - 0.26, area.pixel) * (bits.number < 0.45)
    picture = mix(picture, _chosen(table, bits.number * 2.2), chip)
    area = plane(rng, side, rng.uniform(6.5, 8) * repeats, rng.uniform(0, TAU))
    cells = cell_noise(rng, area, 0.95)
    gap = 0.08 + 0.36 * fold(cells.number * 7)
    chip = cover(gap - cells.border, area.pixel * 1.2)
    return mix(picture, _chosen(table, cells.number), chip)


def _chosen(table: Field, number: Field) -> Field:
    """The colour of `table` [3, n] that each number in 0..1 picks: [3, side, side]."""
    last = table.shape[1] - 1
    return np.asarray(table[:, np.clip(number * (last + 1), 0, last).astype(np.int32)])


def tie_dye(rng: Rng, side: int, repeats: float) -> Field:
    """A rainbow spiral with white where the folds kept the dye out."""
    u, v = unit(side)
    dx, dy = u - np.float32(rng.uniform(0.35, 0.65)), v - np.float32(rng.uniform(0.35, 0.65))
    radius = np.hypot(dx, dy)
    wobble = value_noise(rng, side, 7 * repeats, 3) - 0.5
    turns = np.arctan2(dy, dx) / np.float32(TAU) * float(rng.choice([-1, 1]))
    arm = (
        2 * turns
        + np.float32(rng.uniform(2.0, 2.8) * repeats) * radius
        + 0.22 * wobble
        + rng.random()
    )
    dye = [0.5 + 0.5 * np.cos((arm / 2 + shift) * np.float32(TAU)) for shift in (0.0, 0.33, 0.66)]
    picture = 0.24 + 0.70 * np.stack(dye)
    white = smooth(0.25, 0.5, fold(arm * 3 + wobble * 1.6)) * (
        0.25 + 0.75 * smooth(0.35, 0.7, wobble + 0.5)
    )
    return mix(picture, np.array((0.97, 0.96, 0.95)), 0.75 * white)


def glitter(rng: Rng, side: int, repeats: float) -> Field:
    """Gold flakes, some of which flash."""
    flakes = cell_noise(
        rng, plane(rng, side, 44 * repeats, rng.uniform(0, TAU)), 0.9, borders=False
    )
    broad = value_noise(rng, side, 2.5 * repeats) - 0.5
    tilt = 0.25 * (flakes.dx + flakes.dy)
    light = 0.36 + 0.80 * flakes.number + 0.35 * broad + tilt
    picture = shade(flat(tinted((0.88, 0.64, 0.18), rng, 0.03), side), light)
    picture = mix(picture, np.array((1.0, 0.93, 0.66)), smooth(0.82, 0.97, flakes.number))
    stars = lone_points(rng, plane(rng, side, 7 * repeats), 0.55)
    dx, dy = np.abs(stars.dx), np.abs(stars.dy)
    reach = np.clip(1 - stars.near / 0.22, 0, 1) ** 2
    rays = reach * 0.004 / (dx * dy + 0.0004 + 0.004 * stars.near)
    flash: Field = np.clip(rays, 0, 1) * (stars.number > 0.45)
    return picture + flash


def leather(rng: Rng, side: int, repeats: float) -> Field:
    """Brown hide: fine pebbles with dark creases between, worn lighter in places."""
    n = 30 * repeats
    area = plane(rng, side, n, rng.uniform(0, TAU))
    warp = (value_noise(rng, side, n / 4) - 0.5) * np.float32(1.4)
    cells = cell_noise(rng, area.moved(warp, warp), 0.85)
    bump = smooth(0.0, 0.30, cells.border)
    sheen = np.clip((cells.dx + cells.dy) * -0.30, -0.2, 0.2) * bump
    patina = value_noise(rng, side, 2.5 * repeats, 2) - 0.5
    light = 0.68 + 0.32 * bump + sheen + 0.55 * patina
    return shade(flat(tinted((0.48, 0.25, 0.12), rng, 0.035), side), light)


def grass(rng: Rng, side: int, repeats: float) -> Field:
    """Blades in six layers, the nearer ones lighter."""
    area = plane(rng, side, rng.uniform(11, 14) * repeats, rng.uniform(-0.1, 0.1))
    picture = flat(np.array((0.06, 0.18, 0.05)), side)
    hue = rng.uniform(0.25, 0.30)
    for layer in range(6):
        shifted = area.moved(rng.uniform(0, 8), rng.uniform(0, 8))
        near = hsv(hue - 0.012 * layer, 0.82, 0.36 + 0.09 * layer)
        picture = _blades(picture, rng, shifted, near)
    return picture


def _blades(picture: Field, rng: Rng, area: Plane, green: Colour) -> Field:
    """One blade in each cell one wide and four high: bent, pointed, darker at its root."""
    lift = rng.random((2, 64)).astype(np.float32)
    column = np.floor(area.x).astype(np.int32) & 63
    y = area.y / 4 + lift[0][column]
    row = np.floor(y)
    height = 1 - (y - row)
    index = (column * 7 + row.astype(np.int32) * 13) & 63
    bend = (lift[1][index] - 0.5) * np.float32(0.7) * height * height
    middle = fold(area.x - 0.5 + bend)
    blade = cover(middle - 0.20 * (1 - height) ** 0.6, area.pixel)
    tone = (0.62 + 0.45 * height) * (0.85 + 0.3 * lift[0][index])
    return mix(picture, green[:, None, None] * tone, blade)


NATURAL: dict[str, Callable[[Rng, int, float], Field]] = {
    "leopard": leopard,
    "zebra": zebra,
    "giraffe": giraffe,
    "tiger": tiger,
    "cow": cow,
    "snakeskin": snakeskin,
    "camouflage": camouflage,
    "wood": wood,
    "marble": marble,
    "denim": denim,
    "brick": brick,
    "galaxy": galaxy,
    "rainbow": rainbow,
    "terrazzo": terrazzo,
    "tie-dye": tie_dye,
    "glitter": glitter,
    "leather": leather,
    "grass": grass,
}
