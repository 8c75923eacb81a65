"""Every embedder on offer at its real size with random weights: real cost, meaningless vectors.

The weights have their usual scale. They repeat the same noise, which is quick to write; the
vocabularies hold the words of the benchmark and little else.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file

from mmsearch_desktop.models import bge_vl, magiclens, qwen3_vl_embedding, visualized_bge
from mmsearch_desktop.models.magiclens import Sizes, TowerSizes
from tests.models import tiny_bge_vl, tiny_magiclens, tiny_qwen3_vl, tiny_visualized_bge

if TYPE_CHECKING:
    from tests.models.tiny_visualized_bge import Flavour

WORDS = "red bag on the beach at night"  # whole words in every one of the tiny vocabularies
_NOISE = torch.randn(2**22, generator=torch.Generator().manual_seed(0))

_BERT = {"hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 512}
_BERT |= {"num_attention_heads": 12, "num_hidden_layers": 12, "vocab_size": 30_522}
_XLM = {"hidden_size": 1024, "intermediate_size": 4096, "max_position_embeddings": 8194}
_XLM |= {"num_attention_heads": 16, "num_hidden_layers": 24, "vocab_size": 250_002}

_CLIP_WORDS = {"max_position_embeddings": 77, "num_hidden_layers": 12, "vocab_size": 49_408}
_CLIP_BASE = {
    "projection_dim": 512,
    "text_config": _CLIP_WORDS
    | {"hidden_size": 512, "intermediate_size": 2048, "num_attention_heads": 8},
    "vision_config": {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}
    | {"num_hidden_layers": 12, "patch_size": 16, "image_size": 224},
}
_CLIP_LARGE = {
    "projection_dim": 768,
    "text_config": _CLIP_WORDS
    | {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12},
    "vision_config": {"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16}
    | {"num_hidden_layers": 24, "patch_size": 14, "image_size": 224},
}

_MAGICLENS_BASE = Sizes(
    picture=TowerSizes(12, 768, 12, 64, 3072),
    patch_pixels=16,
    patches=196,
    text=TowerSizes(12, 512, 8, 64, 2048),
    vocabulary=49_408,
    positions=77,
    dimensions=512,
    fusion=TowerSizes(4, 512, 8, 64, 2048),
    pool_heads=8,
    pool_head_width=256,
)
_MAGICLENS_LARGE = Sizes(
    picture=TowerSizes(24, 1024, 16, 64, 4096),
    patch_pixels=14,
    patches=256,
    text=TowerSizes(12, 768, 12, 64, 3072),
    vocabulary=49_408,
    positions=77,
    dimensions=768,
    fusion=TowerSizes(4, 768, 16, 48, 3072),
    pool_heads=16,
    pool_head_width=192,
)

_QWEN = {
    "text_config": {"head_dim": 128, "hidden_size": 2048, "intermediate_size": 6144}
    | {"num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 8}
    | {"vocab_size": 151_936, "max_position_embeddings": 262_144}
    | {"rope_scaling": {"mrope_interleaved": True, "mrope_section": [24, 20, 20]}},
    "vision_config": {"hidden_size": 1024, "intermediate_size": 4096, "depth": 24, "num_heads": 16}
    | {"num_position_embeddings": 2304, "out_hidden_size": 2048, "patch_size": 16}
    | {"deepstack_visual_indexes": [5, 11, 17]},
}


def _write_visualized_bge(folder: Path, flavour: Flavour, sizes: dict[str, Any]) -> None:
    tiny_visualized_bge.write_tiny_model(folder, flavour)
    (folder / "eva_config.json").unlink()  # the real towers' sizes are those it leaves
    _change(folder / "text_model" / "config.json", sizes)
    model = visualized_bge._read_parts(folder).empty_model()
    weights = {
        visualized_bge.name_in_file(name): (
            _rotary(name, value.shape) if ".rope." in name else random_tensor(name, value.shape)
        ).half()
        for name, value in model.state_dict().items()
    }
    torch.save(weights, folder / tiny_visualized_bge.WEIGHTS[flavour])


def _rotary(name: str, shape: torch.Size) -> torch.Tensor:
    angles = torch.linspace(0, 40, shape.numel()).reshape(shape)
    return angles.cos() if name.endswith("cos") else angles.sin()


def _write_bge_vl(folder: Path, sizes: dict[str, Any]) -> None:
    tiny_bge_vl.write_tiny_model(folder)
    _change(folder / "config.json", sizes)
    model = bge_vl.empty_model(bge_vl._read_parts(folder).config, folder)
    _save(model, folder / "model.safetensors", torch.float16)


def _write_magiclens(folder: Path, sizes: Sizes) -> None:
    tiny_magiclens.write_tiny_model(folder)
    (folder / tiny_magiclens.WEIGHTS).unlink()
    tokens = list(json.loads((folder / "vocab.json").read_text(encoding="utf-8")))
    filling = [f"filling{number}" for number in range(sizes.vocabulary - len(tokens))]
    whole = [*tokens[:-2], *filling, *tokens[-2:]]  # start and end come last
    numbers = {token: number for number, token in enumerate(whole)}
    (folder / "vocab.json").write_text(json.dumps(numbers), encoding="utf-8")
    weights = {
        magiclens.name_in_file(name): random_tensor(name, value.shape)
        for name, value in magiclens.empty_model(sizes).state_dict().items()
    }
    mark = {"model": magiclens._CONVERTED_MARK}
    save_file(weights, folder / magiclens._CONVERTED_FILE, metadata=mark)


def _write_qwen(folder: Path) -> None:
    tiny_qwen3_vl.write_tiny_model(folder)
    _change(folder / "config.json", _QWEN)
    prompts = qwen3_vl_embedding.Prompts(
        qwen3_vl_embedding.open_tokenizer(folder / "tokenizer.json")
    )
    config = qwen3_vl_embedding.read_config(folder / "config.json", prompts)
    model = qwen3_vl_embedding.empty_model(config, folder)
    _save(model, folder / "model.safetensors", torch.bfloat16, prefix="model.")


# By the names of `models.offers`; each writes its folder (made there) and returns nothing.
WRITERS: dict[str, Callable[[Path], None]] = {
    "bge-visualized-base-en": lambda folder: _write_visualized_bge(folder, "base_en", _BERT),
    "bge-visualized-m3": lambda folder: _write_visualized_bge(folder, "m3", _XLM),
    "bge-vl-base": lambda folder: _write_bge_vl(folder, _CLIP_BASE),
    "bge-vl-large": lambda folder: _write_bge_vl(folder, _CLIP_LARGE),
    "magiclens-base": lambda folder: _write_magiclens(folder, _MAGICLENS_BASE),
    "magiclens-large": lambda folder: _write_magiclens(folder, _MAGICLENS_LARGE),
    "qwen3-vl-embedding-2b": _write_qwen,
}


def random_tensor(name: str, shape: torch.Size) -> torch.Tensor:
    """Norms about 1, layers at 1 / √inputs, embeddings and the rest small."""
    count = shape.numel()
    values = _NOISE.repeat(-(-count // len(_NOISE)))[:count].reshape(shape)
    if len(shape) < 2:
        is_norm = any(mark in name.lower() for mark in ("norm", "_ln", ".ln", "layrnorm"))
        return values * 0.1 + 1 if is_norm and name.endswith(("weight", "scale")) else values * 0.02
    if "embed" in name or "cls_token" in name:
        return values * 0.04
    inputs: int = shape[1:].numel()
    return values.div(inputs**0.5)


def _save(model: torch.nn.Module, path: Path, dtype: torch.dtype, prefix: str = "") -> None:
    weights = {
        f"{prefix}{name}": random_tensor(name, value.shape).to(dtype)
        for name, value in model.state_dict().items()
    }
    save_file(weights, path, metadata={"format": "pt"})


def _change(path: Path, values: dict[str, Any]) -> None:
    """Replaces values of a small file, and within its tables only those named."""
    changed = json.loads(path.read_text(encoding="utf-8"))
    for name, value in values.items():
        both_tables = isinstance(value, dict) and isinstance(changed.get(name), dict)
        changed[name] = {**changed[name], **value} if both_tables else value
    path.write_text(json.dumps(changed), encoding="utf-8")
