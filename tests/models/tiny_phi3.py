"""Writes a tiny Phi-3 Vision checkpoint: the real architecture and names, random weights.

Its answers mean nothing, but it reads pictures of 13 tokens and writes text within milliseconds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from mmsearch_desktop.models.phi3_vision import Sizes, official_shapes

PICTURE_TOKENS = 13  # (1 + 1) * 2 * 2 + 1 + 2 * 2, of a picture of one crop
ANSWERS = ("Yes", "yes", "YES", "No", "no", "NO")
_WORDS = (*ANSWERS, "is", "it", "the", "picture", "case", "red", "blue", "list", "Reasons")
_CONTROL = ("<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>", "<|image|>")


def write_tiny_phi3(
    folder: Path,
    *,
    seed: int = 0,
    files: int = 1,
    precision: str = "float32",
    context_tokens: int = 4096,
) -> Path:
    """A folder as it would be downloaded; `files` > 1 spreads the weights over several."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tiny_tokenizer()
    vocabulary = len(tokenizer["model"]["vocab"]) + len(_CONTROL) + 5  # more than it has words
    config = tiny_config(vocabulary, precision=precision, context_tokens=context_tokens)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    _write_weights(folder, tiny_weights(config, seed, precision), files)
    return folder


def tiny_config(
    vocabulary: int, *, precision: str = "float32", context_tokens: int = 4096
) -> dict[str, Any]:
    """Content of config.json, with the same fields as Microsoft's."""
    return {
        "model_type": "phi3_v",
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "hidden_act": "silu",
        "max_position_embeddings": 131072,
        "original_max_position_embeddings": context_tokens,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "rope_scaling": {
            "type": "su",
            "short_factor": [1.1, 1.85, 2.0, 3.05],
            "long_factor": [1.2, 11.6, 53.8, 64.8],
        },
        "sliding_window": 131072,
        "torch_dtype": precision,
        "embd_layer": {
            "hd_transform_order": "sub_glb",
            "projection_cls": "mlp",
            "use_hd_transform": True,
            "with_learnable_separator": True,
        },
        "img_processor": {
            "name": "clip_vision_model",
            "clip_config": {
                "hidden_size": 16,
                "intermediate_size": 24,
                "num_hidden_layers": 3,
                "num_attention_heads": 2,
                "image_size": 56,
                "patch_size": 14,
                "layer_norm_eps": 1e-5,
                "hidden_act": "quick_gelu",
            },
        },
    }


def tiny_weights(
    config: Mapping[str, Any], seed: int, precision: str = "float32"
) -> dict[str, torch.Tensor]:
    """Random tensors under the official names."""
    chance = torch.Generator().manual_seed(seed)
    kind = getattr(torch, precision)
    shapes = official_shapes(Sizes.from_config(config, Path("config.json")))
    return {name: _random(name, shape, chance).to(kind) for name, shape in shapes.items()}


def _random(name: str, shape: tuple[int, ...], chance: torch.Generator) -> torch.Tensor:
    values = torch.randn(shape, generator=chance)
    if len(shape) == 1:
        scale = 1.0 if name.endswith("norm.weight") else 0.0
        return scale + 0.1 * values
    embedded = ("embed" in name and len(shape) == 2) or name.endswith("_GN")
    return values if embedded else values * 1.5 / math.sqrt(math.prod(shape[1:]))


def _write_weights(folder: Path, weights: dict[str, torch.Tensor], files: int) -> None:
    if files == 1:
        save_file(weights, folder / "model.safetensors")
        return
    names = sorted(weights)
    placed: dict[str, str] = {}
    for number in range(files):
        file = f"model-{number + 1:05}-of-{files:05}.safetensors"
        part = {name: weights[name] for name in names[number::files]}
        save_file(part, folder / file, metadata={"format": "pt"})
        placed |= dict.fromkeys(part, file)
    index = json.dumps({"metadata": {}, "weight_map": placed})
    (folder / "model.safetensors.index.json").write_text(index, encoding="utf-8")


def tiny_tokenizer(words: Sequence[str] = ()) -> dict[str, Any]:
    """Content of a tokenizer.json with the real one's rules, for some words, letters and bytes.

    `words` are further ones that become single ids, where no other of them begins alike.
    """
    every = (*_WORDS, *words)
    merges = list(dict.fromkeys(merge for word in every for merge in _merges("▁" + word)))
    letters = sorted({chr(code) for code in range(33, 127)} | {"▁"})
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *letters]
    pieces += [left + right for left, right in merges]
    vocab = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            _added(0, "<unk>"),
            _added(1, "<s>"),
            _added(2, "</s>", special=False, swallows=True),
            *(
                _added(len(vocab) + place, name, swallows=name == "<|assistant|>")
                for place, name in enumerate(_CONTROL)
            ),
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "<s>", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
            ],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": vocab,
            "merges": [list(merge) for merge in merges],
        },
    }


def _merges(word: str) -> list[tuple[str, str]]:
    """From the second letter on, then the space mark in front."""
    joined = [(word[1:end], word[end]) for end in range(2, len(word))]
    return [*joined, (word[0], word[1:])]


def _added(
    number: int, name: str, *, special: bool = True, swallows: bool = False
) -> dict[str, Any]:
    return {
        "id": number,
        "content": name,
        "single_word": False,
        "lstrip": False,
        "rstrip": swallows,
        "normalized": False,
        "special": special,
    }
