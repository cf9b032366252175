"""From latents back to images.

A backbone may bring the decoder that mirrors it (`HasDecoder`); any other gets a plain convolutional one, so that every
backbone serves methods that reconstruct. A decoder's outputs are unbounded: what they mean is up to the method's likelihood.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from .backbone import Backbone

Size = tuple[int, int]
SMALLEST = 4


@runtime_checkable
class HasDecoder(Protocol):
    """A backbone that brings its mirror."""

    def decoder(self, num_latents: int) -> nn.Module:
        """A new module from (batch, latents) to unbounded (batch, channels, height, width) of the backbone's images."""


def make_decoder(backbone: Backbone | None, num_latents: int, shape: tuple[int, int, int]) -> nn.Module:
    """The backbone's own mirror with fresh weights, or `ConvDecoder` when it brings none."""
    if isinstance(backbone, HasDecoder):
        return backbone.decoder(num_latents)
    return ConvDecoder(num_latents, shape)


def halved(size: Size, times: int = 1) -> Size:
    """Height and width after convolutions of stride 2 with padding 1: half, rounded up, each time."""
    for _ in range(times):
        size = ((size[0] + 1) // 2, (size[1] + 1) // 2)
    return size


class ConvDecoder(nn.Module):
    """A linear layer to a map of at most 4x4, then doubling (nearest) and 3x3 convolutions with ReLU up to the image."""

    def __init__(self, num_latents: int, shape: tuple[int, int, int], width: int = 32) -> None:
        super().__init__()
        channels, *size = shape
        sizes: list[Size] = [(size[0], size[1])]
        while max(sizes[0]) > SMALLEST:
            sizes.insert(0, halved(sizes[0]))
        height, start_width = sizes[0]
        layers: list[nn.Module] = [nn.Linear(num_latents, width * height * start_width), nn.ReLU()]
        layers.append(nn.Unflatten(1, (width, height, start_width)))
        for larger in sizes[1:]:
            layers += [nn.Upsample(size=larger), nn.Conv2d(width, width, kernel_size=3, padding=1), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, channels, kernel_size=3, padding=1))

    def forward(self, latents: Float[Tensor, "batch latents"]) -> Float[Tensor, "batch channels height width"]:
        """Unbounded outputs of the images' shape."""
        outputs: Tensor = self.layers(latents)
        return outputs
