"""Crops of random size and shape, brought to one size."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field, field_validator
from torch import Tensor

from gedi_nesy import Options, View
from gedi_nesy.data.views import uniform

from .separable import interpolation, map_rows_and_columns

ImageBatch = Float[Tensor, "batch channels height width"]
PerImage = Float[Tensor, " batch"]
Share = Annotated[float, Field(gt=0, le=1)]
Ratio = Annotated[float, Field(gt=0)]

# How often a box is drawn that may not fit into the image, before the largest box in its middle is taken.
ATTEMPTS = 10


class RandomResizedCrop(View):
    """Cut out a box of random area and shape, and bring it to a size, bilinear and antialiased.

    Boxes have whole pixels and are drawn as torchvision draws them. The paper's crops of multi-crop are this with a size.
    Source: SimCLR's crop (Chen et al. 2020, appendix A); SimVAE 2023 table 3 has scale [0.4, 1] or [0.6, 1].
    """

    class Options(Options):
        scale: tuple[Share, Share] = (0.08, 1.0)
        """Range of the box's share of the image's area."""
        ratio: tuple[Ratio, Ratio] = (3 / 4, 4 / 3)
        """Range of width over height, uniform in the logarithm."""
        size: Annotated[int, Field(gt=0)] | None = None
        """Height and width of the result; those of the image by default."""

        @field_validator("scale", "ratio")
        @classmethod
        def _ordered(cls, limits: tuple[float, float]) -> tuple[float, float]:
            if limits[0] > limits[1]:
                raise ValueError("the smaller number comes first")
            return limits

    options: Options

    def __call__(self, images: ImageBatch, generator: torch.Generator) -> ImageBatch:
        height, width = images.shape[2:]
        top, left, box_height, box_width = self._boxes(images, generator)
        rows = interpolation(top, box_height, height, self.options.size or height)
        columns = interpolation(left, box_width, width, self.options.size or width)
        return map_rows_and_columns(images, rows, columns)

    def _boxes(self, images: ImageBatch, generator: torch.Generator) -> tuple[PerImage, PerImage, PerImage, PerImage]:
        """Top, left, height and width of the box in each image, in pixels."""
        count, _, height, width = images.shape
        box_height, box_width = self._sizes(images, generator)
        fallback = box_height == 0
        high, wide = _largest(height, width, self.options.ratio)
        box_height, box_width = box_height.masked_fill(fallback, high), box_width.masked_fill(fallback, wide)
        top = (uniform(0, 1, count, images, generator) * (height - box_height + 1)).floor()
        left = (uniform(0, 1, count, images, generator) * (width - box_width + 1)).floor()
        middle = (height - high) // 2, (width - wide) // 2
        return top.masked_fill(fallback, middle[0]), left.masked_fill(fallback, middle[1]), box_height, box_width

    def _sizes(self, images: ImageBatch, generator: torch.Generator) -> tuple[PerImage, PerImage]:
        """Height and width of the first box drawn that fits into the image; 0 where none does."""
        count, _, height, width = images.shape
        draws, (low, high) = ATTEMPTS * count, self.options.ratio
        area = height * width * uniform(*self.options.scale, draws, images, generator)
        ratio = uniform(math.log(low), math.log(high), draws, images, generator).exp()
        heights = (area / ratio).sqrt_().round_().view(ATTEMPTS, count)
        widths = (area * ratio).sqrt_().round_().view(ATTEMPTS, count)
        fits = (heights > 0) & (heights <= height) & (widths > 0) & (widths <= width)
        first = fits.int().argmax(dim=0, keepdim=True)  # the first of equals
        box_height, box_width = ((sizes * fits).gather(0, first)[0] for sizes in (heights, widths))
        return box_height, box_width


def _largest(height: int, width: int, ratio: tuple[float, float]) -> tuple[int, int]:
    """Height and width of the largest box of an allowed shape."""
    if width / height < ratio[0]:
        return max(1, round(width / ratio[0])), width
    if width / height > ratio[1]:
        return height, max(1, round(height * ratio[1]))
    return height, width
