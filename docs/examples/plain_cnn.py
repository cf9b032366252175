"""A backbone of one's own as a file beside a config: any network of torch that gives one vector an image.

plugins: [./plain_cnn.py]
backbone: {name: plain_cnn, width: 16}
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field
from torch import nn

from gedi_nesy import Backbone, Options, hookimpl


class PlainCnn(Backbone):
    """Three 3x3 convolutions, averaged over the image."""

    class Options(Options):
        """What may stand beside the name in a config."""

        width: Annotated[int, Field(gt=0)] = 32
        """Channels of the first convolution, and a quarter of the features."""

    def __init__(self, options: Options, shape: tuple[int, int, int]) -> None:
        super().__init__(options, shape)
        channels = [shape[0], options.width, 2 * options.width, 4 * options.width]
        layers = [
            layer
            for before, after in pairwise(channels)
            for layer in (nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU())
        ]
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.num_features = channels[-1]

    def forward(self, images):
        """Features (images, num_features) of images with pixels in [-1, 1]."""
        return self.layers(images)


@hookimpl
def register(registry) -> None:
    """Give it a name."""
    registry.add_backbone("plain_cnn", PlainCnn)
