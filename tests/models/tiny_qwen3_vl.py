"""Writes a tiny Qwen3-VL-Embedding with random weights, laid out as the published one.

Layout, key names and tokenizer: Qwen/Qwen3-VL-Embedding-2B. The numbers mean nothing; equal inputs
get equal vectors and different ones different vectors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

DIMENSIONS = 48
POSITIONS = 256
PATCH_PIXELS = 4
WEIGHTS = "model.safetensors"
FILES = (WEIGHTS, "config.json", "tokenizer.json")
LAST = "<|endoftext|>"
_LAYERS = 2
_HEADS, _KEY_HEADS, _HEAD_WIDTH = 4, 2, 12
_PICTURE_WIDTH, _PICTURE_HEADS = 32, 2
_CONTROLS = [
    LAST,
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
]
_READ = [
    "system\nRepresent the user's input.",
    "system\nRetrieve images or text relevant to the user's query.",
    "user\na red bag on the beach at night",
    "assistant\n",
]
_PIECES = Regex(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def write_tiny_model(folder: Path, seed: int = 0, files: int = 1, prefix: str = "model.") -> Path:
    """Writes weights in so many files, config.json and tokenizer.json; returns the folder."""
    folder.mkdir(parents=True)
    tokenizer = tiny_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    config = tiny_config(tokenizer)
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    vocabulary: int = config["text_config"]["vocab_size"]
    weights = {f"{prefix}{name}": value for name, value in _weights(vocabulary, seed)}
    _save(weights, folder, files)
    return folder


def tiny_tokenizer() -> Tokenizer:
    """Every byte, some words, and the controls; the end token comes behind every text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_PIECES, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_READ, trainer)
    tokenizer.add_special_tokens([AddedToken(name, normalized=False) for name in _CONTROLS])
    last = tokenizer.token_to_id(LAST)
    assert last is not None
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {LAST}", pair=f"$A {LAST} $B {LAST}", special_tokens=[(LAST, last)]
    )
    return tokenizer


def tiny_config(tokenizer: Tokenizer) -> dict[str, Any]:
    return {
        "architectures": ["Qwen3VLForConditionalGeneration"],
        "model_type": "qwen3_vl",
        "image_token_id": tokenizer.token_to_id("<|image_pad|>"),
        "text_config": {
            "model_type": "qwen3_vl_text",
            "head_dim": _HEAD_WIDTH,
            "hidden_act": "silu",
            "hidden_size": DIMENSIONS,
            "intermediate_size": 64,
            "max_position_embeddings": POSITIONS,
            "num_attention_heads": _HEADS,
            "num_hidden_layers": _LAYERS,
            "num_key_value_heads": _KEY_HEADS,
            "rms_norm_eps": 1e-6,
            "rope_scaling": {
                "mrope_interleaved": True,
                "mrope_section": [2, 2, 2],
                "rope_type": "default",
            },
            "rope_theta": 5000000,
            "vocab_size": tokenizer.get_vocab_size() + 4,
        },
        "vision_config": {
            "model_type": "qwen3_vl",
            "deepstack_visual_indexes": [0],
            "depth": _LAYERS,
            "hidden_act": "gelu_pytorch_tanh",
            "hidden_size": _PICTURE_WIDTH,
            "in_channels": 3,
            "intermediate_size": 64,
            "num_heads": _PICTURE_HEADS,
            "num_position_embeddings": 36,
            "out_hidden_size": DIMENSIONS,
            "patch_size": PATCH_PIXELS,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
        },
    }


def _weights(vocabulary: int, seed: int) -> Iterator[tuple[str, torch.Tensor]]:
    """Two bytes a number, as the published file."""
    random = torch.Generator().manual_seed(seed)
    for name, shape in _shapes(vocabulary):
        noise = torch.randn(shape, generator=random)
        if "norm" in name:
            value = 1 + 0.1 * noise if name.endswith("weight") else 0.1 * noise
        elif len(shape) == 1:
            value = 0.1 * noise
        else:
            value = noise * torch.Size(shape[1:]).numel() ** -0.5
        yield name, value.bfloat16()


def _shapes(vocabulary: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, text = _PICTURE_WIDTH, "language_model"
    yield "visual.patch_embed.proj.weight", (width, 3, 2, PATCH_PIXELS, PATCH_PIXELS)
    yield "visual.patch_embed.proj.bias", (width,)
    yield "visual.pos_embed.weight", (36, width)
    for i in range(_LAYERS):
        block = f"visual.blocks.{i}"
        yield from _affine(f"{block}.norm1", width)
        yield from _affine(f"{block}.norm2", width)
        yield from _affine(f"{block}.attn.qkv", 3 * width, width)
        yield from _affine(f"{block}.attn.proj", width, width)
        yield from _affine(f"{block}.mlp.linear_fc1", 64, width)
        yield from _affine(f"{block}.mlp.linear_fc2", width, 64)
    for merger, norm in (("merger", width), ("deepstack_merger_list.0", 4 * width)):
        yield from _affine(f"visual.{merger}.norm", norm)
        yield from _affine(f"visual.{merger}.linear_fc1", 4 * width, 4 * width)
        yield from _affine(f"visual.{merger}.linear_fc2", DIMENSIONS, 4 * width)
    yield f"{text}.embed_tokens.weight", (vocabulary, DIMENSIONS)
    for i in range(_LAYERS):
        yield from _layer(f"{text}.layers.{i}")
    yield f"{text}.norm.weight", (DIMENSIONS,)


def _layer(name: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    asked, kept = _HEADS * _HEAD_WIDTH, _KEY_HEADS * _HEAD_WIDTH
    yield f"{name}.self_attn.q_proj.weight", (asked, DIMENSIONS)
    yield f"{name}.self_attn.k_proj.weight", (kept, DIMENSIONS)
    yield f"{name}.self_attn.v_proj.weight", (kept, DIMENSIONS)
    yield f"{name}.self_attn.o_proj.weight", (DIMENSIONS, asked)
    yield f"{name}.self_attn.q_norm.weight", (_HEAD_WIDTH,)
    yield f"{name}.self_attn.k_norm.weight", (_HEAD_WIDTH,)
    yield f"{name}.mlp.gate_proj.weight", (64, DIMENSIONS)
    yield f"{name}.mlp.up_proj.weight", (64, DIMENSIONS)
    yield f"{name}.mlp.down_proj.weight", (DIMENSIONS, 64)
    yield f"{name}.input_layernorm.weight", (DIMENSIONS,)
    yield f"{name}.post_attention_layernorm.weight", (DIMENSIONS,)


def _affine(name: str, *shape: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def _save(weights: dict[str, torch.Tensor], folder: Path, files: int) -> None:
    if files == 1:
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
        return
    placed: dict[str, str] = {}
    for number in range(files):
        name = f"model-{number + 1:05}-of-{files:05}.safetensors"
        part = dict(list(weights.items())[number::files])
        save_file(part, folder / name, metadata={"format": "pt"})
        placed |= dict.fromkeys(part, name)
    index = {"metadata": {"total_size": 0}, "weight_map": placed}
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps(index), encoding="utf-8")
