"""Matrix products in bfloat16, on processors that compute in it and where vectors stay the same.

Only inputs and weights of large linear layers are rounded, and what comes out of them. Sums along
the way, norms, attention, the residual stream and the vector stay in float32. So a vector stays
within a cosine of 0.9999 of its float32 self, which is why both share a vector space: a near tie
between two photos may swap, nothing else does. Whether it holds for a model's weights is tried with
the first pictures that it embeds, so no model is trusted to be good-natured.

Measured on an AMD EPYC with AVX512_BF16, Visualized BGE base, random weights at their usual scale
(norms about 1, layers at 1 / √inputs), 1 − cosine and seconds a picture on one thread:

    float32                       0         0.84
    feed-forward layers alone     0.00004   0.58
    all linear layers             0.00007   0.51
    all and attention (autocast)  0.00009   0.45
    weights and sums in bfloat16  0.00022   0.49
"""

from __future__ import annotations

import copy
import itertools
import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # the name that everyone knows it by

_log = logging.getLogger("mmsearch.models")

FURTHEST = 6e-5  # 1 − cosine of the first pictures; 1e-4 is promised for all, and they vary by 25 %
_SMALLEST = 256  # inputs or outputs: below, rounding costs more than it gains

Rows = Callable[[nn.Module], Tensor]
"""What a model makes of the pictures tried with: rows [B, D] of any length."""


class RoundedLinear(nn.Module):
    """A linear layer that multiplies in bfloat16; its input and output are float32."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight = nn.Parameter(linear.weight.to(torch.bfloat16), requires_grad=False)
        self.bias = linear.bias

    def forward(self, x: Tensor) -> Tensor:
        product = F.linear(x.to(torch.bfloat16), self.weight).float()
        return product if self.bias is None else product + self.bias


def rounded(
    model: nn.Module, layers: Callable[[str], bool], smallest: int = _SMALLEST
) -> nn.Module:
    """A copy whose large linear layers of these names are rounded; all else is shared with it."""
    kept = itertools.chain(model.parameters(), model.buffers())
    result = copy.deepcopy(model, {id(tensor): tensor for tensor in kept})
    for name, layer in list(result.named_modules()):
        if isinstance(layer, nn.Linear) and min(layer.weight.shape) >= smallest and layers(name):
            parent, _, own = name.rpartition(".")
            setattr(result.get_submodule(parent), own, RoundedLinear(layer))
    return result


def quickest(
    model: nn.Module,
    choices: tuple[Callable[[str], bool], ...],
    rows: Rows,
    smallest: int = _SMALLEST,
) -> nn.Module:
    """The model with the first choice of its layers rounded that stays true, or as it is."""
    exact = rows(model)
    for layers in choices:
        candidate = rounded(model, layers, smallest)
        apart = furthest(exact, rows(candidate))
        _log.info("rounded to bfloat16, vectors are %.1e from exact (1 - cosine)", apart)
        if apart <= FURTHEST:
            return candidate
    return model


def furthest(exact: Tensor, other: Tensor) -> float:
    """The largest 1 − cosine of rows [B, D] and their others; infinite where a number is none."""
    cosines = F.cosine_similarity(exact.double(), other.double(), dim=-1)
    return float((1 - cosines).nan_to_num(nan=torch.inf).max())
