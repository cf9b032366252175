"""What stands on top of a backbone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

# Neurons of each layer of an MLP, the outputs last, as an option.
Widths = Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(min_length=1)]


class Projector(nn.Module):
    """An MLP with one hidden layer of twice the width and leaky ReLU, no normalisation.

    Source: GEDI 2024 appendix L: "one hidden layer and 2F neurons and an output layer with F neurons".
    """

    def __init__(self, num_inputs: int, num_outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(num_inputs, 2 * num_inputs), nn.LeakyReLU(0.2), nn.Linear(2 * num_inputs, num_outputs)
        )

    def forward(self, features: Float[Tensor, "batch features"]) -> Float[Tensor, "batch outputs"]:
        """Projected features."""
        projected: Tensor = self.layers(features)
        return projected


def mlp(num_inputs: int, widths: Sequence[int], *, batch_norm: bool = True, output_norm: bool = False) -> nn.Sequential:
    """Linear layers with ReLU between them; the last one is linear.

    Args:
        widths: neurons of each layer, the outputs last.
        batch_norm: normalise before each ReLU.
        output_norm: normalise the outputs too, without scale and shift (SimSiam).
    """
    layers: list[nn.Module] = []
    sizes = [num_inputs, *widths]
    for before, after in pairwise(sizes[:-1]):
        # Batch norm subtracts any bias of the layer before it.
        layers.append(nn.Linear(before, after, bias=not batch_norm))
        layers += [nn.BatchNorm1d(after), nn.ReLU()] if batch_norm else [nn.ReLU()]
    layers.append(nn.Linear(sizes[-2], sizes[-1], bias=not output_norm))
    if output_norm:
        layers.append(nn.BatchNorm1d(sizes[-1], affine=False))
    return nn.Sequential(*layers)


class Prototypes(nn.Module):
    """Cosine similarity of features with learned directions, in [-1, 1].

    Source: Caron et al. 2020 (SwAV), whose code scales the prototypes back to length 1 after each step, where ours scales them on
    use; the last layer of Caron et al. 2021 (DINO), a weight-normalised layer of fixed gain on features of length 1, is the same.
    """

    def __init__(self, num_inputs: int, count: int) -> None:
        super().__init__()
        self.directions = nn.Parameter(functional.normalize(torch.randn(count, num_inputs), dim=1))

    def forward(self, features: Float[Tensor, "batch features"]) -> Float[Tensor, "batch prototypes"]:
        """The cosine of the angle between each row and each prototype."""
        return functional.linear(functional.normalize(features, dim=1), functional.normalize(self.directions, dim=1))
