"""The base model at its real size with random weights: real cost, vectors that mean nothing.

The weights have their usual scale, so that different pictures get different vectors and rounding
does what it does to a real model.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from mmsearch_desktop.models import visualized_bge
from tests.models.tiny_visualized_bge import write_tiny_model

BASE_SIZES = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "vocab_size": 30522,
}


def write_full_size_model(folder: Path) -> Path:
    """A folder that opens as the real base model does: 196 million parameters, 0.4 GB."""
    write_tiny_model(folder)
    (folder / "eva_config.json").unlink()
    path = folder / "text_model" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | BASE_SIZES))
    model = visualized_bge._read_parts(folder).empty_model()
    random = torch.Generator().manual_seed(0)
    tensors = {
        visualized_bge.name_in_file(name): _usual(name, value.shape, random).half()
        for name, value in model.state_dict().items()
    }
    next(folder.glob("*.pth")).unlink()
    torch.save(tensors, folder / "Visualized_base_en_v1.5.pth")
    return folder


def _usual(name: str, shape: torch.Size, random: torch.Generator) -> torch.Tensor:
    """Norms about 1, layers at 1 / √inputs, turns of any angle, the rest small."""
    values = torch.randn(shape, generator=random)
    if ".rope." in name:
        angles = torch.linspace(0, 40, values.numel()).reshape(shape)
        return angles.cos() if name.endswith("cos") else angles.sin()
    if len(shape) == 1:
        is_norm = "norm" in name.lower() or "_ln" in name
        return values * 0.1 + 1 if is_norm and name.endswith("weight") else values * 0.02
    if "embed" in name or "cls_token" in name:
        return values * 0.04
    return values.div(shape[1:].numel() ** 0.5)
