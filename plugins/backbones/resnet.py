"""ResNet-18, 34 and 50 (torchvision's) with a stem for small or large images, and AAVAE's inverted ResNet as their decoder.

The stem decides results by several points: ImageNet's 7x7 convolution and pooling throw away 15 of 16 positions before the first
block, which images of 32 pixels cannot spare.
Source: He et al. 2016; SimCLR (Chen et al. 2020) appendix B.9 for the CIFAR stem; AAVAE appendix A.1 and its released code for the
decoder: two linear layers, a 1x1 convolution on a map of 4x4, residual blocks without batch norm that double the size (nearest).
"""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from gedi_nesy import Backbone, Options
from gedi_nesy.models.decoders import Size, halved

Depth = Literal[18, 34, 50]
BLOCKS: dict[int, tuple[int, ...]] = {18: (2, 2, 2, 2), 34: (3, 6, 4, 3), 50: (3, 6, 4, 3)}
PLANES = (256, 128, 64, 32)
BASE = 64


class ResNet(Backbone):
    """Average-pooled features, 512 (18 and 34 layers) or 2048 (50 layers), weights drawn afresh."""

    class Options(Options):
        depth: Depth = 18
        """Layers with weights."""
        stem: Literal["cifar", "stl", "imagenet"] = "cifar"
        """cifar: 3x3 convolution; stl: 7x7 of stride 2; imagenet: that and a max pooling of stride 2."""
        decoder_depth: Depth | None = None
        """Layers of the decoder, for methods that have one; those of the encoder by default."""

    def __init__(self, options: Options, shape: tuple[int, int, int]) -> None:
        super().__init__(options, shape)
        import torchvision.models  # slow to import

        self.options, self.shape = options, shape
        self.layers = getattr(torchvision.models, f"resnet{options.depth}")()
        self.num_features = self.layers.fc.in_features
        self.layers.fc = nn.Identity()
        kernel, stride = (3, 1) if options.stem == "cifar" else (7, 2)
        self.layers.conv1 = nn.Conv2d(shape[0], BASE, kernel, stride, padding=kernel // 2, bias=False)
        nn.init.kaiming_normal_(self.layers.conv1.weight, mode="fan_out", nonlinearity="relu")
        if options.stem != "imagenet":
            self.layers.maxpool = nn.Identity()

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """Features of images with pixels in [-1, 1]."""
        features: Tensor = self.layers(images)
        return features

    def decoder(self, num_latents: int) -> nn.Module:
        """The inverted ResNet."""
        full = self.shape[1:]
        stem = halved(full, int(self.options.stem != "cifar"))
        pooled = halved(stem, int(self.options.stem == "imagenet"))
        sizes = [halved(pooled, times) for times in (3, 2, 1, 0)]
        depth = self.options.decoder_depth or self.options.depth
        return InvertedResNet(num_latents, self.num_features, depth, [*sizes, stem, full], self.shape[0])


class InvertedResNet(nn.Module):
    """Decoder with the blocks of a ResNet in reverse order, without batch norm.

    Args:
        num_features: of the encoder it mirrors; width of the linear layers and of the first map.
        sizes: height and width after each of the four stages, before the last but one and before the last convolution.
    """

    def __init__(self, num_latents: int, num_features: int, depth: int, sizes: list[Size], channels: int) -> None:
        super().__init__()
        expansion = 4 if depth == 50 else 1
        self.start = nn.Sequential(
            nn.Linear(num_latents, num_features),
            nn.ReLU(),
            nn.Linear(num_features, num_features),
            nn.ReLU(),
            nn.Unflatten(1, (num_features // 16, 4, 4)),
            nn.Conv2d(num_features // 16, num_features, kernel_size=1),
            nn.ReLU(),
        )
        width, blocks = num_features, []
        for planes, repeats, size in zip(PLANES, BLOCKS[depth], sizes, strict=False):
            for repeat in range(repeats):
                blocks.append(_Block(width, planes, expansion, size if repeat == 0 else None))
                width = planes * expansion
        self.blocks = nn.Sequential(*blocks)
        self.end = nn.Sequential(
            nn.Upsample(size=sizes[4]),
            nn.Conv2d(width, BASE, 3, padding=1),
            nn.ReLU(),
            nn.Upsample(size=sizes[5]),
            nn.Conv2d(BASE, channels, 3, padding=1),
        )

    def forward(self, latents: Float[Tensor, "batch latents"]) -> Float[Tensor, "batch channels height width"]:
        """Unbounded outputs of the images' shape."""
        outputs: Tensor = self.end(self.blocks(self.start(latents)))
        return outputs


class _Block(nn.Module):
    """A basic (expansion 1) or bottleneck (4) residual block that may start with a change of size."""

    def __init__(self, inputs: int, planes: int, expansion: int, size: Size | None) -> None:
        super().__init__()
        resize = nn.Identity() if size is None else nn.Upsample(size=size)
        outputs = planes * expansion
        wide = nn.Conv2d(planes, planes, 3, padding=1)
        if expansion == 1:
            self.main = nn.Sequential(resize, nn.Conv2d(inputs, planes, 3, padding=1), nn.ReLU(), wide)
        else:
            narrow, last = nn.Conv2d(inputs, planes, 1), nn.Conv2d(planes, outputs, 1)
            self.main = nn.Sequential(narrow, nn.ReLU(), resize, wide, nn.ReLU(), last)
        is_changed = size is not None or inputs != outputs
        self.shortcut = nn.Sequential(resize, nn.Conv2d(inputs, outputs, 1)) if is_changed else nn.Identity()

    def forward(self, hidden: Tensor) -> Tensor:
        return functional.relu(self.main(hidden) + self.shortcut(hidden))
