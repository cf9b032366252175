"""LARS: SGD whose every layer moves in proportion to the size of its weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class Lars(torch.optim.Optimizer):
    """Layer-wise adaptive rates for large batches.

    For each parameter w with gradient g, in this order:

        g <- g + weight_decay * w
        g <- g * trust * |w| / |g|     where the group is `adapted` and neither norm is 0
        m <- momentum * m + g
        w <- w - lr * m

    Source: You, Gitman and Ginsburg 2017, with weight decay inside the norm as in the code of SimCLR and Barlow Twins, and the
    rate outside the momentum as torch's SGD has it (SimCLR has it inside).

    Args:
        groups: parameter groups; `adapted: False` in a group makes it plain SGD.
        trust: the coefficient eta of the paper.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], lr: float, momentum: float, trust: float) -> None:
        super().__init__(groups, {"lr": lr, "momentum": momentum, "trust": trust, "weight_decay": 0.0, "adapted": True})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if parameters:
                self._move(parameters, group)

    def _move(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if group["weight_decay"]:
            gradients = list(torch._foreach_add(gradients, parameters, alpha=group["weight_decay"]))
        if group["adapted"]:
            gradients = list(torch._foreach_mul(gradients, _ratios(parameters, gradients, group["trust"])))
        momenta = [self._momentum(parameter) for parameter in parameters]
        torch._foreach_mul_(momenta, group["momentum"])
        torch._foreach_add_(momenta, gradients)
        torch._foreach_add_(parameters, momenta, alpha=-group["lr"])

    def _momentum(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        momentum: Tensor = state["momentum_buffer"]
        return momentum


def _ratios(parameters: list[Tensor], gradients: list[Tensor], trust: float) -> list[Tensor]:
    sizes, slopes = (torch.stack(list(torch._foreach_norm(tensors))) for tensors in (parameters, gradients))
    ratios = torch.where((sizes > 0) & (slopes > 0), trust * sizes / slopes, 1.0)
    return list(ratios.unbind())
