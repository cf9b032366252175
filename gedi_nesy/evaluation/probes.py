"""Probes: small networks trained on frozen features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ..config.options import Options
from ..errors import DivergenceError
from .features import Labelled

Positive = Annotated[int, Field(gt=0)]


class ProbeTraining(Options):
    """How a probe is trained; the weights after the last epoch count, none is chosen."""

    optimizer: Literal["adam", "sgd"]
    learning_rate: Annotated[float, Field(gt=0)]
    epochs: Positive
    batch_size: Positive
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Of sgd; Nesterov's with `nesterov`."""
    nesterov: bool = False
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    """cosine falls to 0 over all steps."""

    def __str__(self) -> str:
        rate = f"{self.learning_rate:g}{', cosine' if self.schedule == 'cosine' else ''}"
        momentum = f", momentum {self.momentum:g}{' (Nesterov)' if self.nesterov else ''}" if self.momentum else ""
        return f"{self.optimizer} {rate}{momentum}, {self.epochs} epochs, batch {self.batch_size}"


def train_probe(
    build: Callable[[], nn.Module], data: Labelled, training: ProbeTraining, generator: torch.Generator
) -> nn.Module:
    """A network trained to tell the classes of the features apart by cross-entropy, in evaluation mode.

    Args:
        build: makes the network; its weights are drawn from the generator too.
        generator: on the CPU.

    Raises:
        DivergenceError: the loss left the finite numbers.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
        probe = build().to(data.features.device)
    optimizer = _optimizer(probe, training)
    steps = training.epochs * -(-len(data) // training.batch_size)
    factor = torch.optim.lr_scheduler.CosineAnnealingLR if training.schedule == "cosine" else None
    schedule = factor(optimizer, steps) if factor else None
    loss = torch.zeros(())
    with torch.enable_grad():
        for _ in range(training.epochs):
            shuffled = data.at(torch.randperm(len(data), generator=generator).to(data.labels.device))
            for features, labels in shuffled.batches(training.batch_size):
                loss = functional.cross_entropy(probe(features), labels)
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
                if schedule:
                    schedule.step()
    _finite(loss.detach(), training)
    return probe.eval()


def _optimizer(probe: nn.Module, training: ProbeTraining) -> torch.optim.Optimizer:
    if training.optimizer == "adam":
        return torch.optim.Adam(
            probe.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay, fused=True
        )
    return torch.optim.SGD(
        probe.parameters(),
        lr=training.learning_rate,
        momentum=training.momentum,
        nesterov=training.nesterov,
        weight_decay=training.weight_decay,
        fused=True,
    )


def _finite(loss: Tensor, training: ProbeTraining) -> None:
    if not torch.isfinite(loss):
        raise DivergenceError(
            f"a probe diverged ({training}): its loss is {float(loss)}. Features may be large: "
            "set standardise: true or a smaller learning_rate in the evaluator's options"
        )
