"""What stands on top of a backbone."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


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
