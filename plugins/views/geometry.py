"""Transformations that move pixels."""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from gedi_nesy import Options, View
from gedi_nesy.data.views import uniform

ImageBatch = Float[Tensor, "batch channels height width"]


class RandomAffine(View):
    """Rotate, scale, shear and shift each image by its own random amount, bilinear, filled with black.

    Suited to digits, where a flip changes the class. Every amount is uniform in [-limit, limit].
    """

    class Options(Options):
        rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
        """Largest rotation in degrees."""
        scale: Annotated[float, Field(ge=0, lt=1)] = 0.0
        """Largest relative change of size: 0.2 scales by 0.8 to 1.2."""
        shear: Annotated[float, Field(ge=0, le=1)] = 0.0
        """Largest horizontal displacement for each unit of height."""
        shift: Annotated[float, Field(ge=0, le=1)] = 0.0
        """Largest shift as a share of the image's side, in each direction."""

    options: Options

    def __call__(self, images: ImageBatch, generator: torch.Generator) -> ImageBatch:
        return _warp(images, self._matrices(images, generator))

    def _matrices(self, images: ImageBatch, generator: torch.Generator) -> Float[Tensor, "batch 2 3"]:
        """The map from output to input coordinates, both in [-1, 1]."""
        limits, count = self.options, len(images)
        angle = torch.deg2rad(uniform(-limits.rotation, limits.rotation, count, images, generator))
        size = uniform(1 - limits.scale, 1 + limits.scale, count, images, generator)
        shear = uniform(-limits.shear, limits.shear, count, images, generator)
        # Coordinates span two units, so a shift by a share of the side is twice that number.
        shift_x, shift_y = (uniform(-2 * limits.shift, 2 * limits.shift, count, images, generator) for _ in range(2))
        cosine, sine = angle.cos() / size, angle.sin() / size
        first_row = torch.stack([cosine, cosine * shear - sine, shift_x], dim=1)
        second_row = torch.stack([sine, sine * shear + cosine, shift_y], dim=1)
        return torch.stack([first_row, second_row], dim=1)


class RandomCrop(View):
    """Pad with black and cut out a window of the old size at a random place.

    Source: the "random crop" of GEDI table 9; 4 pixels are the padding of JEM's code, which reflects where we fill with black.
    """

    class Options(Options):
        padding: Annotated[int, Field(ge=0)] = 4
        """Pixels added on each side before cutting."""

    options: Options

    def __call__(self, images: ImageBatch, generator: torch.Generator) -> ImageBatch:
        padding, (count, _, height, width) = self.options.padding, images.shape
        padded = functional.pad(images, [padding] * 4, value=-1.0)
        top, left = (
            torch.randint(2 * padding + 1, (count,), generator=generator, device=images.device) for _ in range(2)
        )
        rows = (top[:, None] + torch.arange(height, device=images.device))[:, None, :, None]
        columns = (left[:, None] + torch.arange(width, device=images.device))[:, None, None, :]
        image = torch.arange(count, device=images.device)[:, None, None, None]
        channel = torch.arange(images.shape[1], device=images.device)[None, :, None, None]
        return padded[image, channel, rows, columns]


class HorizontalFlip(View):
    """Mirror each image with a given probability."""

    class Options(Options):
        probability: Annotated[float, Field(ge=0, le=1)] = 0.5

    options: Options

    def __call__(self, images: ImageBatch, generator: torch.Generator) -> ImageBatch:
        chosen = uniform(0, 1, len(images), images, generator) < self.options.probability
        return torch.where(chosen[:, None, None, None], images.flip(-1), images)


def _warp(images: ImageBatch, matrices: Float[Tensor, "batch 2 3"]) -> ImageBatch:
    grid = functional.affine_grid(matrices, list(images.shape), align_corners=False)
    # grid_sample fills with 0; black is -1, so shift the range there and back.
    return functional.grid_sample(images + 1.0, grid, align_corners=False) - 1.0
