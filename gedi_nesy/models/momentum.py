"""A network that follows another one slowly."""

from __future__ import annotations

from copy import deepcopy
from itertools import chain

import torch
from torch import Tensor, nn


class MomentumCopy(nn.Module):
    """A copy whose weights are a moving average of another network's; no gradient flows into or through it.

    Batch norm keeps running statistics of its own, as in MoCo and BYOL.
    Source: He et al. 2020 (MoCo) eq. 2.

    Args:
        momentum: share of the old weights that stays at each update, in [0, 1].
        parts: what to copy and to follow, applied one after the other.
    """

    def __init__(self, momentum: float, *parts: nn.Module) -> None:
        super().__init__()
        self.momentum = momentum
        self.parts = nn.Sequential(*map(deepcopy, parts)).requires_grad_(False)

    @torch.no_grad()
    def forward(self, inputs: Tensor) -> Tensor:
        """The copy's outputs, without gradient."""
        outputs: Tensor = self.parts(inputs)
        return outputs

    @torch.no_grad()
    def follow(self, *parts: nn.Module) -> None:
        """One step of the average: weights <- momentum * weights + (1 - momentum) * those of the parts."""
        followed = chain.from_iterable(part.parameters() for part in parts)
        for own, other in zip(self.parts.parameters(), followed, strict=True):
            own.lerp_(other, 1 - self.momentum)
