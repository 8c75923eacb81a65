"""How long a judge takes here: its work for one photo over what the device is seen to do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmsearch_desktop.models.judge_offers import JUDGES, place_of, plan_of

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from mmsearch_desktop.models.device import Device
    from mmsearch_desktop.models.offers import Offer

_EFFICIENCY = 0.5  # of a model against bare products of matrices; a guess
_ROWS = 320  # about the tokens of one photo
_COLUMNS = {"cpu": 1024}  # as in a layer of a model; for a card as many as a real one has
_COLUMNS_OF_A_CARD = 3072
_TRIALS = 3
_WORKS_IN = {"nf4": "bfloat16"}  # what 4 bits are unpacked into


@dataclass(frozen=True, slots=True)
class Outlook:
    """What can be said of a judge before it is opened."""

    judge: str  # what a person calls it
    sentence: str  # in which precision it runs, and how much memory it takes
    seconds_per_photo: float  # an estimate
    on_processor: bool  # there is no graphics card for it


def outlook(
    choice: str,
    *,
    models_folder: Path,
    device: Device | None = None,
    judges: Sequence[Offer] = JUDGES,
) -> Outlook:
    """Loads nothing, but makes the device work for a moment. Imports torch.

    Raises WeightsMissing, WeightsDamaged, and ModelProblem where it does not fit, as opening does.
    """
    _, name = place_of(choice, models_folder, judges)
    from mmsearch_desktop.models.device import best_device

    chosen = device or best_device()
    plan = plan_of(choice, models_folder=models_folder, device=chosen, judges=judges)
    speed = operations_per_second(chosen, plan.precision)
    seconds = plan.operations_per_candidate / speed
    return Outlook(name, plan.sentence, seconds, chosen.kind == "cpu")


def operations_per_second(device: Device, precision: str) -> float:
    """Floating point operations that a model of this precision may do there, by trying."""
    import torch

    kind = getattr(torch, _WORKS_IN.get(precision, precision))
    columns = _COLUMNS.get(device.kind, _COLUMNS_OF_A_CARD)
    one = torch.ones(_ROWS, columns, dtype=kind, device=device.torch_name)
    other = torch.ones(columns, columns, dtype=kind, device=device.torch_name)
    _seconds_of(one, other)  # the first is slow: libraries are loaded, memory is asked for
    best = min(_seconds_of(one, other) for _ in range(_TRIALS))
    return _EFFICIENCY * 2 * _ROWS * columns * columns / max(best, 1e-9)


def _seconds_of(one: torch.Tensor, other: torch.Tensor) -> float:
    began = time.perf_counter()
    (one @ other)[0, 0].item()  # waits for the card
    return time.perf_counter() - began
