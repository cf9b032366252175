"""GEDI's table 8, layer by layer as it is printed: what a loop written as JEM's would run."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.2


class Table8(nn.Module):
    """Eight 3x3 convolutions, each by itself, and the averages after them. Its parameters are named as our resnet8's.

    Args:
        num_channels: of an image.
        width: channels of every layer.
    """

    def __init__(self, num_channels: int, width: int) -> None:
        super().__init__()
        self.block1 = nn.ModuleList([_convolution(num_channels, width), _convolution(width, width)])
        self.shortcut1 = nn.Conv2d(num_channels, width, kernel_size=1)
        self.block2, self.block3, self.block4 = (
            nn.ModuleList([_convolution(width, width), _convolution(width, width)]) for _ in range(3)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Features of images."""
        first, second = self.block1
        hidden = functional.avg_pool2d(second(functional.leaky_relu(first(images), SLOPE)), 2)
        hidden = hidden + self.shortcut1(functional.avg_pool2d(images, 2))
        hidden = functional.avg_pool2d(_residual(self.block2, hidden), 2) + functional.avg_pool2d(hidden, 2)
        hidden = _residual(self.block3, hidden) + hidden
        hidden = _residual(self.block4, hidden) + hidden
        return hidden.mean(dim=(2, 3))


def _convolution(num_inputs: int, num_outputs: int) -> nn.Module:
    return nn.Conv2d(num_inputs, num_outputs, kernel_size=3, padding=1)


def _residual(block: nn.ModuleList, hidden: Tensor) -> Tensor:
    for convolution in block:
        hidden = convolution(functional.leaky_relu(hidden, SLOPE))
    return hidden
