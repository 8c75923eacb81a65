"""Muon: momentum whose matrices are made orthogonal, all of one shape at once.

Source: Keller Jordan, https://kellerjordan.github.io/posts/muon/ (2024). torch.optim.Muon does
the same one matrix at a time, which for many small matrices takes several times as long.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor

_STEP = (3.4445, -4.7750, 2.0315)  # of the Newton–Schulz iteration


class Muon(torch.optim.Optimizer):
    """For matrices inside a network; tables, vectors and the last layer want another optimiser."""

    def __init__(
        self,
        matrices: Iterable[Tensor],
        *,
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(
            list(matrices), {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        )

    @torch.no_grad()
    def step(self, _closure: None = None) -> None:  # type: ignore[override]  # none is needed
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for matrix in group["params"]:
                if matrix.grad is not None:
                    by_shape[matrix.shape].append(matrix)
            for shape, matrices in by_shape.items():
                changes = orthogonal(torch.stack([self._moved(m, group) for m in matrices]))
                size = max(1.0, shape[0] / shape[1]) ** 0.5
                for matrix, change in zip(matrices, changes, strict=True):
                    matrix.mul_(1 - group["lr"] * group["weight_decay"])
                    matrix.add_(change, alpha=-group["lr"] * size)

    def _moved(self, matrix: Tensor, group: dict[str, float]) -> Tensor:
        """Nesterov's momentum."""
        state = self.state[matrix]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(matrix)
        assert matrix.grad is not None  # noqa: S101  # for the type checker; `step` has looked
        state["momentum"].lerp_(matrix.grad, 1 - group["momentum"])
        return matrix.grad.lerp(state["momentum"], group["momentum"])


def orthogonal(matrices: Tensor, steps: int = 5) -> Tensor:
    """[matrices, rows, columns] → nearly the nearest orthogonal ones, worked out in bfloat16."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16().contiguous()
    a, b, c = _STEP
    for _ in range(steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    result: Tensor = x.mT if tall else x
    return result.to(matrices.dtype)
