"""Writes a tiny BGE-VL model with random weights, laid out as the published ones.

Layout and key names: BAAI/BGE-VL-base, which are those of transformers' CLIPModel. The numbers mean
nothing; equal inputs get equal vectors and different ones different vectors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import pre_tokenizers

PICTURE_PIXELS = 32
DIMENSIONS = 24
MOST_TOKENS = 24
WEIGHTS = "model.safetensors"
FILES = (WEIGHTS, "config.json", "vocab.json", "merges.txt")
_PATCH_PIXELS = 16
_LAYERS = 2
_TEXT_WIDTH, _PICTURE_WIDTH = 32, 48
_END_OF_WORD = "</w>"
_KNOWN_WORDS = "the and red dark night phone case bag photo picture beach car on at"
_WORDS = _KNOWN_WORDS.split()


def write_tiny_model(folder: Path, seed: int = 0) -> Path:
    """Writes weights, config.json, vocab.json and merges.txt into the folder, returns it."""
    folder.mkdir(parents=True)
    pieces, merges = _pieces_and_merges()
    numbers = {piece: number for number, piece in enumerate(pieces)}
    _write(folder / "vocab.json", numbers)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges), ""]
    (folder / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
    _write(folder / "config.json", _config(len(pieces)))
    save_file(tiny_weights(len(pieces), seed), folder / WEIGHTS, metadata={"format": "pt"})
    return folder


def tiny_weights(vocabulary: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """Every tensor in two bytes a number, as the sizes of the published files say."""
    random = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, shape in _shapes(vocabulary):
        noise = torch.randn(shape, generator=random) * (shape[-1] ** -0.5 if shape else 1.0)
        is_norm = "norm" in name and name.endswith(".weight")
        tensors[name] = (1 + noise if is_norm else noise).bfloat16()
    return tensors


def _shapes(vocabulary: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    text, picture = _TEXT_WIDTH, _PICTURE_WIDTH
    yield "logit_scale", ()
    yield "text_projection.weight", (DIMENSIONS, text)
    yield "visual_projection.weight", (DIMENSIONS, picture)
    yield "text_model.embeddings.token_embedding.weight", (vocabulary, text)
    yield "text_model.embeddings.position_embedding.weight", (MOST_TOKENS, text)
    yield from _tower("text_model", text)
    yield from _affine("text_model.final_layer_norm", text)
    places = 1 + (PICTURE_PIXELS // _PATCH_PIXELS) ** 2
    yield "vision_model.embeddings.class_embedding", (picture,)
    patch = (picture, 3, _PATCH_PIXELS, _PATCH_PIXELS)
    yield "vision_model.embeddings.patch_embedding.weight", patch
    yield "vision_model.embeddings.position_embedding.weight", (places, picture)
    yield from _affine("vision_model.pre_layrnorm", picture)  # so spelled
    yield from _tower("vision_model", picture)
    yield from _affine("vision_model.post_layernorm", picture)


def _tower(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for i in range(_LAYERS):
        layer = f"{name}.encoder.layers.{i}"
        for part in ("q", "k", "v", "out"):
            yield from _affine(f"{layer}.self_attn.{part}_proj", width, width)
        yield from _affine(f"{layer}.layer_norm1", width)
        yield from _affine(f"{layer}.mlp.fc1", 2 * width, width)
        yield from _affine(f"{layer}.mlp.fc2", width, 2 * width)
        yield from _affine(f"{layer}.layer_norm2", width)


def _affine(name: str, *shape: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def _pieces_and_merges() -> tuple[list[str], list[tuple[str, str]]]:
    """Every byte, every byte that ends a word, some words letter by letter, and the two marks."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = dict.fromkeys([*letters, *(f"{letter}{_END_OF_WORD}" for letter in letters)])
    merges: dict[tuple[str, str], None] = {}
    for word in _WORDS:
        begun = word[0]
        for letter in [*word[1:-1], f"{word[-1]}{_END_OF_WORD}"]:
            merges[begun, letter] = None
            begun += letter
            pieces[begun] = None
    return [*pieces, "<|startoftext|>", "<|endoftext|>"], list(merges)


def _config(vocabulary: int) -> dict[str, Any]:
    return {
        "architectures": ["CLIPModel"],
        "auto_map": {"AutoModel": "modeling_MMRet_CLIP.CLIPModel"},  # never followed
        "model_type": "clip",
        "projection_dim": DIMENSIONS,
        "text_config": {
            "model_type": "clip_text_model",
            "hidden_size": _TEXT_WIDTH,
            "intermediate_size": 2 * _TEXT_WIDTH,
            "max_position_embeddings": MOST_TOKENS,
            "num_attention_heads": 2,
            "num_hidden_layers": _LAYERS,
            "vocab_size": vocabulary,
            "eos_token_id": vocabulary - 1,
        },
        "vision_config": {
            "model_type": "clip_vision_model",
            "hidden_size": _PICTURE_WIDTH,
            "image_size": PICTURE_PIXELS,
            "intermediate_size": 2 * _PICTURE_WIDTH,
            "num_attention_heads": 3,
            "num_hidden_layers": _LAYERS,
            "patch_size": _PATCH_PIXELS,
        },
    }


def _write(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2), encoding="utf-8")
