"""SimVAE's variant of ResNet-18 for images of 32 to 64 pixels, with the decoder that mirrors it.

Source: Bizeul and Allen 2023, SimVAE (workshop), table 5. What the table leaves open is read so: each stage has ResNet-18's two
residual blocks; its output sizes, stated for 64x64 images, hold for those of 32x32 when the max pooling is left out, so it is
there for images larger than 32 pixels only; likewise the decoder's last stage doubles the size for those only. The released code
uses 64 to 512 channels instead. The table's linear layer to the latents is the method's own.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from gedi_nesy import Backbone, Options
from gedi_nesy.models.decoders import Size, halved

STEM = 16
CHANNELS = (32, 64, 128, 256)
POOLED_ABOVE = 32


class SimVaeResNet(Backbone):
    """A 4x4 convolution to 16 channels, four stages of two residual blocks each, all positions as features."""

    class Options(Options):
        """None: the table has no choices."""

    def __init__(self, options: Any, shape: tuple[int, int, int]) -> None:
        super().__init__(options, shape)
        self.shape = shape
        self.is_pooled = max(shape[1:]) > POOLED_ABOVE
        # An even kernel keeps the size with one more row and column on one side.
        stem = [nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(shape[0], STEM, 4, bias=False), nn.BatchNorm2d(STEM), nn.ReLU()]
        pool = [nn.MaxPool2d(3, stride=2, padding=1)] if self.is_pooled else []
        stages = [_stage(CHANNELS[0], _block(STEM, CHANNELS[0], 1))]
        stages += [_stage(outputs, _block(inputs, outputs, 2)) for inputs, outputs in pairwise(CHANNELS)]
        self.layers = nn.Sequential(*stem, *pool, *stages, nn.Flatten())
        height, width = self._sizes()[0]
        self.num_features = CHANNELS[-1] * height * width

    def _sizes(self) -> list[Size]:
        """Height and width after each stage, the smallest first."""
        size = halved(self.shape[1:], int(self.is_pooled))
        return [halved(size, times) for times in (3, 2, 1, 0)]

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """Features of images with pixels in [-1, 1]: channels and positions of the last stage."""
        features: Tensor = self.layers(images)
        return features

    def decoder(self, num_latents: int) -> nn.Module:
        """Table 5b: a linear layer to 256 channels, four stages up to 16 channels, a 5x5 convolution to the pixels."""
        sizes = [*self._sizes(), self.shape[1:]]
        channels = [*reversed(CHANNELS), STEM]
        start = (CHANNELS[-1], *sizes[0])
        stages = [
            _stage(channels[i + 1], _up_block(channels[i], channels[i + 1], sizes[i], sizes[i + 1])) for i in range(4)
        ]
        return nn.Sequential(
            nn.Linear(num_latents, self.num_features),
            nn.Unflatten(1, start),
            *stages,
            nn.Conv2d(STEM, self.shape[0], kernel_size=5, padding=2),
        )


class _Residual(nn.Module):
    """relu(main(x) + shortcut(x))."""

    def __init__(self, main: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.main, self.shortcut = main, shortcut

    def forward(self, hidden: Tensor) -> Tensor:
        return functional.relu(self.main(hidden) + self.shortcut(hidden))


def _stage(channels: int, first: _Residual) -> nn.Module:
    """A block that changes size and channels, and one that keeps them."""
    return nn.Sequential(first, _Residual(_two(nn.Conv2d(channels, channels, 3, padding=1, bias=False)), nn.Identity()))


def _block(inputs: int, outputs: int, stride: int) -> _Residual:
    shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
    return _Residual(
        _two(nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)),
        nn.Sequential(shortcut, nn.BatchNorm2d(outputs)),
    )


def _up_block(inputs: int, outputs: int, size: Size, larger: Size) -> _Residual:
    """Transposed convolutions from one size to about its double, or to the same size."""
    stride = 1 if size == larger else 2
    extra = (0, 0) if stride == 1 else (larger[0] - 2 * size[0] + 1, larger[1] - 2 * size[1] + 1)
    first = nn.ConvTranspose2d(inputs, outputs, 3, stride, padding=1, output_padding=extra, bias=False)
    shortcut = nn.ConvTranspose2d(inputs, outputs, 1, stride, output_padding=extra, bias=False)
    return _Residual(_two(first), nn.Sequential(shortcut, nn.BatchNorm2d(outputs)))


def _two(first: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    """Convolution, norm, ReLU, convolution, norm."""
    channels = first.out_channels
    second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
    return nn.Sequential(first, nn.BatchNorm2d(channels), nn.ReLU(), second, nn.BatchNorm2d(channels))
