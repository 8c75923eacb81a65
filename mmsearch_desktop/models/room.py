"""Whether a second embedder fits beside the one in use, and giving memory back after one has gone.

Imports torch only where a model is about to be opened anyway.
"""

from __future__ import annotations

import gc
import sys
from collections import Counter
from typing import TYPE_CHECKING

from mmsearch_desktop.domain import DeviceOutOfMemory, ModelProblem

if TYPE_CHECKING:
    from pathlib import Path

    from mmsearch_desktop.models.device import Device

_WORKING_BYTES = 600 * 2**20  # batches of pictures on their way through, and the libraries' own


def require_room(choice: str, *, models_folder: Path) -> None:
    """DeviceOutOfMemory where a model, by its offer's name or folder, is too large for now.

    Says nothing where the files are not there or the system does not know: opening it will.
    """
    from mmsearch_desktop.models.device import best_device, free_bytes, memory_text

    weights = weights_bytes(choice, models_folder)
    if weights is None:
        return
    device = best_device()
    needed, free = needed_bytes(weights, device), free_bytes(device)
    if free is not None and free < needed:
        raise DeviceOutOfMemory(
            f"There is no room for a second model on {device.name}: it needs about"
            f" {memory_text(needed)}, and {memory_text(free)} are free."
        )


def needed_bytes(weights: int, device: Device) -> int:
    """An upper estimate: on a processor, weights of half precision become twice as large."""
    return (2 * weights if device.precision == "float32" else weights) + _WORKING_BYTES


def weights_bytes(choice: str, models_folder: Path) -> int | None:
    """The size of its weights; None where they are not there.

    Files of one kind are taken together: weights converted here lie beside those they came from.
    """
    from mmsearch_desktop.models.offers import place_of

    sizes: Counter[str] = Counter()
    try:
        for path in place_of(choice, models_folder).iterdir():
            sizes[path.suffix] += path.stat().st_size
    except (ModelProblem, OSError):
        return None
    return max(sizes.values(), default=None)


def give_memory_back() -> None:
    """After a model was dropped: what Python and torch keep of it goes back to the device.

    Takes some 0.3 s in which no other thread of Python runs.
    """
    gc.collect()
    torch = sys.modules.get("torch")  # not loaded: then no model was
    if torch is None:
        return
    for kind in ("cuda", "xpu", "mps"):
        device = getattr(torch, kind, None)
        if device is not None and device.is_available():
            device.empty_cache()
