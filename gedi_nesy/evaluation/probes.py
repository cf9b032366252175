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

# Of so few features a step is less work for one core of a CPU than launching its kernels is for a GPU.
NARROW = 64

Positive = Annotated[int, Field(gt=0)]
Examples = tuple[Tensor, Tensor]


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
    build: Callable[[], nn.Module],
    data: Labelled,
    training: ProbeTraining,
    generator: torch.Generator,
    redraw: Callable[[], Labelled] | None = None,
) -> nn.Module:
    """A network trained to tell the classes of the features apart by cross-entropy, in evaluation mode.

    Args:
        build: makes the network; its weights are drawn from the generator too.
        generator: on the CPU.
        redraw: called for the features of each epoch, of images that are seen anew; they stay the same by default.

    Raises:
        DivergenceError: the loss left the finite numbers.
    """

    def examples() -> Examples:
        drawn = redraw() if redraw else data
        return drawn.features, drawn.labels

    return fit_network(build, examples, functional.cross_entropy, training, generator)


def fit_network(
    build: Callable[[], nn.Module],
    examples: Callable[[], Examples],
    loss_of: Callable[[Tensor, Tensor], Tensor],
    training: ProbeTraining,
    generator: torch.Generator,
) -> nn.Module:
    """A network trained on inputs and targets, in evaluation mode and on their device; for the rest as `train_probe`.

    Args:
        examples: gives inputs and targets of an epoch, which are as many in each.
        loss_of: the mean loss of outputs and targets.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
        network = build()
    inputs, targets = examples()
    home, count = inputs.device, len(inputs)
    device = torch.device("cpu") if inputs[0].numel() <= NARROW else home
    network = network.to(device)
    optimizer = _optimizer(network, training)
    steps = training.epochs * -(-count // training.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps) if training.schedule == "cosine" else None
    loss = torch.zeros(())
    with torch.enable_grad():
        for epoch in range(training.epochs):
            if epoch:
                inputs, targets = examples()
            inputs, targets = inputs.to(device), targets.to(device)
            for rows in torch.split(torch.randperm(count, generator=generator).to(device), training.batch_size):
                loss = loss_of(network(inputs[rows]), targets[rows])
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
                if schedule:
                    schedule.step()
    _finite(loss.detach(), training)
    return network.to(home).eval()


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
