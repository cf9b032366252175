"""Batch norm whose statistics are those of the whole batch where a batch is split over processes.

torch's own SyncBatchNorm needs a GPU. This one is made of the same formulas and two collectives, one a pass, and runs anywhere.
Source: Ioffe and Szegedy 2015, algorithm 1 and the derivatives in section 3.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from ..distributed import gathered, num_processes, summed
from ..errors import ConfigError
from .precision import widened

PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def synchronise_batch_norm(module: nn.Module) -> None:
    """Let every batch norm in a module look at the whole batch; nothing happens when there is one process.

    Raises:
        ConfigError: a batch norm of a kind of its own, which may do more than normalise.
    """
    if num_processes() == 1:
        return
    for name, child in module.named_modules():
        if type(child) in PLAIN:
            # In place, so that whoever holds this module elsewhere (its parameters, a shared part) holds the same one.
            child.__class__ = SynchronisedBatchNorm
        elif isinstance(child, _BatchNorm) and not isinstance(child, SynchronisedBatchNorm):
            raise ConfigError(
                f"{name} is a {type(child).__name__}, whose statistics several processes cannot share here: train in one process, "
                "or choose a backbone with plain batch norm or none",
                key="backbone.name",
            )


class SynchronisedBatchNorm(_BatchNorm):
    """Batch norm over the first axis of all processes and over the axes after the channels."""

    def forward(self, inputs: Float[Tensor, "batch channels *space"]) -> Float[Tensor, "batch channels *space"]:
        """Normalised inputs; in evaluation mode by the running statistics, as ever."""
        if not self.training or num_processes() == 1:
            return super().forward(inputs)
        outputs, mean, variance, count = _Normalise.apply(inputs, self.weight, self.bias, self.eps)
        if self.track_running_stats:
            self._follow(mean, variance * count / (count - 1))
        normalised: Tensor = outputs
        return normalised

    @torch.no_grad()
    def _follow(self, mean: Float[Tensor, " channels"], variance: Float[Tensor, " channels"]) -> None:
        """Move the running statistics; the variance is the unbiased one, as in torch."""
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(variance.to(self.running_var.dtype), share)

    def _check_input_dim(self, inputs: Tensor) -> None:
        """Any number of axes after the channels."""


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> tuple[Tensor, ...]:
        mean, variance, count = _statistics(widened(inputs))
        outputs = functional.batch_norm(inputs, mean, variance, weight, bias, training=False, eps=eps)
        ctx.save_for_backward(inputs, weight, mean, torch.rsqrt(variance + eps), count)
        ctx.mark_non_differentiable(mean, variance, count)
        return outputs, mean, variance, count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight, mean, scale, count = ctx.saved_tensors
        gradient, axes = widened(gradients[0]), _axes(inputs)
        normalised = (widened(inputs) - _over(mean, inputs)) * _over(scale, inputs)
        own = torch.stack([gradient.sum(axes), (gradient * normalised).sum(axes)])
        shift, slope = summed(own.clone()) / count
        of_inputs = gradient - _over(shift, inputs) - normalised * _over(slope, inputs)
        of_inputs *= _over(scale if weight is None else scale * weight, inputs)
        # Those of weight and bias are of this process's loss; they are averaged with all the others.
        own_bias, own_weight = (None, None) if weight is None else own.to(weight.dtype)
        return of_inputs.to(inputs.dtype), own_weight, own_bias, None


def _statistics(inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and biased variance of each channel over all processes, and of how many numbers.

    From each process's own mean and variance, since a difference of large sums would lose what the variance is.
    """
    variance, mean = torch.var_mean(inputs, _axes(inputs), correction=0)
    count = mean.new_full((1,), inputs.numel() // len(mean))
    parts = torch.stack(gathered(torch.cat([count, mean, variance])))
    counts, means, variances = torch.split(parts, [1, len(mean), len(mean)], dim=1)
    total = counts.sum()
    mean = (counts * means).sum(dim=0) / total
    return mean, (counts * (variances + (means - mean).square())).sum(dim=0) / total, total


def _axes(inputs: Tensor) -> list[int]:
    return [0, *range(2, inputs.ndim)]


def _over(channels: Tensor, inputs: Tensor) -> Tensor:
    """One number a channel, to be combined with inputs."""
    return channels.view(-1, *[1] * (inputs.ndim - 2))
