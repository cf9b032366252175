"""The eight-layer residual network of GEDI's table 8, without normalisation layers.

No batch norm unless asked for, because an energy must not depend on what else is in the batch: SGLD evaluates samples alone. SimSiam
on the other hand loses all but one dimension of its features without it.
"""

from __future__ import annotations

from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from gedi_nesy import Backbone, ConfigError, Options

SLOPE = 0.2
SMALLEST = 4  # it is halved twice


class ResNet8(Backbone):
    """Four blocks of two 3x3 convolutions, width F throughout, leaky ReLU 0.2, average pooling.

    Source: GEDI 2024 table 8. Its "Res. layer" column is given for block 1 only (average pool, then a 1x1 convolution);
    blocks 2 to 4 are read as identity shortcuts, pooled where the block pools (block 2). F is 128 for SVHN and CIFAR-10.
    """

    class Options(Options):
        width: Annotated[int, Field(gt=0)] = 128
        """F, the number of channels of every layer and of features."""
        batch_norm: bool = False
        """Whether each 3x3 convolution is followed by batch norm."""

    def __init__(self, options: Options, shape: tuple[int, int, int]) -> None:
        super().__init__(options, shape)
        if min(shape[1:]) < SMALLEST:
            raise ConfigError(
                f"resnet8 cannot take images of {shape[1]} by {shape[2]}: it wants {SMALLEST} by {SMALLEST} at least, mlp takes any",
                key="backbone.name",
            )
        width = self.num_features = options.width
        convolution, halving = (
            (_normalised, _normalised_and_pooled) if options.batch_norm else (_plain, _PooledConvolution)
        )
        self.block1 = nn.ModuleList([convolution(shape[0], width), halving(width, width)])
        self.shortcut1 = nn.Conv2d(shape[0], width, kernel_size=1)
        self.block2 = nn.ModuleList([convolution(width, width), halving(width, width)])
        self.block3, self.block4 = (
            nn.ModuleList([convolution(width, width), convolution(width, width)]) for _ in range(2)
        )

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """Features of images with pixels in [-1, 1]."""
        first, second = self.block1
        hidden = second(_activate(first(images))) + self.shortcut1(functional.avg_pool2d(images, 2))
        hidden = _residual(self.block2, hidden) + functional.avg_pool2d(hidden, 2)
        hidden = _residual(self.block3, hidden) + hidden
        hidden = _residual(self.block4, hidden) + hidden
        return hidden.mean(dim=(2, 3))


class _PooledConvolution(nn.Conv2d):
    """A 3x3 convolution and the average of each 2x2 neighbours after it, in one go.

    Nothing lies between the two, so they are one 4x4 convolution of stride 2 whose kernel averages the four shifts of the 3x3
    kernel: 16 products where there were 36, and these layers have two thirds of the network's.
    """

    def __init__(self, num_inputs: int, num_outputs: int) -> None:
        super().__init__(num_inputs, num_outputs, kernel_size=3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        kernel = functional.avg_pool2d(self.weight, 2, stride=1, padding=1)
        return functional.conv2d(images, kernel, self.bias, stride=2, padding=1)


def _plain(num_inputs: int, num_outputs: int) -> nn.Module:
    return nn.Conv2d(num_inputs, num_outputs, kernel_size=3, padding=1)


def _normalised(num_inputs: int, num_outputs: int) -> nn.Sequential:
    convolution = nn.Conv2d(num_inputs, num_outputs, kernel_size=3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(num_outputs))


def _normalised_and_pooled(num_inputs: int, num_outputs: int) -> nn.Module:
    return _normalised(num_inputs, num_outputs).append(nn.AvgPool2d(2))


def _activate(hidden: Tensor) -> Tensor:
    return functional.leaky_relu(hidden, SLOPE)


def _residual(block: nn.ModuleList, hidden: Tensor) -> Tensor:
    for convolution in block:
        hidden = convolution(_activate(hidden))
    return hidden
