"""A network in another state for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode inside the block; each submodule gets its own mode back afterwards."""
    modes = {child: child.training for child in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for child, mode in modes.items():
            child.training = mode


def freeze(module: nn.Module) -> None:
    """Leave a module, and copies that are made of it, as it is for good: its parameters get no gradient, `set_training` passes it over."""
    module.requires_grad_(False)
    for child in module.modules():
        child.is_frozen = True  # type: ignore[assignment]


def set_training(module: nn.Module) -> None:
    """Training mode for all that is not frozen, and evaluation mode for what is: batch norm goes by the statistics it has."""
    module.train()
    for child in module.modules():
        child.training = child.training and not getattr(child, "is_frozen", False)


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """No gradient of the parameters inside the block, only of what goes in: nothing is kept or computed for them.

    Graphs recorded before the block keep theirs.
    """
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)
