"""Writes a tiny Visualized BGE model with random weights, laid out as the official one.

Layout and key names: FlagOpen/FlagEmbedding, research/visual_bge. The numbers mean nothing; equal
inputs get equal vectors and different ones different vectors, which is all that a test needs.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

Flavour = Literal["base_en", "m3"]
Tensors = dict[str, torch.Tensor]

PICTURE_PIXELS = 32
IMAGE_TOKENS = 4
DIMENSIONS = 32
MOST_POSITIONS = 40
WEIGHTS = {"base_en": "Visualized_base_en_v1.5.pth", "m3": "Visualized_m3.pth"}
_LAYERS = 2
_HEAD = 16  # width of one head of the picture tower
_INNER = int(DIMENSIONS * 2.6667)
_KNOWN_WORDS = """a an and the of in on at with this that is are red orange yellow green blue purple
black white grey dark night day phone case bag photo picture cat dog tree sea beach house car"""
_WORDS = _KNOWN_WORDS.split()


@dataclass(frozen=True)
class _Flavour:
    model_type: str
    special: tuple[str, ...]  # in the order of their ids
    pad: str
    first: str
    last: str
    token_types: int
    epsilon: float


_FLAVOURS = {
    "base_en": _Flavour(
        "bert", ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), "[PAD]", "[CLS]", "[SEP]", 2, 1e-12
    ),
    "m3": _Flavour(
        "xlm-roberta", ("<s>", "<pad>", "</s>", "<unk>", "<mask>"), "<pad>", "<s>", "</s>", 1, 1e-5
    ),
}


def write_tiny_model(folder: Path, flavour: Flavour = "base_en", seed: int = 0) -> Path:
    """Writes weights, eva_config.json and text_model/ into the folder (made here), returns it."""
    kind = _FLAVOURS[flavour]
    text_folder = folder / "text_model"
    text_folder.mkdir(parents=True)
    tokenizer = _bert_tokenizer(kind) if flavour == "base_en" else _xlm_tokenizer(kind)
    tokenizer.save(str(text_folder / "tokenizer.json"))
    _write(text_folder / "tokenizer_config.json", _tokenizer_config(kind))
    _write(text_folder / "config.json", _text_config(kind, tokenizer.get_vocab_size()))
    _write(folder / "eva_config.json", _eva_config())
    torch.save(tiny_weights(flavour, tokenizer.get_vocab_size(), seed), folder / WEIGHTS[flavour])
    return folder


def tiny_weights(flavour: Flavour, vocabulary: int, seed: int = 0) -> Tensors:
    """A state dict with the official names, every tensor in half precision as in the real files."""
    random = torch.Generator().manual_seed(seed)
    tensors: Tensors = {}
    for name, shape in _shapes(vocabulary, _FLAVOURS[flavour].token_types):
        noise = torch.randn(shape, generator=random) * (shape[-1] ** -0.5 if shape else 1.0)
        is_norm = name.endswith(".weight") and len(shape) == 1
        tensors[name] = (1 + noise if is_norm else noise).half()
    cosines, sines = _rotary_tables()
    for place in ("", *(f"blocks.{i}.attn." for i in range(_LAYERS))):
        tensors[f"model_visual.visual.{place}rope.freqs_cos"] = cosines
        tensors[f"model_visual.visual.{place}rope.freqs_sin"] = sines
    return tensors


def _shapes(vocabulary: int, token_types: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    d, inner = DIMENSIONS, 2 * DIMENSIONS
    yield "bge_embeddings.word_embeddings.weight", (vocabulary, d)
    yield "bge_embeddings.position_embeddings.weight", (MOST_POSITIONS, d)
    yield "bge_embeddings.token_type_embeddings.weight", (token_types, d)
    yield from _affine("bge_embeddings.LayerNorm", d)
    for i in range(_LAYERS):
        layer = f"bge_encoder.layer.{i}"
        for part in ("query", "key", "value"):
            yield from _affine(f"{layer}.attention.self.{part}", d, d)
        yield from _affine(f"{layer}.attention.output.dense", d, d)
        yield from _affine(f"{layer}.attention.output.LayerNorm", d)
        yield from _affine(f"{layer}.intermediate.dense", inner, d)
        yield from _affine(f"{layer}.output.dense", d, inner)
        yield from _affine(f"{layer}.output.LayerNorm", d)
    yield from _affine("bge_pooler.dense", d, d)
    yield from _affine("visual_proj", d, d)
    yield "model_visual.logit_scale", ()
    yield from _tower_shapes("model_visual.visual", d)


def _tower_shapes(tower: str, d: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{tower}.cls_token", (1, 1, d)
    yield f"{tower}.pos_embed", (1, IMAGE_TOKENS + 1, d)
    yield from _affine(f"{tower}.patch_embed.proj", d, 3, 16, 16)
    yield from _affine(f"{tower}.norm", d)
    yield from _affine(f"{tower}.head", 24, d)
    for i in range(_LAYERS):
        block = f"{tower}.blocks.{i}"
        yield from _affine(f"{block}.norm1", d)
        yield from _affine(f"{block}.norm2", d)
        for part in ("q", "k", "v"):
            yield f"{block}.attn.{part}_proj.weight", (d, d)
        yield f"{block}.attn.q_bias", (d,)
        yield f"{block}.attn.v_bias", (d,)
        yield from _affine(f"{block}.attn.inner_attn_ln", d)
        yield from _affine(f"{block}.attn.proj", d, d)
        yield from _affine(f"{block}.mlp.w1", _INNER, d)
        yield from _affine(f"{block}.mlp.w2", _INNER, d)
        yield from _affine(f"{block}.mlp.ffn_ln", _INNER)
        yield from _affine(f"{block}.mlp.w3", d, _INNER)


def _affine(name: str, *shape: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def _rotary_tables() -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines [patches, head width]: half of the channels by row, half by column."""
    grid = int(IMAGE_TOKENS**0.5)
    half = _HEAD // 2
    speeds = 10000.0 ** (-torch.arange(0, half, 2) / half)
    angles = (torch.arange(grid) / grid * 16)[:, None] * speeds.repeat_interleave(2)
    rows = angles[:, None].expand(grid, grid, half)
    table = torch.cat([rows, rows.transpose(0, 1)], dim=-1).reshape(IMAGE_TOKENS, _HEAD)
    return table.cos().half(), table.sin().half()


def _bert_tokenizer(kind: _Flavour) -> Tokenizer:
    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    words = [word for word in _WORDS if len(word) > 1]
    pieces = [*kind.special, *letters, *(f"##{letter}" for letter in letters), *words]
    numbers = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token=kind.special[1]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return _finished(tokenizer, kind)


def _xlm_tokenizer(kind: _Flavour) -> Tokenizer:
    pieces = [(piece, 0.0) for piece in kind.special]
    pieces += [("▁", -3.0), *((f"▁{word}", -4.0) for word in _WORDS)]
    pieces += [(mark, -6.0) for mark in string.ascii_letters + string.digits + string.punctuation]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    return _finished(tokenizer, kind)


def _finished(tokenizer: Tokenizer, kind: _Flavour) -> Tokenizer:
    tokenizer.add_special_tokens(list(kind.special))
    ends = [(token, tokenizer.token_to_id(token)) for token in (kind.first, kind.last)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{kind.first} $A {kind.last}",
        pair=f"{kind.first} $A {kind.last} $B {kind.last}",
        special_tokens=ends,
    )
    return tokenizer


def _tokenizer_config(kind: _Flavour) -> dict[str, Any]:
    names = {"[UNK]": "unk_token", "<unk>": "unk_token", "[MASK]": "mask_token"}
    names |= {"<mask>": "mask_token", kind.pad: "pad_token"}
    return {
        "tokenizer_class": "BertTokenizer" if kind.pad == "[PAD]" else "XLMRobertaTokenizer",
        "cls_token": kind.first,
        "sep_token": kind.last,
        "model_max_length": MOST_POSITIONS,
        **{names[token]: token for token in kind.special if token in names},
    }


def _text_config(kind: _Flavour, vocabulary: int) -> dict[str, Any]:
    return {
        "model_type": kind.model_type,
        "hidden_size": DIMENSIONS,
        "num_hidden_layers": _LAYERS,
        "num_attention_heads": 2,
        "intermediate_size": 2 * DIMENSIONS,
        "max_position_embeddings": MOST_POSITIONS,
        "type_vocab_size": kind.token_types,
        "vocab_size": vocabulary,
        "layer_norm_eps": kind.epsilon,
        "pad_token_id": kind.special.index(kind.pad),
    }


def _eva_config() -> dict[str, Any]:
    return {
        "embed_dim": 24,
        "vision_cfg": {
            "image_size": PICTURE_PIXELS,
            "layers": _LAYERS,
            "width": DIMENSIONS,
            "head_width": _HEAD,
            "patch_size": 16,
            "mlp_ratio": 2.6667,
            "rope": True,
            "pt_hw_seq_len": 16,
            "intp_freq": True,
            "naiveswiglu": True,
            "subln": True,
        },
    }


def _write(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2), encoding="utf-8")
