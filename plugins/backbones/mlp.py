"""A multi-layer perceptron on flattened images, for toys and quick checks."""

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
    """Hidden layers with ReLU and a linear output layer.

    Source: GEDI 2024 appendix K, whose toys use hidden [100, 100] and 2 features.
    """

    class Options(Options):
        hidden: tuple[Width, ...] = (100, 100)
        """Neurons of each hidden layer."""
        features: Width = 2
        """Size of the output."""

    def __init__(self, options: Options, shape: tuple[int, int, int]) -> None:
        super().__init__(options, shape)
        sizes = [math.prod(shape), *options.hidden]
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], options.features))
        self.num_features = options.features

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """Features of images with pixels in [-1, 1]."""
        features: Tensor = self.layers(images)
        return features
