"""Outlines of things one carries or uses at a desk."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from sample_model.outlines import (
    Part,
    Points,
    Role,
    Shape,
    Stance,
    arc,
    box,
    dashes,
    ellipse,
    mirrored,
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
SHADE, GLOSS, LINING = Role.SHADE, Role.GLOSS, Role.LINING


def _lens(x: float, y: float, size: float) -> list[Part]:
    """A camera lens: ring, glass, a glint."""
    return [
        Part(METAL, ellipse(x, y, size), 0.75, 0.9),
        Part(DARK, ellipse(x, y, size * 0.8), 1.0, 0.7),
        Part(DARK, ellipse(x, y, size * 0.45), 2.6, 0.7),
        Part(WHITE, ellipse(x - size * 0.3, y - size * 0.35, size * 0.18), 1.0, 0.7),
    ]


@lru_cache
def phone_case(variant: int) -> Shape:
    """The back of a phone in its case: tall, round corners, an island of lenses."""
    parts = [
        Part(SURFACE, box(0.735, 0.26, 0.757, 0.36, 0.01), 0.6, 0.4),
        Part(SURFACE, box(0.243, 0.22, 0.265, 0.30, 0.01), 0.6, 0.4),
        Part(SURFACE, box(0.243, 0.32, 0.265, 0.40, 0.01), 0.6, 0.4),
        Part(SURFACE, box(0.255, 0.02, 0.745, 0.98, 0.095), 0.72, 0.6),
        Part(SURFACE, box(0.275, 0.04, 0.725, 0.96, 0.08), 1.0, 0.8),
    ]
    if variant == 0:
        parts.append(Part(DARK, box(0.305, 0.07, 0.525, 0.29, 0.06), 1.3, 1.0))
        parts += [*_lens(0.362, 0.128, 0.046), *_lens(0.362, 0.232, 0.046)]
        parts += [*_lens(0.468, 0.18, 0.046), Part(WHITE, ellipse(0.47, 0.1, 0.015), 0.9, 1.0)]
    elif variant == 1:
        parts.append(Part(DARK, box(0.31, 0.07, 0.43, 0.34, 0.06), 1.3, 1.0))
        for y in (0.128, 0.205, 0.282):
            parts += _lens(0.37, y, 0.043)
    else:
        parts.append(Part(DARK, box(0.305, 0.075, 0.695, 0.2, 0.06), 1.3, 1.0))
        for x in (0.37, 0.47):
            parts += _lens(x, 0.1375, 0.043)
        parts.append(Part(WHITE, ellipse(0.62, 0.1375, 0.018), 0.9, 1.0))
    parts.append(
        Part(GLOSS, np.array([(0.6, 0.04), (0.7, 0.04), (0.42, 0.96), (0.32, 0.96)]), 0.16)
    )
    return Shape(tuple(parts), Stance.LIES, puff=0.7, shine=0.5, turn=0.3)


@lru_cache
def notebook(variant: int) -> Shape:
    """A closed notebook: cover, label, page edge, spiral or elastic band."""
    parts = [
        Part(SURFACE, box(0.17, 0.05, 0.85, 0.97, 0.025), 0.5, 0.3),
        Part(WHITE, box(0.17, 0.04, 0.838, 0.955, 0.01), 0.95, 0.4),
    ]
    parts += [Part(WHITE, box(0.17, y, 0.835, y + 0.004), 0.7, 0.4) for y in (0.937, 0.947)]
    parts += [Part(WHITE, box(x, 0.06, x + 0.004, 0.94), 0.7, 0.4) for x in (0.822, 0.83)]
    parts.append(Part(SURFACE, box(0.15, 0.03, 0.81, 0.925, 0.03), 1.0, 0.8))
    if variant != 1:
        for y in np.linspace(0.075, 0.885, 13):
            parts.append(Part(DARK, ellipse(0.2, y, 0.014), 1.0, 0.6))
            coil = stroke(
                (0.2, y), (0.15, y - 0.02), (0.105, y - 0.004), (0.14, y + 0.014), width=0.016
            )
            parts.append(Part(METAL, coil, 1.0, 0.95))
    else:
        parts.append(Part(SURFACE, box(0.15, 0.03, 0.235, 0.925, 0.02), 0.72, 0.75))
        parts.append(Part(DARK, box(0.70, 0.027, 0.735, 0.93), 1.2, 1.0))
        parts.append(
            Part(TRIM, np.array([(0.4, 0.93), (0.44, 0.93), (0.44, 1.0), (0.42, 0.98), (0.4, 1.0)]))
        )
    left = 0.33 if variant != 1 else 0.31
    parts.append(Part(WHITE, box(left, 0.2, left + 0.33, 0.36, 0.015), 1.0, 0.88))
    parts += [
        Part(DARK, box(left + 0.05, y, left + end, y + 0.01), 4.0, 0.88)
        for y, end in ((0.255, 0.27), (0.295, 0.2))
    ]
    return Shape(tuple(parts), Stance.LIES, puff=0.35, turn=0.3)


def _tote_straps(top: float) -> tuple[Points, Points]:
    """The strap behind and the strap before a bag whose edge is at this height."""
    back = stroke(
        (0.36, top + 0.02),
        (0.365, 0.26),
        (0.41, 0.12),
        (0.5, 0.08),
        (0.59, 0.12),
        (0.635, 0.26),
        (0.64, top + 0.02),
        width=0.05,
    )
    front = stroke(
        (0.29, top + 0.09),
        (0.295, 0.24),
        (0.36, 0.08),
        (0.5, 0.028),
        (0.64, 0.08),
        (0.705, 0.24),
        (0.71, top + 0.09),
        width=0.058,
    )
    return back, front


@lru_cache
def tote_bag(variant: int) -> Shape:
    """A flat cloth bag with two long straps."""
    straps = (TRIM, SURFACE, TRIM)[variant]
    top = (0.4, 0.42, 0.38)[variant]
    body = ring(
        [(0.14, top, 1), (0.5, top + 0.012), (0.86, top, 1), (0.88, 0.7), (0.87, 0.95, 1),
         (0.5, 0.985), (0.13, 0.95, 1), (0.12, 0.7)]
    )  # fmt: skip
    back, front = _tote_straps(top)
    parts = [
        Part(straps, back, 0.6, 0.3),
        Part(SURFACE, body, 1.0, 0.7),
        Part(
            SURFACE,
            ribbon(path([(0.14, top + 0.065), (0.5, top + 0.078), (0.86, top + 0.065)]), 0.008),
            0.72,
            0.66,
        ),
        Part(straps, front, 0.92, 0.9),
    ]
    parts += [
        Part(straps, box(x - 0.033, top + 0.06, x + 0.033, top + 0.12, 0.006), 0.85, 0.92)
        for x in (0.29, 0.71)
    ]
    parts += [
        Part(SHADE, stroke((0.2, top + 0.12), (0.25, 0.7), (0.2, 0.93), width=0.03), 0.35),
        Part(SHADE, stroke((0.77, top + 0.14), (0.74, 0.72), (0.8, 0.93), width=0.035), 0.35),
        Part(SHADE, stroke((0.3, 0.9), (0.5, 0.94), (0.7, 0.9), width=0.03), 0.25),
        Part(GLOSS, stroke((0.42, top + 0.12), (0.45, 0.7), (0.4, 0.88), width=0.05), 0.14),
    ]
    return Shape(tuple(parts), puff=0.8)


def _pocket(left: float, right: float) -> list[Part]:
    """The front pocket of a rucksack, zips and badge."""
    pocket = ring(
        mirrored([(0.5, 0.53), (right - 0.1, 0.54), (right - 0.05, 0.6), (right - 0.055, 0.85),
                  (right - 0.12, 0.905), (0.5, 0.915)])
    )  # fmt: skip
    return [
        Part(SURFACE, pocket, 1.0, 1.0),
        Part(
            DARK,
            stroke((left + 0.08, 0.6), (0.5, 0.595), (right - 0.08, 0.6), width=0.02),
            1.6,
            0.85,
        ),
        Part(METAL, box(right - 0.13, 0.595, right - 0.105, 0.67, 0.012), 1.0, 1.0),
        Part(METAL, box(left + 0.2, 0.215, left + 0.222, 0.28, 0.01), 1.0, 1.0),
        Part(TRIM, box(0.44, 0.37, 0.56, 0.44, 0.015), 0.8, 0.85),
        Part(SHADE, stroke((left + 0.06, 0.5), (0.5, 0.52), (right - 0.06, 0.5), width=0.02), 0.5),
    ]


@lru_cache
def backpack(variant: int) -> Shape:
    """A rucksack from the front: round top, pocket, zips, loop, straps at its sides."""
    wide = (0.33, 0.3, 0.35)[variant]
    left, right = 0.5 - wide, 0.5 + wide
    body = ring(
        mirrored([(0.5, 0.08), (0.5 + wide * 0.6, 0.12), (0.5 + wide * 0.93, 0.3),
                  (right, 0.6), (right, 0.88), (0.5 + wide * 0.85, 0.95), (0.5, 0.965)])
    )  # fmt: skip
    loop = stroke(
        (0.42, 0.12), (0.43, 0.035), (0.5, 0.015), (0.57, 0.035), (0.58, 0.12), width=0.04
    )
    parts = [
        Part(TRIM, loop, 0.8, 0.4),
        Part(
            TRIM,
            stroke((left + 0.1, 0.25), (left - 0.045, 0.5), (left + 0.02, 0.9), width=0.06),
            0.7,
            0.3,
        ),
        Part(
            TRIM,
            stroke((right - 0.1, 0.25), (right + 0.045, 0.5), (right - 0.02, 0.9), width=0.06),
            0.7,
            0.3,
        ),
        Part(SURFACE, body, 1.0, 0.7),
    ]
    seam = path(
        [
            (left + 0.02, 0.62),
            (left + 0.055, 0.33),
            (0.5, 0.17),
            (right - 0.055, 0.33),
            (right - 0.02, 0.62),
        ]
    )
    parts.append(Part(DARK, ribbon(seam, 0.018), 1.6, 0.6))
    parts += _pocket(left, right)
    return Shape(tuple(parts), puff=1.3)


@lru_cache
def suitcase(variant: int) -> Shape:
    """A trolley case: ridged shell, drawn-out handle, wheels."""
    wide = (0.27, 0.3, 0.25)[variant]
    left, right = 0.5 - wide, 0.5 + wide
    top = (0.27, 0.3, 0.25)[variant]
    parts = [
        Part(METAL, box(0.37, 0.02, 0.395, top + 0.04), 0.85, 0.5),
        Part(METAL, box(0.605, 0.02, 0.63, top + 0.04), 0.85, 0.5),
        Part(DARK, box(0.35, 0.0, 0.65, 0.05, 0.024), 1.2, 0.7),
    ]
    for x in (left + 0.075, right - 0.075):
        parts.append(Part(DARK, box(x - 0.022, 0.9, x + 0.022, 0.955), 1.5, 0.5))
        parts.append(Part(DARK, ellipse(x, 0.957, 0.043), 0.9, 0.8))
        parts.append(Part(METAL, ellipse(x, 0.957, 0.017), 0.9, 0.9))
    parts.append(Part(SURFACE, box(left, top, right, 0.925, 0.07), 1.0, 0.75))
    ridges = np.linspace(left, right, 7 if variant != 1 else 6)[1:-1]
    parts += [
        Part(SURFACE, box(x - 0.008, top + 0.05, x + 0.008, 0.885, 0.008), 0.72, 0.5)
        for x in ridges
    ]
    for x, y in ((left, top), (right - 0.1, top), (left, 0.825), (right - 0.1, 0.825)):
        if variant == 1:
            parts.append(Part(TRIM, box(x, y, x + 0.1, y + 0.1, 0.06), 0.9, 0.95))
    parts += [
        Part(DARK, box(0.4, top - 0.025, 0.6, top + 0.022, 0.02), 1.1, 0.95),
        Part(METAL, box(0.46, top + 0.1, 0.54, top + 0.145, 0.01), 1.0, 0.95),
    ]
    return Shape(tuple(parts), puff=0.9, shine=0.3, turn=0.06)


def _ribs(high: float, tips: list[tuple[float, float]]) -> list[Part]:
    """Ribs from the top of an umbrella to the tips, each with the shadow beside it."""
    parts = []
    for x, y in tips:
        bend = 0.5 + (x - 0.5) * 0.72
        rib = path([(0.5, high), (bend, high + 0.1), (x, y)])
        parts.append(Part(SURFACE, ribbon(rib, 0.009), 0.6, 0.6))
        inner = 0.5 + (x - 0.5) * 0.86
        parts.append(
            Part(
                SHADE, ribbon(path([(inner, high + 0.2), (x + 0.015, y - 0.01)]), 0.03, 0.06), 0.35
            )
        )
    return parts


@lru_cache
def umbrella(variant: int) -> Shape:
    """An open umbrella from the side: ribs, scalloped edge, pole, hooked handle."""
    high = (0.1, 0.06, 0.13)[variant]
    edge = 0.5
    tips = [
        (0.02, edge),
        (0.2, edge + 0.015),
        (0.39, edge + 0.03),
        (0.61, edge + 0.03),
        (0.8, edge + 0.015),
        (0.98, edge),
    ]
    under = [tips[-1]]
    scallops: list[tuple[float, ...]] = []
    for (x1, y1), (x0, y0) in zip(tips[::-1], tips[-2::-1], strict=False):
        scallops += [((x0 + x1) / 2, (y0 + y1) / 2 - 0.055), (x0, y0, 1)]
    top: list[tuple[float, ...]] = [
        (0.13, 0.25 + high / 3),
        (0.32, high + 0.06),
        (0.5, high),
        (0.68, high + 0.06),
        (0.87, 0.25 + high / 3),
    ]
    canopy = ring([(*tips[0], 1), *top, (*under[0], 1), *scallops[:-1]])
    parts = [
        Part(METAL, box(0.489, 0.02, 0.511, 0.2, 0.008), 0.8, 0.5),
        Part(METAL, box(0.487, 0.4, 0.513, 0.82), 0.8, 0.5),
        Part(
            TRIM,
            stroke((0.5, 0.76), (0.5, 0.9), (0.54, 0.965), (0.6, 0.965), (0.635, 0.9), width=0.05),
            0.8,
            0.8,
        ),
        Part(SURFACE, canopy, 1.0, 0.75),
    ]
    parts += _ribs(high, tips[1:-1])
    parts += [
        Part(GLOSS, stroke((0.2, 0.3), (0.33, high + 0.12), (0.45, high + 0.05), width=0.06), 0.25),
        Part(SHADE, stroke((0.86, 0.42), (0.78, 0.28), (0.66, high + 0.1), width=0.1), 0.3),
    ]
    return Shape(tuple(parts), puff=1.0, repeats=1.15, turn=0.3)


@lru_cache
def headphones(variant: int) -> Shape:
    """Over-ear headphones: a broad band and two large cups."""
    wide = (0.34, 0.35, 0.32)[variant]
    band = ribbon(arc(0.5, 0.47, wide, 0.4, (175, 365)), 0.115)
    inside = ribbon(arc(0.5, 0.49, wide - 0.065, 0.365, (190, 350)), 0.04)
    parts = [Part(DARK, inside, 1.3, 0.5), Part(SURFACE, band, 1.0, 0.8)]
    for side in (-1, 1):
        x = 0.5 + side * wide
        parts.append(Part(METAL, box(x - 0.025, 0.44, x + 0.025, 0.6, 0.01), 0.9, 0.75))
        pad = ellipse(x - side * 0.07, 0.735, 0.085, 0.185)
        cup = ellipse(x + side * 0.02, 0.735, 0.125, 0.215)
        parts += [Part(DARK, pad, 1.3, 0.6), Part(SURFACE, cup, 1.0, 0.95)]
        if variant != 2:
            parts.append(
                Part(
                    SURFACE,
                    ribbon(arc(x + side * 0.025, 0.735, 0.085, 0.15, (0, 355)), 0.012),
                    0.65,
                    0.85,
                )
            )
        parts.append(Part(TRIM, ellipse(x + side * 0.025, 0.735, 0.03, 0.05), 0.9, 1.0))
    parts.append(Part(GLOSS, ribbon(arc(0.5, 0.46, wide, 0.39, (225, 285)), 0.03), 0.3))
    return Shape(tuple(parts), puff=1.2, shine=0.4, repeats=1.35, turn=0.2)


def _dial(square: bool) -> list[Part]:
    """Case, face, marks and hands of a watch at ten past ten."""
    case = ellipse(0.5, 0.48, 0.215) if not square else box(0.29, 0.27, 0.71, 0.69, 0.085)
    face = ellipse(0.5, 0.48, 0.172) if not square else box(0.33, 0.31, 0.67, 0.65, 0.055)
    parts = [
        Part(METAL, box(0.7, 0.445, 0.75, 0.515, 0.012), 0.9, 0.8),
        Part(METAL, case, 1.0, 0.95),
        Part(WHITE, face, 1.0, 0.8),
    ]
    for hour in range(12):
        a = hour * np.pi / 6
        tip, root = 0.155, 0.12 if hour % 3 == 0 else 0.137
        mark = path(
            [
                (0.5 + root * np.sin(a), 0.48 - root * np.cos(a)),
                (0.5 + tip * np.sin(a), 0.48 - tip * np.cos(a)),
            ]
        )
        parts.append(Part(DARK, ribbon(mark, 0.014), 1.0, 0.8))
    for a, reach, thick in ((-1.0, 0.09, 0.022), (1.05, 0.125, 0.016)):
        hand = path([(0.5, 0.48), (0.5 + reach * np.sin(a), 0.48 - reach * np.cos(a))])
        parts.append(Part(DARK, ribbon(hand, thick), 1.0, 0.9))
    parts.append(Part(DARK, ellipse(0.5, 0.48, 0.02), 1.0, 0.9))
    return parts


@lru_cache
def watch(variant: int) -> Shape:
    """A wrist watch laid flat: broad strap above and below a round white dial."""
    wide = (0.19, 0.2, 0.18)[variant]
    upper = ring(
        [
            (0.5 - wide, 0.34, 1),
            (0.5 - wide * 0.8, 0.04),
            (0.5 - wide * 0.6, 0.01),
            (0.5 + wide * 0.6, 0.01),
            (0.5 + wide * 0.8, 0.04),
            (0.5 + wide, 0.34, 1),
        ]
    )
    lower = ring(
        [
            (0.5 - wide, 0.62, 1),
            (0.5 + wide, 0.62, 1),
            (0.5 + wide * 0.8, 0.9),
            (0.5, 0.995),
            (0.5 - wide * 0.8, 0.9),
        ]
    )
    parts = [
        Part(SURFACE, upper, 1.0, 0.6),
        Part(SURFACE, lower, 1.0, 0.6),
        Part(METAL, box(0.5 - wide * 1.05, 0.035, 0.5 + wide * 1.05, 0.075, 0.015), 1.0, 0.8),
        Part(METAL, ribbon(path([(0.5, 0.01), (0.5, 0.07)]), 0.02), 0.8, 0.9),
    ]
    for x in (0.5 - wide * 0.78, 0.5 + wide * 0.78):
        for line in (path([(x, 0.1), (x * 1.0, 0.3)]), path([(x, 0.68), (x, 0.88)])):
            parts += [Part(SURFACE, dash, 0.6, 0.55) for dash in dashes(line, 0.009)]
    parts += [Part(DARK, ellipse(0.5, y, 0.014), 1.0, 0.3) for y in (0.8, 0.85, 0.9)]
    parts += _dial(square=variant == 2)
    return Shape(tuple(parts), Stance.LIES, puff=0.8, shine=0.3, repeats=1.25, turn=0.35)
