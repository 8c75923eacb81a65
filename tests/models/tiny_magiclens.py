"""Writes a tiny MagicLens with random weights: a .pkl in the official form, and a vocabulary.

The numbers mean nothing; equal inputs get equal vectors and different ones different vectors,
which is all that a test needs. Whether the names are the official ones, the parity tests say.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import msgpack
import torch
from tokenizers import pre_tokenizers

from mmsearch_desktop.models.magiclens import Sizes, TowerSizes, empty_model, name_in_file

Tensors = dict[str, torch.Tensor]

WEIGHTS = "magic_lens_clip_base.pkl"
PICTURE_PIXELS = 32
DIMENSIONS = 32
MOST_TOKENS = 20
_WORDS = ("don", "red", "bag", "on", "the", "beach", "at", "night", "dark", "car")
_SPECIAL = ("<|startoftext|>", "<|endoftext|>")


def write_tiny_model(folder: Path, seed: int = 0) -> Path:
    """Writes weights, vocab.json and merges.txt into the folder (made here), returns it."""
    folder.mkdir(parents=True)
    pairs = merges()
    tokens = vocabulary(pairs)
    (folder / "vocab.json").write_text(json.dumps(tokens), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in pairs), ""]
    (folder / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
    write_weights(folder / WEIGHTS, tiny_weights(sizes(len(tokens)), seed))
    return folder


def merges() -> list[tuple[str, str]]:
    """Those that make the known words, letter by letter."""
    pairs = []
    for word in _WORDS:
        for end in range(2, len(word) + 1):
            last = "</w>" if end == len(word) else ""
            pairs.append((word[: end - 1], word[end - 1] + last))
    return list(dict.fromkeys(pairs))


def vocabulary(pairs: list[tuple[str, str]]) -> dict[str, int]:
    """In CLIP's order: signs, signs at the end of a word, merged pieces, start and end."""
    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*signs, *(f"{sign}</w>" for sign in signs), *map("".join, pairs), *_SPECIAL]
    return {token: number for number, token in enumerate(dict.fromkeys(tokens))}


def sizes(tokens: int) -> Sizes:
    tower = TowerSizes(layers=2, width=DIMENSIONS, heads=2, head_width=16, inner_width=64)
    return Sizes(
        picture=tower,
        patch_pixels=16,
        patches=4,
        text=tower,
        vocabulary=tokens,
        positions=MOST_TOKENS,
        dimensions=DIMENSIONS,
        fusion=tower,
        pool_heads=2,
        pool_head_width=64,
    )


def tiny_weights(of: Sizes, seed: int = 0) -> Tensors:
    """By official names, in float32."""
    random = torch.Generator().manual_seed(seed)
    tensors = {"params/clip/logit_scale": torch.tensor(4.6)}
    for name, tensor in empty_model(of).state_dict().items():
        noise = torch.randn(tensor.shape, generator=random)
        is_clip_norm = "clip.visual.ln" in name or "clip.text.ln" in name or ".ln_" in name
        is_scale = name.endswith(".scale") and is_clip_norm
        spread = 0.2 if tensor.ndim == 1 or name.endswith((".bias", ".b")) else DIMENSIONS**-0.5
        tensors[name_in_file(name)] = is_scale + spread * noise
    return tensors


def write_weights(path: Path, tensors: Tensors) -> None:
    path.write_bytes(pickle.dumps(packed(tensors), protocol=4))


def packed(tensors: Tensors) -> bytes:
    """As flax's `to_bytes`: a tree of names, whose leaves are arrays."""
    tree: dict[str, Any] = {}
    for name, tensor in tensors.items():
        *branches, leaf = name.split("/")
        place = tree
        for branch in branches:
            place = place.setdefault(branch, {})
        place[leaf] = packed_array(tensor)
    return bytes(msgpack.packb(tree))


def packed_array(tensor: torch.Tensor) -> msgpack.ExtType:
    kind = str(tensor.dtype).removeprefix("torch.")
    numbers = bytes(tensor.contiguous().flatten().view(torch.uint8).numpy())
    return msgpack.ExtType(1, msgpack.packb([list(tensor.shape), kind, numbers]))
