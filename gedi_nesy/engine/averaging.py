"""An exponential moving average of a network's weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase


class WeightAverage:
    """Averages of the trainable parameters and of the running statistics of the norm layers that belong to them.

    average <- d * average + (1 - d) * weights after each step, with d = min(decay, (1 + steps) / (10 + steps)), so that the
    initial weights are soon forgotten. Momentum encoders, queues and replay buffers are left alone.
    Source: Polyak and Juditsky 1992; the warm-up of d is that of TensorFlow's ExponentialMovingAverage.

    Args:
        module: what is averaged; its tensors are followed by identity.
        decay: largest share of the average that stays, in (0, 1).
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self._followed = _tensors(module)
        self.tensors = {name: tensor.detach().clone() for name, tensor in self._followed.items()}

    @torch.no_grad()
    def update(self, steps: int) -> None:
        """Take the present weights in; `steps` is how many have been taken."""
        decay = min(self.decay, (1 + steps) / (10 + steps))
        torch._foreach_lerp_(list(self.tensors.values()), list(self._followed.values()), 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The module has the average for its weights inside the block."""
        kept = {name: tensor.detach().clone() for name, tensor in self._followed.items()}
        self._put(self.tensors)
        try:
            yield
        finally:
            self._put(kept)

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Go on from saved `tensors`; KeyError when one is not there."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])

    @torch.no_grad()
    def _put(self, tensors: dict[str, Tensor]) -> None:
        for name, tensor in self._followed.items():
            tensor.copy_(tensors[name])


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    trainable: dict[str, Tensor] = {
        name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad
    }
    for path, layer in module.named_modules():
        if isinstance(layer, _NormBase) and (layer.weight is None or layer.weight.requires_grad):
            statistics = {"running_mean": layer.running_mean, "running_var": layer.running_var}
            trainable |= {f"{path}.{name}": tensor for name, tensor in statistics.items() if tensor is not None}
    return trainable
