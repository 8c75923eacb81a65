"""Outlines of things that stand about the house."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from sample_model.outlines import (
    Knots,
    Part,
    Points,
    Role,
    Shape,
    arc,
    box,
    ellipse,
    glow,
    path,
    ribbon,
    ring,
    stroke,
)

SURFACE, TRIM, DARK, WHITE, METAL = (
    Role.SURFACE,
    Role.TRIM,
    Role.DARK,
    Role.WHITE,
    Role.METAL,
)
SHADE, GLOSS, LINING, TIMBER = Role.SHADE, Role.GLOSS, Role.LINING, Role.TIMBER
BLOOM, LEAF = Role.BLOOM, Role.LEAF


def _turned(profile: Knots, axis: float = 0.5, sag: float = 0.03) -> tuple[Points, Points]:
    """Outline and rows (y, axis, radius) of a body turned on a lathe, from (radius, y) knots."""
    edge = path(profile)
    right = np.stack([axis + edge[:, 0], edge[:, 1]], axis=1)
    left = np.stack([axis - edge[:, 0], edge[:, 1]], axis=1)
    foot = arc(axis, float(edge[-1, 1]), float(edge[-1, 0]), sag, (0, 180))[1:-1]
    rows = np.stack([edge[:, 1], np.full(len(edge), axis), edge[:, 0]], axis=1)
    order = np.argsort(rows[:, 0], kind="stable")
    return np.concatenate([right, foot, left[::-1]]), rows[order]


@lru_cache
def mug(variant: int) -> Shape:
    """A mug: a broad cylinder, an open rim, a handle at the right."""
    top, radius, foot = ((0.2, 0.29, 0.28), (0.1, 0.25, 0.245), (0.24, 0.32, 0.22))[variant]
    low = 0.87
    axis = 0.385
    body, rows = _turned(
        [(radius, top), ((radius + foot) / 2 + 0.008, (top + low) / 2), (foot, low - 0.02)],
        axis,
        0.065,
    )
    rise = low - top
    grip = path(
        [
            (axis + radius - 0.05, top + rise * 0.2),
            (axis + radius + 0.16, top + rise * 0.17),
            (axis + radius + 0.25, top + rise * 0.38),
            (axis + radius + 0.18, top + rise * 0.68),
            (axis + foot - 0.03, top + rise * 0.8),
        ]
    )
    parts = (
        Part(SURFACE, ribbon(grip, 0.085, 0.07), 0.9, 0.6),
        Part(SURFACE, body, 1.0, 0.75),
        Part(WHITE, ellipse(axis, top, radius, 0.075), 0.96, 0.85),
        Part(WHITE, ellipse(axis, top + 0.004, radius - 0.022, 0.058), 0.62, 0.3),
        Part(
            DARK,
            ring(
                [
                    (axis - radius + 0.05, top + 0.035),
                    (axis, top + 0.018),
                    (axis + radius - 0.05, top + 0.035),
                    (axis, top + 0.061),
                ]
            ),
            2.2,
            0.3,
        ),
        Part(
            GLOSS,
            stroke(
                (axis - radius * 0.62, top + 0.13), (axis - foot * 0.64, low - 0.06), width=0.035
            ),
            0.4,
        ),
    )
    return Shape(parts, round_rows=rows, puff=0.5, shine=0.6, turn=0.06)


@lru_cache
def bottle(variant: int) -> Shape:
    """A tall narrow flask with shoulders, a neck and a screw cap."""
    knots: Knots = (
        [(0.062, 0.13), (0.062, 0.2), (0.1, 0.27), (0.16, 0.36), (0.165, 0.5), (0.165, 0.8),
        (0.165, 0.965)],
        [(0.055, 0.13), (0.055, 0.33), (0.075, 0.39), (0.13, 0.47), (0.14, 0.6), (0.14, 0.8),
        (0.14, 0.965)],
        [(0.1, 0.15), (0.115, 0.19), (0.17, 0.24), (0.18, 0.34), (0.172, 0.58), (0.18, 0.8),
        (0.176, 0.955)],
    )[variant]  # fmt: skip
    body, rows = _turned(knots, sag=0.028)
    neck = knots[0][0]
    parts = [Part(SURFACE, body, 1.0, 0.75)]
    if variant == 2:
        parts.append(Part(DARK, ribbon(arc(0.5, 0.075, 0.075, 0.06, (180, 360)), 0.028), 1.5, 0.6))
        parts.append(Part(DARK, box(0.385, 0.075, 0.615, 0.165, 0.02), 1.3, 0.9))
    else:
        lid = DARK if variant == 0 else METAL
        parts.append(
            Part(lid, box(0.5 - neck - 0.018, 0.025, 0.5 + neck + 0.018, 0.14, 0.018), 1.2, 0.9)
        )
        parts.append(
            Part(METAL, box(0.5 - neck - 0.008, 0.14, 0.5 + neck + 0.008, 0.158, 0.006), 0.8, 0.8)
        )
    parts += [Part(SHADE, box(0.42, y, 0.58, y + 0.008), 0.5) for y in (0.05, 0.075, 0.1)]
    wide = knots[-1][0]
    parts.append(
        Part(GLOSS, stroke((0.5 - wide * 0.6, 0.42), (0.5 - wide * 0.62, 0.88), width=0.03), 0.55)
    )
    parts.append(
        Part(GLOSS, stroke((0.5 + wide * 0.8, 0.5), (0.5 + wide * 0.8, 0.85), width=0.012), 0.3)
    )
    return Shape(tuple(parts), round_rows=rows, puff=0.5, shine=0.6)


def _flower(x: float, y: float, size: float, petals: int, tone: float) -> list[Part]:
    """A blossom: round petals about a dark heart."""
    angles = np.arange(petals) * 2 * np.pi / petals + x * 9
    parts = [
        Part(
            BLOOM,
            ellipse(x + size * 0.62 * np.cos(a), y + size * 0.62 * np.sin(a), size * 0.46),
            tone,
            0.8,
        )
        for a in angles
    ]
    return [*parts, Part(DARK, ellipse(x, y, size * 0.3), 3.0, 0.95)]


def _bouquet(lip: float) -> list[Part]:
    """Five flowers with stems and two leaves, out of a vase whose mouth is at this height."""
    parts: list[Part] = []
    blooms = (
        (0.3, 0.2, 0.085),
        (0.5, 0.1, 0.095),
        (0.7, 0.19, 0.085),
        (0.4, 0.3, 0.07),
        (0.61, 0.31, 0.07),
    )
    parts += [
        Part(
            LEAF,
            stroke(
                (x, y),
                (0.5 + (x - 0.5) * 0.45, 0.33),
                (0.5 + (x - 0.5) * 0.2, lip + 0.01),
                width=0.018,
            ),
            0.8,
            0.3,
        )
        for x, y, _ in blooms
    ]
    for s in (-1, 1):
        leaf = ring(
            [
                (0.5 + s * 0.04, lip - 0.01, 1),
                (0.5 + s * 0.1, lip - 0.12),
                (0.5 + s * 0.27, lip - 0.11, 1),
                (0.5 + s * 0.17, lip - 0.03),
            ]
        )
        parts.append(Part(LEAF, leaf, 1.0, 0.5))
    for i, (x, y, size) in enumerate(blooms):
        parts += _flower(x, y, size, 6, 1.0 if i % 2 else 0.88)
    return parts


@lru_cache
def vase(variant: int) -> Shape:
    """A round-bellied vase with a lip, and flowers in it."""
    knots: Knots = (
        [(0.12, 0.42), (0.085, 0.47), (0.13, 0.55), (0.235, 0.68), (0.24, 0.8), (0.16, 0.93),
        (0.13, 0.97)],
        [(0.15, 0.42), (0.12, 0.46), (0.2, 0.52), (0.265, 0.61), (0.24, 0.76), (0.15, 0.9),
        (0.12, 0.97)],
        [(0.13, 0.4), (0.07, 0.47), (0.065, 0.54), (0.16, 0.64), (0.25, 0.78), (0.2, 0.93),
        (0.16, 0.97)],
    )[variant]  # fmt: skip
    body, rows = _turned(knots)
    mouth, lip = knots[0][0], knots[0][1]
    parts = _bouquet(lip)
    parts += [
        Part(LINING, ellipse(0.5, lip, mouth, 0.022), 0.5, 0.3),
        Part(SURFACE, body, 1.0, 0.75),
        Part(SURFACE, ribbon(arc(0.5, lip, mouth - 0.008, 0.02, (0, 180)), 0.02), 1.0, 0.95),
        Part(GLOSS, stroke((0.39, 0.62), (0.355, 0.7), (0.36, 0.8), width=0.045), 0.5),
    ]
    return Shape(tuple(parts), round_rows=rows, puff=0.5, shine=0.6)


def _lid(mouth: float, lip: float) -> list[Part]:
    """The lid of a teapot, with its knob."""
    lid = ring(
        [
            (0.5 - mouth - 0.02, lip + 0.015, 1),
            (0.5 - mouth * 0.75, lip - 0.06),
            (0.5, lip - 0.09),
            (0.5 + mouth * 0.75, lip - 0.06),
            (0.5 + mouth + 0.02, lip + 0.015, 1),
            (0.5, lip + 0.04),
        ]
    )
    return [
        Part(SURFACE, lid, 0.95, 0.95),
        Part(
            SHADE,
            stroke(
                (0.5 - mouth - 0.02, lip + 0.025),
                (0.5, lip + 0.052),
                (0.5 + mouth + 0.02, lip + 0.025),
                width=0.018,
            ),
            0.8,
        ),
        Part(TRIM, ellipse(0.5, lip - 0.115, 0.042, 0.038), 0.9, 1.0),
    ]


@lru_cache
def teapot(variant: int) -> Shape:
    """A round teapot: spout at the left, handle at the right, knob on its lid."""
    knots: Knots = (
        [(0.13, 0.33), (0.23, 0.41), (0.275, 0.55), (0.26, 0.7), (0.2, 0.79), (0.16, 0.825)],
        [(0.14, 0.36), (0.27, 0.44), (0.3, 0.57), (0.27, 0.71), (0.2, 0.79), (0.17, 0.82)],
        [(0.12, 0.28), (0.18, 0.38), (0.23, 0.55), (0.26, 0.7), (0.25, 0.8), (0.23, 0.83)],
    )[variant]  # fmt: skip
    body, rows = _turned(knots, sag=0.025)
    mouth, lip = knots[0][0], knots[0][1]
    spout = ring(
        [
            (0.3, 0.7, 1),
            (0.17, 0.63),
            (0.12, 0.48),
            (0.025, 0.385, 1),
            (0.045, 0.355),
            (0.11, 0.345, 1),
            (0.19, 0.43),
            (0.3, 0.5, 1),
        ]
    )
    grip = path([(0.68, 0.45), (0.82, 0.37), (0.94, 0.45), (0.93, 0.6), (0.83, 0.7), (0.7, 0.71)])
    parts = (
        Part(SURFACE, spout, 0.88, 0.6),
        Part(DARK, ellipse(0.068, 0.363, 0.042, 0.015), 1.2, 0.3),
        Part(SURFACE, ribbon(grip, 0.07, 0.06), 0.88, 0.6),
        Part(SURFACE, body, 1.0, 0.75),
        Part(
            SURFACE,
            stroke(
                (0.5 - knots[-1][0], 0.835), (0.5, 0.858), (0.5 + knots[-1][0], 0.835), width=0.03
            ),
            0.65,
            0.7,
        ),
        *_lid(mouth, lip),
        Part(GLOSS, stroke((0.36, 0.46), (0.32, 0.54), (0.325, 0.62), width=0.05), 0.5),
        Part(GLOSS, ellipse(0.485, lip - 0.125, 0.014), 0.7),
    )
    return Shape(parts, round_rows=rows, puff=0.6, shine=0.6)


@lru_cache
def lamp(variant: int) -> Shape:
    """A table lamp: a wide cone of a shade on a turned foot."""
    narrow, wide = ((0.2, 0.41), (0.3, 0.4), (0.15, 0.44))[variant]
    bottom = (0.5, 0.52, 0.46)[variant]
    shade, rows = _turned([(narrow, 0.06), (wide, bottom)], sag=0.055)
    foot = (
        [(0.03, 0.52), (0.035, 0.6), (0.1, 0.7), (0.115, 0.79), (0.06, 0.88), (0.14, 0.93),
        (0.16, 0.96)],
        [(0.028, 0.5), (0.028, 0.7), (0.028, 0.88), (0.05, 0.91), (0.17, 0.935), (0.175, 0.96)],
        [(0.03, 0.48), (0.05, 0.58), (0.13, 0.66), (0.13, 0.75), (0.05, 0.85), (0.1, 0.92),
        (0.17, 0.96)],
    )[variant]  # fmt: skip
    base, _ = _turned(foot, sag=0.018)
    role = (SURFACE, METAL, TRIM)[variant]
    parts = (
        Part(METAL, box(0.485, 0.015, 0.515, 0.08, 0.01), 0.8, 0.6),
        Part(role, base, 0.9, 0.7),
        Part(METAL, box(0.465, 0.53, 0.535, 0.57, 0.008), 0.8, 0.8),
        Part(SHADE, box(0.46, bottom + 0.03, 0.54, bottom + 0.14), 0.8),
        Part(METAL, stroke((0.62, bottom), (0.62, bottom + 0.16), width=0.009), 0.9, 0.5),
        Part(METAL, ellipse(0.62, bottom + 0.17, 0.018), 1.0, 0.8),
        Part(SURFACE, shade, 1.0, 0.75),
        Part(SURFACE, ribbon(arc(0.5, bottom, wide - 0.006, 0.053, (3, 177)), 0.022), 0.66, 0.85),
        Part(LINING, ellipse(0.5, 0.06, narrow, 0.026), 0.9, 0.5),
        Part(WHITE, ellipse(0.5, 0.063, narrow - 0.018, 0.018), 0.85, 0.3),
        *glow(0.5, bottom - 0.12, wide * 0.62, 0.2, 0.3),
    )
    return Shape(parts, round_rows=rows, puff=0.5)


def _seat() -> list[Part]:
    """The seat of a chair: its top and the two edges one sees."""
    seat = ring(
        [
            (0.25, 0.525, 1),
            (0.47, 0.47),
            (0.69, 0.455, 1),
            (0.79, 0.54),
            (0.84, 0.62, 1),
            (0.6, 0.655),
            (0.36, 0.7, 1),
            (0.3, 0.62),
        ]
    )
    front = ring(
        [
            (0.36, 0.7, 1),
            (0.6, 0.655),
            (0.84, 0.62, 1),
            (0.84, 0.685, 1),
            (0.6, 0.73),
            (0.36, 0.77, 1),
        ]
    )
    flank = ring(
        [
            (0.25, 0.525, 1),
            (0.3, 0.62),
            (0.36, 0.7, 1),
            (0.36, 0.77, 1),
            (0.29, 0.68),
            (0.25, 0.59, 1),
        ]
    )
    return [
        Part(SURFACE, flank, 0.55, 0.6),
        Part(SURFACE, front, 0.7, 0.65),
        Part(SURFACE, seat, 1.05, 0.9),
    ]


@lru_cache
def chair(variant: int) -> Shape:
    """A chair seen from a little to one side: back, seat, four legs."""
    legs = (TIMBER, DARK, METAL)[variant]
    back = (
        ring([(0.24, 0.12), (0.29, 0.06), (0.45, 0.035), (0.61, 0.03), (0.67, 0.08),
        (0.69, 0.3), (0.68, 0.46, 1), (0.27, 0.53, 1), (0.25, 0.3)]),
        ring([(0.23, 0.06, 1), (0.45, 0.035), (0.66, 0.03, 1), (0.67, 0.25), (0.68, 0.46, 1),
        (0.27, 0.53, 1), (0.245, 0.3)]),
        ring([(0.27, 0.53, 1), (0.22, 0.36), (0.27, 0.14), (0.45, 0.03), (0.63, 0.11),
        (0.7, 0.32), (0.68, 0.46, 1)]),
    )[variant]  # fmt: skip
    parts = (
        Part(legs, stroke((0.27, 0.57), (0.225, 0.86), width=0.05, end_width=0.036), 0.75, 0.4),
        Part(legs, stroke((0.68, 0.62), (0.7, 0.84), width=0.045, end_width=0.034), 0.7, 0.4),
        Part(legs, stroke((0.385, 0.74), (0.355, 0.98), width=0.055, end_width=0.038), 1.0, 0.6),
        Part(legs, stroke((0.81, 0.67), (0.845, 0.93), width=0.052, end_width=0.036), 0.95, 0.6),
        Part(SURFACE, back + np.array([-0.022, 0.012]), 0.58, 0.5),
        Part(SURFACE, back, 0.94, 0.75),
        *_seat(),
        Part(SHADE, stroke((0.27, 0.53), (0.48, 0.48), (0.68, 0.465), width=0.045), 0.7),
        Part(GLOSS, stroke((0.4, 0.62), (0.7, 0.56), width=0.07), 0.15),
    )
    return Shape(parts, puff=0.9, turn=0.06)


@lru_cache
def sofa(variant: int) -> Shape:
    """A wide sofa: back, two arms, two seat cushions, short feet."""
    feet = (TIMBER, METAL, DARK)[variant]
    top = (0.22, 0.27, 0.2)[variant]
    parts = [
        *(
            Part(feet, stroke((x, 0.72), (x, 0.82), width=0.045, end_width=0.03), 0.9, 0.5)
            for x in (0.1, 0.9)
        ),
        *(Part(feet, stroke((x, 0.72), (x, 0.79), width=0.035), 0.6, 0.3) for x in (0.2, 0.8)),
        Part(SURFACE, box(0.09, top, 0.91, 0.7, 0.08), 0.78, 0.5),
        Part(SURFACE, box(0.13, top + 0.02, 0.495, 0.56, 0.06), 0.95, 0.75),
        Part(SURFACE, box(0.505, top + 0.02, 0.87, 0.56, 0.06), 0.95, 0.75),
        Part(SURFACE, box(0.1, 0.62, 0.9, 0.75, 0.02), 0.72, 0.55),
        Part(SHADE, box(0.12, 0.48, 0.88, 0.52), 0.8),
        Part(SURFACE, box(0.12, 0.51, 0.498, 0.65, 0.045), 1.06, 0.95),
        Part(SURFACE, box(0.502, 0.51, 0.88, 0.65, 0.045), 1.06, 0.95),
        Part(SHADE, box(0.14, 0.648, 0.86, 0.668), 0.7),
    ]
    arm_top = 0.4 if variant != 1 else 0.36
    for x in (0.015, 0.845):
        radius = (0.07, 0.03, 0.069)[variant]
        parts.append(Part(SURFACE, box(x, arm_top, x + 0.14, 0.76, radius), 0.92, 1.0))
    parts += [
        Part(SHADE, stroke((0.165, 0.5), (0.165, 0.7), width=0.02), 0.6),
        Part(SHADE, stroke((0.835, 0.5), (0.835, 0.7), width=0.02), 0.6),
        Part(GLOSS, stroke((0.17, 0.545), (0.46, 0.545), width=0.03), 0.15),
        Part(GLOSS, stroke((0.55, 0.545), (0.84, 0.545), width=0.03), 0.15),
    ]
    return Shape(tuple(parts), puff=1.7, repeats=1.3, turn=0.04)


@lru_cache
def cushion(variant: int) -> Shape:
    """A plump cushion: sides drawn in, pointed corners, piping, sometimes tassels."""
    cover = ring(
        [(0.06, 0.06, 1), (0.3, 0.125), (0.5, 0.135), (0.7, 0.125), (0.94, 0.06, 1), (0.875, 0.3),
         (0.865, 0.5), (0.875, 0.7), (0.94, 0.94, 1), (0.7, 0.875), (0.5, 0.865), (0.3, 0.875),
         (0.06, 0.94, 1), (0.125, 0.7), (0.135, 0.5), (0.125, 0.3)]
    )  # fmt: skip
    parts = []
    corners = ((0.06, 0.06), (0.94, 0.06), (0.94, 0.94), (0.06, 0.94))
    if variant == 1:
        for x, y in corners:
            outward = np.array([x - 0.5, y - 0.5]) * 0.12
            parts.append(
                Part(
                    TRIM,
                    ribbon(np.array([(x, y), (x + outward[0], y + outward[1])]), 0.03, 0.055),
                    1.0,
                    0.5,
                )
            )
    parts += [
        Part(TRIM if variant != 2 else SURFACE, (cover - 0.5) * 1.035 + 0.5, 0.75, 0.6),
        Part(SURFACE, cover, 1.0, 0.8),
    ]
    for x, y in corners:
        reach = [(x + (0.5 - x) * t, y + (0.5 - y) * t) for t in (0.06, 0.55)]
        bend = (0.5 * (reach[0][0] + reach[1][0]) + 0.02, 0.5 * (reach[0][1] + reach[1][1]))
        parts.append(Part(SHADE, stroke(reach[0], bend, reach[1], width=0.05, end_width=0.01), 0.4))
    if variant == 2:
        parts.append(Part(SHADE, ellipse(0.5, 0.5, 0.07), 0.5))
        parts.append(Part(TRIM, ellipse(0.5, 0.5, 0.035), 0.9, 1.0))
        for a in np.arange(6) * np.pi / 3 + 0.3:
            fold = stroke(
                (0.5 + 0.05 * np.cos(a), 0.5 + 0.05 * np.sin(a)),
                (0.5 + 0.18 * np.cos(a), 0.5 + 0.18 * np.sin(a)),
                width=0.04,
                end_width=0.01,
            )
            parts.append(Part(SHADE, fold, 0.4))
    parts += glow(0.44, 0.42, 0.3, 0.26, 0.16)
    return Shape(tuple(parts), puff=2.2, turn=0.35)
