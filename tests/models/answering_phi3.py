"""A tiny Phi-3 Vision that answers with yes or no, unlike one of quite random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safetensors.torch import load_file, save_file

from mmsearch_desktop.models.phi3_prompt import Phi3Tokenizer
from tests.models.tiny_phi3 import write_tiny_phi3

if TYPE_CHECKING:
    from pathlib import Path

_LOUDER = 6.0


def write_answering_phi3(folder: Path, *, seed: int = 0) -> Path:
    """As `write_tiny_phi3`, but "yes" and "no" are likelier than all else; which, is random."""
    write_tiny_phi3(folder, seed=seed)
    tokenizer = Phi3Tokenizer(folder / "tokenizer.json")
    weights = load_file(folder / "model.safetensors")
    rows = [*tokenizer.yes_ids, *tokenizer.no_ids]
    weights["lm_head.weight"][rows] *= _LOUDER
    save_file(weights, folder / "model.safetensors")
    return folder
