"""Outlines of things one wears."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from sample_model.outlines import (
    Part,
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

SURFACE, TRIM, DARK, WHITE = Role.SURFACE, Role.TRIM, Role.DARK, Role.WHITE
SHADE, GLOSS, LINING = Role.SHADE, Role.GLOSS, Role.LINING
Place = tuple[float, float]


def _sleeves() -> list[Part]:
    """Seams, hems and folds of both sleeves."""
    parts: list[Part] = []
    for s in (-1, 1):

        def at(x: float, y: float, s: int = s) -> tuple[float, float]:
            return 0.5 + s * x, y

        parts += [
            Part(
                SURFACE,
                stroke(at(0.235, 0.125), at(0.22, 0.25), at(0.258, 0.385), width=0.009),
                0.68,
                0.6,
            ),
            Part(
                SURFACE,
                stroke(at(0.462, 0.4), at(0.4, 0.45), at(0.335, 0.485), width=0.008),
                0.7,
                0.6,
            ),
            Part(
                SHADE,
                stroke(at(0.245, 0.4), at(0.17, 0.5), at(0.06, 0.55), width=0.045, end_width=0.01),
                0.45,
            ),
            Part(
                SHADE,
                stroke(at(0.2, 0.9), at(0.16, 0.7), at(0.19, 0.55), width=0.04, end_width=0.01),
                0.4,
            ),
            Part(
                SHADE,
                stroke(at(0.29, 0.37), at(0.34, 0.3), at(0.36, 0.2), width=0.035, end_width=0.01),
                0.4,
            ),
        ]
    return parts


@lru_cache
def t_shirt(variant: int) -> Shape:
    """A short-sleeved shirt laid flat, wide and square."""
    hem = (0.93, 0.88, 0.96)[variant]
    waist = (0.735, 0.755, 0.74)[variant]
    body = ring(
        mirrored([(0.5, 0.17), (0.57, 0.155), (0.62, 0.085, 1), (0.76, 0.135), (0.85, 0.22),
                  (0.985, 0.42, 1), (0.93, 0.47), (0.845, 0.51, 1), (0.76, 0.385, 1),
                  (waist, 0.6), (waist + 0.015, hem, 1), (0.5, hem + 0.012)])
    )  # fmt: skip
    parts = [
        Part(LINING, ring([(0.37, 0.09, 1), (0.5, 0.065), (0.63, 0.09, 1), (0.5, 0.2)]), 0.8, 0.3),
        Part(SURFACE, body, 1.0, 0.7),
        Part(
            SURFACE,
            stroke(
                (0.39, 0.105),
                (0.435, 0.165),
                (0.5, 0.183),
                (0.565, 0.165),
                (0.61, 0.105),
                width=0.032,
            ),
            0.72,
            0.85,
        ),
    ]
    parts += _sleeves()
    parts += [
        Part(
            SURFACE,
            stroke((0.27, hem - 0.035), (0.5, hem - 0.025), (0.73, hem - 0.035), width=0.008),
            0.7,
            0.6,
        ),
        Part(GLOSS, stroke((0.42, 0.3), (0.4, 0.55), (0.44, 0.85), width=0.07), 0.14),
        Part(
            SHADE, stroke((0.52, 0.93), (0.55, 0.75), (0.5, 0.6), width=0.035, end_width=0.01), 0.35
        ),
    ]
    return Shape(tuple(parts), Stance.LIES, puff=0.8, turn=0.2)


def _pleats(flare: float, hem: float) -> list[Part]:
    """Folds that fall from the waist of a dress, and its darts."""
    parts: list[Part] = []
    for i, x in enumerate((-0.75, -0.42, -0.12, 0.2, 0.5, 0.78)):
        fold = stroke(
            (0.5 + x * 0.11, 0.46),
            (0.5 + x * flare * 0.6, 0.66),
            (0.5 + x * flare, hem),
            width=0.012,
            end_width=0.07,
        )
        parts.append(Part(SHADE, fold, 0.5 if i % 2 else 0.38))
    for x in (-0.58, 0.04, 0.35):
        light = stroke(
            (0.5 + x * 0.11, 0.5),
            (0.5 + x * flare * 0.6, 0.68),
            (0.5 + x * flare, hem - 0.03),
            width=0.01,
            end_width=0.05,
        )
        parts.append(Part(GLOSS, light, 0.2))
    parts += [
        Part(
            SHADE,
            stroke(
                (0.5 + s * 0.14, 0.26),
                (0.5 + s * 0.08, 0.33),
                (0.5 + s * 0.07, 0.4),
                width=0.02,
            ),
            0.4,
        )
        for s in (-1, 1)
    ]
    return parts


def _bow() -> list[Part]:
    """A bow on the belt of a dress."""
    loops = [
        ring([(0.5, 0.43), (0.5 + s * 0.08, 0.38), (0.5 + s * 0.1, 0.43), (0.5 + s * 0.08, 0.48)])
        for s in (-1, 1)
    ]
    knot = Part(TRIM, ellipse(0.5, 0.43, 0.03), 0.7, 1.0)
    return [*(Part(TRIM, loop, 0.9, 1.0) for loop in loops), knot]


def _neckline(deep: bool) -> Part:
    """The inside of a dress behind its neckline."""
    if deep:
        back = [(0.4, 0.04, 1), (0.43, 0.03), (0.5, 0.12), (0.57, 0.03), (0.6, 0.04, 1)]
        return Part(LINING, ring([*back, (0.58, 0.16), (0.5, 0.19), (0.42, 0.16)]), 0.7, 0.2)
    back = [(0.415, 0.12, 1), (0.5, 0.145), (0.585, 0.12, 1), (0.5, 0.19)]
    return Part(LINING, ring(back), 0.7, 0.2)


@lru_cache
def dress(variant: int) -> Shape:
    """A sleeveless dress: straps, small waist, a long flared skirt."""
    flare = (0.4, 0.36, 0.44)[variant]
    hem = (0.95, 0.98, 0.9)[variant]
    waves: list[tuple[float, ...]] = [
        (0.5 + flare, hem - 0.05, 1), (0.5 + flare * 0.72, hem + 0.01),
        (0.5 + flare * 0.45, hem - 0.015),
        (0.5 + flare * 0.18, hem + 0.02),
    ]  # fmt: skip
    half = [(0.5, 0.17), (0.565, 0.14), (0.6, 0.03, 1), (0.65, 0.03, 1), (0.655, 0.15),
            (0.685, 0.23, 1), (0.655, 0.3), (0.61, 0.41, 1), (0.5 + flare * 0.55, 0.6)]  # fmt: skip
    body = ring(mirrored([*half, *waves, (0.5, hem)]))
    parts = [
        _neckline(deep=variant == 1),
        Part(SURFACE, body, 1.0, 0.7),
        Part(TRIM, stroke((0.39, 0.415), (0.5, 0.43), (0.61, 0.415), width=0.05), 0.9, 0.9),
    ]
    if variant == 2:
        parts += _bow()
    parts += _pleats(flare, hem)
    return Shape(tuple(parts), Stance.LIES, puff=0.8, turn=0.15)


def _laces(collar: float, count: int) -> list[Part]:
    """Laces across the instep, and the eyelets."""
    parts: list[Part] = []
    for t in np.linspace(0.0, 1.0, count):
        x, y = 0.37 + 0.21 * t, collar + 0.06 + (0.49 - collar - 0.05) * t
        parts.append(
            Part(
                WHITE,
                stroke(
                    (x - 0.05, y + 0.05),
                    (x + 0.005, y + 0.005),
                    (x + 0.035, y - 0.035),
                    width=0.024,
                ),
                1.0,
                1.0,
            )
        )
        parts.append(Part(DARK, ellipse(x - 0.05, y + 0.052, 0.013), 1.2, 0.7))
    return parts


def _sole() -> list[Part]:
    """Sole, toe cap and the line round them."""
    sole = ring(
        [(0.035, 0.7, 1), (0.3, 0.735), (0.6, 0.735), (0.97, 0.69, 1), (0.985, 0.77),
         (0.95, 0.83), (0.5, 0.845), (0.07, 0.84), (0.025, 0.79)]
    )  # fmt: skip
    toe = ring([(0.78, 0.735, 1), (0.79, 0.63), (0.85, 0.585, 1), (0.93, 0.63), (0.968, 0.735, 1)])
    tread = stroke((0.07, 0.837), (0.5, 0.847), (0.92, 0.833), width=0.03)
    return [
        Part(DARK, tread, 1.6, 0.4),
        Part(WHITE, toe, 0.97, 0.85),
        Part(WHITE, sole, 1.0, 0.9),
        Part(TRIM, stroke((0.04, 0.775), (0.5, 0.79), (0.975, 0.755), width=0.018), 0.8, 0.85),
    ]


@lru_cache
def sneaker(variant: int) -> Shape:
    """A lace-up sports shoe from the side, toe to the right."""
    high = variant == 1
    collar = 0.18 if high else 0.34
    upper = ring(
        [(0.06, 0.74, 1), (0.055, 0.55), (0.075, collar + 0.06), (0.08, collar, 1),
         (0.2, collar + (0.02 if high else 0.07)), (0.34, collar - 0.02, 1), (0.46, 0.42),
         (0.62, 0.52),
         (0.8, 0.57), (0.93, 0.64), (0.965, 0.74, 1)]
    )  # fmt: skip
    parts = [
        Part(
            TRIM,
            stroke((0.36, collar - 0.045), (0.44, 0.38), (0.5, 0.43), width=0.09, end_width=0.05),
            0.85,
            0.55,
        ),
        Part(LINING, ellipse(0.21, collar + 0.02, 0.135, 0.05), 0.5, 0.2),
        Part(SURFACE, upper, 1.0, 0.75),
        Part(
            TRIM,
            ring([(0.06, 0.73, 1), (0.053, 0.55), (0.07, 0.45, 1), (0.14, 0.48), (0.16, 0.73, 1)]),
            0.9,
            0.85,
        ),
        Part(
            SURFACE,
            stroke(
                (0.075, collar + 0.015),
                (0.2, collar + 0.085 if not high else collar + 0.035),
                (0.33, collar + 0.005),
                width=0.045,
            ),
            0.65,
            0.95,
        ),
        Part(
            SURFACE,
            stroke((0.36, collar + 0.03), (0.42, 0.56), (0.6, 0.6), (0.66, 0.545), width=0.012),
            0.6,
            0.7,
        ),
        *_sole(),
    ]
    parts += _laces(collar, 6 if high else 4)
    swoosh = stroke((0.2, 0.6), (0.32, 0.655), (0.55, 0.6), width=0.05, end_width=0.012)
    parts.append(Part(WHITE, swoosh, 0.95, 0.85) if variant == 2 else Part(SHADE, swoosh, 0.2))
    return Shape(tuple(parts), puff=1.2, turn=0.1)


@lru_cache
def cap(variant: int) -> Shape:
    """A baseball cap from the side, its brim to the right."""
    crown = ring(
        [(0.06, 0.66, 1), (0.07, 0.5), (0.14, 0.34), (0.27, 0.225), (0.42, 0.195), (0.56, 0.23),
         (0.66, 0.34), (0.705, 0.5), (0.72, 0.62, 1), (0.5, 0.685), (0.25, 0.69)]
    )  # fmt: skip
    brim = ring(
        [(0.45, 0.66, 1), (0.58, 0.6), (0.72, 0.58), (0.87, 0.62), (0.985, 0.705), (0.975, 0.745),
         (0.85, 0.735), (0.68, 0.72), (0.52, 0.735)]
    )  # fmt: skip
    front = TRIM if variant == 1 else SURFACE
    parts = [
        Part(SURFACE, ellipse(0.41, 0.195, 0.035, 0.022), 0.7, 0.8),
        Part(SURFACE, crown, 1.0, 0.7),
        Part(front, brim, 0.85, 0.95),
        Part(SHADE, stroke((0.46, 0.655), (0.58, 0.59), (0.71, 0.575), width=0.035), 0.65),
        Part(SHADE, stroke((0.55, 0.735), (0.7, 0.72), (0.94, 0.74), width=0.03), 0.5),
        Part(SURFACE, stroke((0.41, 0.2), (0.5, 0.35), (0.53, 0.62), width=0.01), 0.6, 0.6),
        Part(SURFACE, stroke((0.41, 0.2), (0.25, 0.38), (0.2, 0.68), width=0.01), 0.6, 0.6),
        Part(SURFACE, stroke((0.07, 0.62), (0.25, 0.655), (0.5, 0.65), width=0.008), 0.65, 0.65),
        Part(DARK, ellipse(0.335, 0.37, 0.017), 1.3, 0.4),
        Part(DARK, ellipse(0.575, 0.37, 0.014), 1.3, 0.4),
    ]
    for k in (0.02, 0.045):
        line = path(
            [
                (0.53, 0.685 - k),
                (0.7, 0.64 - k * 0.6),
                (0.85, 0.66 - k * 0.4),
                (0.96, 0.72 - k * 0.4),
            ]
        )
        parts += [Part(front, dash, 0.55, 0.9) for dash in dashes(line, 0.007)]
    if variant == 2:
        parts.append(Part(TRIM, ellipse(0.61, 0.49, 0.045, 0.07), 0.8, 0.9))
    return Shape(tuple(parts), puff=1.5, turn=0.15)


def _knit() -> list[Part]:
    """The ribs of a sock's cuff and the folds at its ankle."""
    parts = [
        Part(SHADE, box(x - 0.006, 0.025, x + 0.006, 0.15), 0.6)
        for x in np.linspace(0.295, 0.575, 9)
    ]
    parts += [
        Part(
            SHADE, stroke((0.6, 0.53), (0.52, 0.58), (0.43, 0.57), width=0.04, end_width=0.01), 0.5
        ),
        Part(
            SHADE, stroke((0.63, 0.6), (0.56, 0.67), (0.47, 0.69), width=0.035, end_width=0.01), 0.4
        ),
        Part(SHADE, stroke((0.57, 0.2), (0.56, 0.35), (0.57, 0.5), width=0.05), 0.3),
        Part(GLOSS, stroke((0.36, 0.2), (0.37, 0.35), (0.36, 0.52), width=0.06), 0.15),
    ]
    return parts


@lru_cache
def sock(variant: int) -> Shape:
    """A crew sock with ribbed cuff, heel and toe in another colour; sometimes the pair."""
    leg = ring(
        [(0.27, 0.03, 1), (0.44, 0.02), (0.6, 0.03, 1), (0.6, 0.3), (0.6, 0.52), (0.66, 0.62),
         (0.8, 0.71), (0.9, 0.79), (0.92, 0.88), (0.86, 0.95), (0.74, 0.965), (0.55, 0.92),
         (0.38, 0.83), (0.26, 0.75), (0.225, 0.64), (0.26, 0.5), (0.275, 0.3)]
    )  # fmt: skip
    parts = []
    if variant == 2:
        parts.append(Part(SURFACE, leg * (0.96, 0.96) + (0.1, 0.0), 0.7, 0.35))
    parts += [
        Part(SURFACE, leg, 1.0, 0.75),
        Part(
            TRIM,
            ring(
                [
                    (0.245, 0.56, 1),
                    (0.33, 0.6),
                    (0.385, 0.68),
                    (0.38, 0.775),
                    (0.36, 0.82, 1),
                    (0.26, 0.75),
                    (0.225, 0.64),
                ]
            ),
            1.0,
            0.8,
        ),
        Part(
            TRIM,
            ring(
                [
                    (0.79, 0.7, 1),
                    (0.74, 0.78),
                    (0.72, 0.87),
                    (0.74, 0.963, 1),
                    (0.86, 0.95),
                    (0.922, 0.88),
                    (0.9, 0.79),
                ]
            ),
            1.0,
            0.8,
        ),
        Part(SURFACE if variant == 1 else TRIM, box(0.265, 0.018, 0.605, 0.155, 0.015), 0.85, 0.9),
    ]
    parts += _knit()
    return Shape(tuple(parts), Stance.LIES, puff=1.2, turn=0.25)


def _tail(top: Place, middle: Place, end: Place, width: float) -> list[Part]:
    """A hanging end of a scarf, with its fringe."""
    parts = []
    line = path([top, middle, end])
    tilt = (end[0] - middle[0]) / (end[1] - middle[1])
    for k in np.linspace(-0.42, 0.42, 7):
        x = end[0] + k * width
        root, tip = (x, end[1] - 0.01), (x + tilt * 0.1 + 0.01 * np.sin(9 * k), end[1] + 0.1)
        parts.append(Part(SURFACE, stroke(root, tip, width=0.017), 0.8, 0.5))
    side = np.array([width / 2, 0.0])
    parts.append(Part(SURFACE, np.concatenate([line - side, (line + side)[::-1]]), 0.95, 0.65))
    parts.append(
        Part(
            SHADE,
            stroke(
                (end[0] - 0.02, end[1]),
                (middle[0], middle[1]),
                (top[0], top[1] + 0.1),
                width=0.045,
                end_width=0.02,
            ),
            0.4,
        )
    )
    parts.append(
        Part(SHADE, box(end[0] - width / 2, end[1] - 0.012, end[0] + width / 2, end[1]), 0.5)
    )
    return parts


@lru_cache
def scarf(variant: int) -> Shape:
    """A scarf looped once: a ring for the neck, two hanging tails with fringes."""
    long, short = ((0.89, 0.7), (0.88, 0.88), (0.84, 0.6))[variant]
    back = ribbon(arc(0.5, 0.27, 0.25, 0.16, (170, 370)), 0.15)
    front = ribbon(
        path([(0.22, 0.25), (0.32, 0.38), (0.52, 0.43), (0.68, 0.37), (0.78, 0.25)]), 0.17
    )
    tails = (
        ((0.36, 0.36), (0.31, 0.55), (0.27, short), 0.19),
        ((0.58, 0.36), (0.63, 0.6), (0.65, long), 0.2),
    )
    parts = [Part(SURFACE, back, 0.62, 0.4)]
    for tail in tails:
        parts += _tail(*tail)
    parts += [
        Part(SHADE, stroke((0.25, 0.44), (0.45, 0.55), (0.72, 0.46), width=0.05), 0.7),
        Part(SURFACE, front, 1.0, 0.95),
        Part(
            SHADE, stroke((0.27, 0.27), (0.4, 0.39), (0.6, 0.4), width=0.025, end_width=0.01), 0.5
        ),
        Part(
            SHADE,
            stroke((0.73, 0.28), (0.62, 0.36), (0.45, 0.37), width=0.025, end_width=0.01),
            0.45,
        ),
        Part(GLOSS, stroke((0.3, 0.37), (0.45, 0.455), (0.6, 0.45), width=0.03), 0.2),
    ]
    return Shape(tuple(parts), Stance.LIES, puff=1.3, turn=0.15)
