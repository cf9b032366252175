"""A multi-layer perceptron on flattened images, for toys, quick checks and SimVAE's digits."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from gedi_nesy import Backbone, Options

Width = Annotated[int, Field(gt=0)]


class Mlp(Backbone):
    """Hidden layers with ReLU and an output layer, linear unless `rectified`; its decoder has the same layers turned round.

    Source: GEDI 2024 appendix K, whose toys use hidden [100, 100] and 2 features, and SimVAE 2023 table 4: hidden [500, 500],
    2000 features, rectified; the table's last layer is the method's own linear map to the latents.
    """

    class Options(Options):
        hidden: tuple[Width, ...] = (100, 100)
        """Neurons of each hidden layer."""
        features: Width = 2
        """Size of the output."""
        rectified: bool = False
        """Whether a ReLU follows the output layer, too."""

    def __init__(self, options: Options, shape: tuple[int, int, int]) -> None:
        super().__init__(options, shape)
        self.options, self.shape = options, shape
        sizes = [math.prod(shape), *options.hidden, options.features]
        layers = _layers(sizes)
        self.layers = nn.Sequential(nn.Flatten(), *(layers if options.rectified else layers[:-1]))
        self.num_features = options.features

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """Features of images with pixels in [-1, 1]."""
        features: Tensor = self.layers(images)
        return features

    def decoder(self, num_latents: int) -> nn.Module:
        """From latents through `features` and the hidden layers, last first, to the pixels."""
        sizes = [num_latents, self.options.features, *reversed(self.options.hidden), math.prod(self.shape)]
        return nn.Sequential(*_layers(sizes)[:-1], nn.Unflatten(1, self.shape))


def _layers(sizes: list[int]) -> list[nn.Module]:
    """Linear layers, a ReLU after each."""
    return [layer for before, after in pairwise(sizes) for layer in (nn.Linear(before, after), nn.ReLU())]
