"""The sample model before training: Visualized BGE's own modules in a small configuration.

Beside them the heads that name what a picture shows, which are thrown away after training, and
matrix products in half precision for processors that have them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # the name that everyone knows it by
from torch.overrides import TorchFunctionMode
from transformers import BertConfig

from mmsearch_desktop.models.device import cpu, multiplies_bfloat16
from mmsearch_desktop.models.visualized_bge import FLAVOURS, TowerConfig, VisualizedBge
from sample_model.captions import FIELDS
from sample_model.vocabulary import SIZE


@dataclass(frozen=True)
class Sizes:
    """Of the whole model; the inner width of the tower is two thirds of the text model's."""

    picture_pixels: int = 96
    patch_pixels: int = 16
    width: int = 128
    head_width: int = 32
    tower_layers: int = 5
    text_layers: int = 3
    positions: int = 192
    vocabulary: int = SIZE

    @property
    def mlp_ratio(self) -> float:
        return 2.75

    @property
    def tower(self) -> TowerConfig:
        inner = int(self.width * self.mlp_ratio)
        return TowerConfig(
            self.picture_pixels, self.patch_pixels, self.tower_layers, self.width,
            self.head_width, inner,
        )  # fmt: skip

    @property
    def text(self) -> dict[str, Any]:
        """What the text model's config.json says."""
        return {
            "model_type": "bert",
            "hidden_size": self.width,
            "num_hidden_layers": self.text_layers,
            "num_attention_heads": self.width // self.head_width,
            "intermediate_size": 4 * self.width,
            "max_position_embeddings": self.positions,
            "type_vocab_size": 2,
            "vocab_size": self.vocabulary,
            "layer_norm_eps": 1e-12,
            "pad_token_id": 0,
        }


_FOR_TRAINING: dict[str, Any] = {
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "attn_implementation": "sdpa",
}


def new_model(sizes: Sizes, seed: int) -> VisualizedBge:
    """With random weights, in training mode."""
    torch.manual_seed(seed)
    text = {name: value for name, value in sizes.text.items() if name != "model_type"}
    config = BertConfig(**text, **_FOR_TRAINING)
    model = VisualizedBge(FLAVOURS["bert"], sizes.tower, config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            _start(name, parameter)
        cosines, sines = rotary_tables(sizes.tower)
        model.tower.rope.freqs_cos.copy_(cosines)
        model.tower.rope.freqs_sin.copy_(sines)
    return model.train()


_INTO_THE_STREAM = ("attn.proj.weight", "mlp.w3.weight")  # what blocks add to the stream


def _start(name: str, parameter: Tensor) -> None:
    if parameter.ndim == 1:
        parameter.fill_(1.0 if name.endswith("weight") else 0.0)
    elif "embed" in name or "cls_token" in name:
        nn.init.trunc_normal_(parameter, std=0.02)
    else:
        fan_in = parameter[0].numel()
        small = 0.3 if name.endswith(_INTO_THE_STREAM) else 1.0
        nn.init.trunc_normal_(parameter, std=0.7 * small / math.sqrt(fan_in))


def rotary_tables(config: TowerConfig) -> tuple[Tensor, Tensor]:
    """Cosines and sines [patches, head width], rounded to half precision as in published files.

    Half of the channels turn by the row, half by the column, in pairs.
    """
    grid, half = config.picture_pixels // config.patch_pixels, config.head_width // 2
    speeds = 10000.0 ** (-torch.arange(0, half, 2) / half)
    angles = (torch.arange(grid) / grid * 16)[:, None] * speeds.repeat_interleave(2)
    rows = angles[:, None].expand(grid, grid, half)
    table = torch.cat((rows, rows.transpose(0, 1)), dim=-1).reshape(grid * grid, -1)
    return table.cos().half().float(), table.sin().half().float()


class Heads(nn.Module):
    """Names of a picture's facts from a vector: one row of numbers for each field."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.sizes = [len(names) for names in FIELDS.values()]
        self.all = nn.Linear(width, sum(self.sizes))
        nn.init.normal_(self.all.weight, std=0.05)
        nn.init.zeros_(self.all.bias)

    def forward(self, vectors: Tensor) -> tuple[Tensor, ...]:
        rows: Tensor = self.all(vectors)
        return torch.split(rows, self.sizes, dim=-1)


class Training(nn.Module):
    """The model, and what only training needs."""

    def __init__(self, model: VisualizedBge, width: int) -> None:
        super().__init__()
        self.model = model
        self.heads = Heads(width)  # of the vectors, which are of unit length
        self.tower_norm = nn.LayerNorm(width)
        self.tower_heads = Heads(width)  # of the mean image token
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))


class HalfProducts(TorchFunctionMode):
    """Computes every linear layer's products in bfloat16, and all else as it was."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.linear:
            return _linear(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    out: Tensor = _HalfLinear.apply(x, weight, bias)  # type: ignore[no-untyped-call]  # torch's
    return out


class _HalfLinear(torch.autograd.Function):
    """A linear layer whose three products run in bfloat16; in and out are float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        rows = x.reshape(-1, x.shape[-1]).bfloat16()
        half = weight.bfloat16()
        ctx.save_for_backward(rows, half)
        ctx.has_bias = bias is not None
        out = torch.mm(rows, half.t()).float()
        if bias is not None:
            out.add_(bias)
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None]:
        rows, half = ctx.saved_tensors
        whole = grad.reshape(-1, grad.shape[-1])
        narrow = whole.bfloat16()
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = torch.mm(narrow, half).float().view(*grad.shape[:-1], -1)
        of_weight = torch.mm(narrow.t(), rows).float()
        return of_x, of_weight, whole.sum(0) if ctx.has_bias else None


def has_half_products() -> bool:
    """Whether this processor multiplies bfloat16 itself, and so faster than float32."""
    return multiplies_bfloat16(cpu(window=False))
