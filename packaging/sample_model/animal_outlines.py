"""The side views of the five animals: parts with roles, from the farthest to the nearest.

All look to the right. x runs right and y up from the ground; 1 is about the length of the body.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sample_model.canvas import Points, smooth

# roles: "far" and "coat" wear the coat, the others are plain
FAR, COAT = "far", "coat"
DARK, PALE, PINK, HORN = "dark", "pale", "pink", "horn"
Row = tuple[float, float, float]
Spots = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Part:
    """A closed outline, [n, 2], what covers it, and the lines that are drawn along its rim."""

    role: str
    outline: Points
    rims: tuple[Points, ...]


@dataclass(frozen=True)
class Figure:
    """An animal: its parts from back to front, its eye and how many coat motifs lie across it."""

    parts: tuple[Part, ...]
    eye: tuple[float, float, float]
    repeats: float


def _limb(role: str, *rows: Row, bare: float = 0.0) -> Part:
    """A leg, horn or tail along rows of x, y and width; no rim along its first `bare` (0..1)."""
    line = smooth([(x, y) for x, y, _ in rows], closed=False, per=6)
    widths = np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, len(rows)),
                       [wide for *_, wide in rows])  # fmt: skip
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * widths[:, None] / 2
    start = int(bare * len(line))
    rims = (line + across)[start:], (line - across)[start:]
    return Part(role, np.concatenate([line + across, (line - across)[::-1]]), rims)


def _closed(role: str, outline: Points) -> Part:
    return Part(role, outline, (np.concatenate([outline, outline[:1]]),))


def _blob(role: str, *points: tuple[float, float]) -> Part:
    """A smooth closed shape through the points."""
    return _closed(role, smooth(points, closed=True, per=7))


def _oval(  # noqa: PLR0917  (an ellipse has five numbers)
    role: str, x: float, y: float, wide: float, high: float, turn: float = 0.0
) -> Part:
    angles = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    flat = np.stack([np.cos(angles) * wide, np.sin(angles) * high], axis=1)
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return _closed(role, flat @ spin + np.array([x, y]))


def _cat_leg(role: str, x: float, top: float, wide: float, lean: float = 0.0) -> tuple[Part, Part]:
    """A cat's foreleg from `top` to a broad paw."""
    leg = _limb(role, (x, top, wide * 1.5), (x + 0.005, top * 0.6, wide * 1.1),
                (x + lean * 0.6, top * 0.3, wide * 0.8), (x + lean, 0.03, wide * 0.82),
                bare=0.36)  # fmt: skip
    return leg, _oval(role, x + lean + wide * 0.22, 0.026, wide * 0.68, 0.030)


def _cat_haunch(
    role: str, x: float, top: float, wide: float, lean: float = 0.0
) -> tuple[Part, Part]:
    """A cat's hind leg: a round thigh, a hock that points back, a broad paw."""
    leg = _limb(role, (x + 0.07, top, wide * 1.2), (x + 0.075, top * 0.68, wide * 1.5),
                (x + 0.01 + lean * 0.4, top * 0.42, wide * 1.0),
                (x - 0.055 + lean, top * 0.24, wide * 0.72),
                (x - 0.025 + lean, 0.035, wide * 0.74), bare=0.34)  # fmt: skip
    return leg, _oval(role, x + lean + wide * 0.12, 0.026, wide * 0.68, 0.030)


def _hoofed_leg(role: str, rows: Sequence[Row], hoof: float = 0.055) -> tuple[Part, Part]:
    """A leg with a hoof at its end; `rows` from the body down to the ankle."""
    x, y, wide = rows[-1]
    foot = _limb(DARK, (x, y + 0.005, wide * 1.05), (x + 0.008, y - hoof * 0.5, wide * 1.2),
                 (x + 0.016, y - hoof, wide * 1.5))  # fmt: skip
    return _limb(role, *rows, bare=0.36), foot


def _leopard() -> Figure:
    body = _blob(
        COAT, (0.05, 0.37), (0.12, 0.44), (0.24, 0.45), (0.40, 0.42), (0.54, 0.42), (0.66, 0.46),
        (0.76, 0.46), (0.85, 0.47), (0.88, 0.42), (0.82, 0.34), (0.76, 0.27), (0.66, 0.215),
        (0.50, 0.225), (0.34, 0.25), (0.22, 0.26), (0.10, 0.26),
    )  # fmt: skip
    tail = _limb(COAT, (0.17, 0.38, 0.075), (0.07, 0.385, 0.072), (-0.05, 0.34, 0.06),
                 (-0.15, 0.19, 0.052),
                 (-0.25, 0.10, 0.05), (-0.36, 0.12, 0.05), (-0.42, 0.21, 0.046),
                 (-0.40, 0.29, 0.03))  # fmt: skip
    tip = _limb(DARK, (-0.425, 0.235, 0.05), (-0.415, 0.27, 0.046), (-0.395, 0.305, 0.026))
    return Figure(
        (
            *_cat_leg(FAR, 0.66, 0.30, 0.09, 0.10), *_cat_haunch(FAR, 0.20, 0.34, 0.085, 0.10),
            tail, tip, _oval(FAR, 0.875, 0.565, 0.035, 0.036),
            body, *_cat_haunch(COAT, 0.10, 0.34, 0.10), *_cat_leg(COAT, 0.70, 0.33, 0.098, -0.03),
            _oval(COAT, 0.90, 0.47, 0.105, 0.100),
            _oval(COAT, 0.845, 0.565, 0.042, 0.042), _oval(DARK, 0.846, 0.568, 0.024, 0.026),
            _oval(PALE, 0.972, 0.432, 0.050, 0.043, -0.1),
            _oval(PALE, 0.945, 0.395, 0.045, 0.028, 0.2),
            _blob(PINK, (0.995, 0.468), (1.028, 0.458), (1.020, 0.436), (1.005, 0.440)),
            _limb(DARK, (1.010, 0.436, 0.006), (0.985, 0.412, 0.008), (0.948, 0.412, 0.004)),
        ),
        (0.945, 0.495, 0.017), 3.0,
    )  # fmt: skip


def _tiger() -> Figure:
    body = _blob(
        COAT, (0.03, 0.42), (0.08, 0.52), (0.20, 0.56), (0.38, 0.53), (0.54, 0.54), (0.66, 0.60),
        (0.78, 0.59), (0.88, 0.58), (0.90, 0.46), (0.82, 0.34), (0.74, 0.26), (0.60, 0.215),
        (0.44, 0.21), (0.28, 0.245), (0.14, 0.27), (0.06, 0.32),
    )  # fmt: skip
    tail = _limb(COAT, (0.16, 0.46, 0.085), (0.06, 0.465, 0.08), (-0.06, 0.40, 0.07),
                 (-0.13, 0.26, 0.064),
                 (-0.20, 0.20, 0.062), (-0.28, 0.24, 0.06), (-0.31, 0.34, 0.05),
                 (-0.29, 0.40, 0.03))  # fmt: skip
    tip = _limb(DARK, (-0.305, 0.31, 0.058), (-0.31, 0.36, 0.05), (-0.285, 0.41, 0.026))
    ruff = _blob(
        PALE, (0.80, 0.62), (0.77, 0.54), (0.755, 0.46), (0.80, 0.44), (0.80, 0.39), (0.86, 0.40),
        (0.90, 0.36), (0.95, 0.41), (1.0, 0.45), (0.98, 0.58), (0.90, 0.66),
    )  # fmt: skip
    return Figure(
        (
            *_cat_leg(FAR, 0.66, 0.34, 0.115, 0.09), *_cat_haunch(FAR, 0.22, 0.40, 0.11, 0.09),
            tail, tip, _oval(FAR, 0.93, 0.685, 0.042, 0.045),
            body, *_cat_haunch(COAT, 0.11, 0.42, 0.135),
            *_cat_leg(COAT, 0.71, 0.40, 0.130, -0.02),
            ruff, _blob(COAT, (0.80, 0.58), (0.83, 0.67), (0.91, 0.695), (0.99, 0.66),
            (1.035, 0.59),
                        (1.03, 0.53), (0.95, 0.50), (0.87, 0.48), (0.82, 0.52)),
            _oval(COAT, 0.855, 0.69, 0.048, 0.048), _oval(DARK, 0.856, 0.694, 0.027, 0.029),
            _oval(PALE, 1.005, 0.520, 0.066, 0.054, -0.1),
            _oval(PALE, 0.975, 0.472, 0.056, 0.034, 0.2),
            _oval(PALE, 0.945, 0.632, 0.030, 0.014, 0.3),
            _blob(PINK, (1.035, 0.565), (1.078, 0.552), (1.066, 0.525), (1.045, 0.530)),
            _limb(DARK, (1.055, 0.526, 0.007), (1.025, 0.495, 0.010), (0.975, 0.492, 0.004)),
        ),
        (0.965, 0.605, 0.018), 2.6,
    )  # fmt: skip


def _zebra() -> Figure:
    body = _blob(
        COAT, (0.04, 0.60), (0.08, 0.70), (0.18, 0.745), (0.34, 0.70), (0.50, 0.70), (0.60, 0.74),
        (0.68, 0.83), (0.76, 0.96), (0.83, 1.04), (0.90, 1.04), (0.955, 0.97), (1.03, 0.875),
        (1.055, 0.82), (1.03, 0.785), (0.985, 0.795), (0.93, 0.845), (0.875, 0.86), (0.84, 0.80),
        (0.80, 0.68), (0.76, 0.56), (0.68, 0.475), (0.54, 0.43), (0.38, 0.425), (0.24, 0.46),
        (0.10, 0.48),
    )  # fmt: skip
    muzzle = _blob(DARK, (0.985, 0.930), (1.03, 0.880), (1.057, 0.82), (1.032, 0.783),
                   (0.985, 0.793),
                   (0.962, 0.82), (0.985, 0.865))  # fmt: skip
    mane = _blob(DARK, (0.56, 0.73), (0.57, 0.79), (0.63, 0.88), (0.70, 1.00), (0.77, 1.09),
                 (0.84, 1.13),
                 (0.88, 1.09), (0.85, 1.035), (0.78, 0.975), (0.70, 0.85),
                 (0.63, 0.76))  # fmt: skip
    tail = _limb(
        COAT, (0.11, 0.67, 0.05), (0.04, 0.655, 0.045), (-0.02, 0.58, 0.034), (-0.045, 0.44, 0.026)
    )
    tuft = _limb(DARK, (-0.040, 0.48, 0.02), (-0.055, 0.37, 0.055), (-0.045, 0.24, 0.012))
    front = ((0.63, 0.58, 0.14), (0.66, 0.42, 0.095), (0.665, 0.27, 0.068), (0.66, 0.14, 0.046),
             (0.665, 0.05, 0.048))  # fmt: skip
    hind = ((0.19, 0.62, 0.16), (0.17, 0.46, 0.15), (0.13, 0.34, 0.085), (0.085, 0.26, 0.064),
            (0.105, 0.14, 0.046), (0.115, 0.05, 0.048))  # fmt: skip
    return Figure(
        (
            *_hoofed_leg(FAR, _moved(front, 0.07, 0.05)),
            *_hoofed_leg(FAR, _moved(hind, 0.09, 0.07)),
            tail, tuft, mane, _limb(FAR, (0.865, 1.03, 0.05), (0.895, 1.09, 0.044),
            (0.90, 1.14, 0.01)),
            body, *_hoofed_leg(COAT, hind), *_hoofed_leg(COAT, front), muzzle,
            _limb(COAT, (0.835, 1.02, 0.052), (0.845, 1.09, 0.055), (0.835, 1.155, 0.01)),
            _limb(DARK, (0.840, 1.05, 0.015), (0.845, 1.09, 0.022), (0.837, 1.13, 0.006)),
            _oval(PALE, 1.035, 0.838, 0.009, 0.012, 0.4),
        ),
        (0.918, 0.960, 0.019), 2.7,
    )  # fmt: skip


def _moved(rows: Sequence[Row], shift: float, stride: float) -> list[Row]:
    """A leg moved along, its foot by `stride` more than its top."""
    last = max(len(rows) - 1, 1)
    return [(x + shift + stride * k / last, y, wide) for k, (x, y, wide) in enumerate(rows)]


def _giraffe() -> Figure:
    body = _blob(
        COAT, (0.10, 0.78), (0.14, 0.88), (0.24, 0.94), (0.38, 1.00), (0.50, 1.07), (0.575, 1.16),
        (0.64, 1.34), (0.70, 1.54), (0.745, 1.72), (0.79, 1.815), (0.86, 1.82), (0.93, 1.755),
        (1.01, 1.68),
        (1.025, 1.635), (0.995, 1.605), (0.94, 1.62), (0.875, 1.655), (0.835, 1.62), (0.80, 1.48),
        (0.765, 1.28), (0.735, 1.08), (0.70, 0.92), (0.62, 0.82), (0.48, 0.76), (0.32, 0.73),
        (0.18, 0.72),
    )  # fmt: skip
    mane = _limb(DARK, (0.52, 1.10, 0.02), (0.60, 1.26, 0.05), (0.675, 1.50, 0.05),
                 (0.72, 1.69, 0.045),
                 (0.785, 1.83, 0.02))  # fmt: skip
    front = ((0.59, 0.94, 0.16), (0.63, 0.70, 0.115), (0.63, 0.48, 0.075), (0.628, 0.26, 0.052),
             (0.630, 0.06, 0.052))  # fmt: skip
    hind = ((0.24, 0.84, 0.17), (0.215, 0.66, 0.15), (0.185, 0.48, 0.085), (0.155, 0.36, 0.066),
            (0.168, 0.20, 0.050), (0.172, 0.06, 0.052))  # fmt: skip
    tail = _limb(
        COAT, (0.18, 0.86, 0.04), (0.11, 0.85, 0.036), (0.06, 0.76, 0.028), (0.05, 0.58, 0.020)
    )
    tuft = _limb(DARK, (0.052, 0.62, 0.016), (0.040, 0.52, 0.048), (0.045, 0.40, 0.010))
    return Figure(
        (
            *_hoofed_leg(FAR, _moved(front, 0.06, 0.05)),
            *_hoofed_leg(FAR, _moved(hind, 0.08, 0.06)),
            tail, tuft, mane,
            _limb(FAR, (0.86, 1.80, 0.030), (0.872, 1.88, 0.024)),
            _oval(DARK, 0.875, 1.895, 0.020, 0.017),
            body, *_hoofed_leg(COAT, hind), *_hoofed_leg(COAT, front),
            _blob(PALE, (0.965, 1.725), (1.012, 1.685), (1.027, 1.635), (0.995, 1.603),
            (0.95, 1.616),
                  (0.925, 1.65)),
            _limb(COAT, (0.81, 1.775, 0.045), (0.755, 1.80, 0.055), (0.705, 1.80, 0.010)),
            _limb(HORN, (0.825, 1.80, 0.032), (0.832, 1.885, 0.026)),
            _oval(DARK, 0.834, 1.902, 0.022, 0.018),
            _oval(DARK, 1.005, 1.665, 0.010, 0.007, 0.6),
            _limb(DARK, (1.000, 1.622, 0.004), (0.968, 1.632, 0.008), (0.945, 1.640, 0.003)),
        ),
        (0.895, 1.755, 0.020), 2.9,
    )  # fmt: skip


def _cow() -> Figure:
    body = _blob(
        COAT, (0.02, 0.58), (0.03, 0.70), (0.08, 0.745), (0.20, 0.735), (0.38, 0.72), (0.56, 0.725),
        (0.68, 0.755), (0.78, 0.775), (0.86, 0.77), (0.89, 0.68), (0.86, 0.56), (0.83, 0.42),
        (0.76, 0.335),
        (0.64, 0.31), (0.48, 0.285), (0.32, 0.295), (0.22, 0.34), (0.10, 0.36), (0.04, 0.44),
    )  # fmt: skip
    head = _blob(
        COAT, (0.84, 0.79), (0.88, 0.84), (0.95, 0.845), (1.00, 0.80), (1.05, 0.70), (1.085, 0.62),
        (1.07, 0.56), (1.00, 0.545), (0.94, 0.58), (0.89, 0.64), (0.85, 0.70),
    )  # fmt: skip
    muzzle = _blob(PINK, (1.035, 0.685), (1.085, 0.655), (1.105, 0.60), (1.085, 0.545),
                   (1.02, 0.530),
                   (0.975, 0.555), (0.985, 0.61))  # fmt: skip
    udder = _blob(PINK, (0.24, 0.35), (0.38, 0.32), (0.385, 0.27), (0.345, 0.245), (0.335, 0.21),
                  (0.318, 0.245),
                  (0.285, 0.245), (0.272, 0.21), (0.26, 0.25), (0.232, 0.29))  # fmt: skip
    front = ((0.70, 0.50, 0.16), (0.72, 0.33, 0.115), (0.722, 0.21, 0.085), (0.72, 0.12, 0.064),
             (0.722, 0.05, 0.070))  # fmt: skip
    hind = ((0.16, 0.56, 0.16), (0.155, 0.42, 0.165), (0.13, 0.30, 0.100), (0.095, 0.225, 0.078),
            (0.11, 0.13, 0.064), (0.118, 0.05, 0.070))  # fmt: skip
    tail = _limb(
        COAT, (0.05, 0.72, 0.04), (-0.025, 0.68, 0.032), (-0.045, 0.52, 0.024), (-0.04, 0.38, 0.020)
    )
    tuft = _limb(DARK, (-0.04, 0.40, 0.018), (-0.05, 0.31, 0.055), (-0.035, 0.21, 0.012))
    return Figure(
        (
            *_hoofed_leg(FAR, _moved(front, 0.07, 0.03)),
            *_hoofed_leg(FAR, _moved(hind, 0.10, 0.04)),
            tail, tuft, udder,
            _limb(HORN, (0.925, 0.83, 0.036), (0.965, 0.875, 0.028), (0.965, 0.93, 0.006)),
            body, *_hoofed_leg(COAT, hind), *_hoofed_leg(COAT, front), head, muzzle,
            _limb(HORN, (0.875, 0.825, 0.042), (0.905, 0.885, 0.034), (0.890, 0.950, 0.006)),
            _limb(COAT, (0.865, 0.79, 0.045), (0.80, 0.805, 0.070), (0.735, 0.775, 0.012)),
            _limb(PINK, (0.845, 0.795, 0.015), (0.80, 0.800, 0.034), (0.755, 0.782, 0.006)),
            _oval(DARK, 1.072, 0.620, 0.013, 0.018, -0.3),
            _limb(DARK, (1.085, 0.560, 0.004), (1.04, 0.562, 0.009), (1.005, 0.578, 0.003)),
        ),
        (0.965, 0.755, 0.020), 1.5,
    )  # fmt: skip


FIGURES = {
    "leopard": _leopard(),
    "zebra": _zebra(),
    "giraffe": _giraffe(),
    "tiger": _tiger(),
    "cow": _cow(),
}
