"""Transformations that move pixels."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from gedi_nesy import ConfigError, Options, View
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
        grid = functional.affine_grid(self._matrices(images, generator), list(images.shape), align_corners=False)
        # grid_sample fills with 0; black is -1, so shift the range there and back.
        return functional.grid_sample(images + 1.0, grid, align_corners=False) - 1.0

    def _matrices(self, images: ImageBatch, generator: torch.Generator) -> Float[Tensor, "batch 2 3"]:
        """The map from output to input coordinates, both in [-1, 1]."""
        limits, count = self.options, len(images)
        angle = torch.deg2rad(uniform(-limits.rotation, limits.rotation, count, images, generator))
        size = uniform(1 - limits.scale, 1 + limits.scale, count, images, generator)
        shear = uniform(-limits.shear, limits.shear, count, images, generator)
        # Coordinates span two units, so a shift by a share of the side is twice that number.
        shift_x, shift_y = (uniform(-2 * limits.shift, 2 * limits.shift, count, images, generator) for _ in range(2))
        cosine, sine = angle.cos() / size, angle.sin() / size
        # Both sides of an image span two units, however long they are.
        aspect = images.shape[2] / images.shape[3]
        first_row = torch.stack([cosine, (cosine * shear - sine) * aspect, shift_x], dim=1)
        second_row = torch.stack([sine / aspect, sine * shear + cosine, shift_y], dim=1)
        return torch.stack([first_row, second_row], dim=1)


class RandomCrop(View):
    """Pad and cut out a window of the old size at a random place.

    Source: the "random crop" of GEDI table 9; JEM's code, which it builds on, has 4 pixels and reflects.
    """

    class Options(Options):
        padding: Annotated[int, Field(ge=0)] = 4
        """Pixels added on each side before cutting."""
        border: Literal["black", "reflect"] = "black"
        """What these pixels show: nothing, or the image in a mirror."""

    options: Options

    def __call__(self, images: ImageBatch, generator: torch.Generator) -> ImageBatch:
        padding, (count, _, height, width) = self.options.padding, images.shape
        windows = self._padded(images).unfold(2, height, 1).unfold(3, width, 1)
        top, left = (
            torch.randint(2 * padding + 1, (count,), generator=generator, device=images.device) for _ in range(2)
        )
        return windows[torch.arange(count, device=images.device), :, top, left]

    def _padded(self, images: ImageBatch) -> Tensor:
        border = [self.options.padding] * 4
        if self.options.border == "black":
            return functional.pad(images, border, value=-1.0)
        if self.options.padding >= min(images.shape[2:]):
            raise ConfigError(
                f"random_crop cannot reflect {self.options.padding} pixels of images of "
                f"{images.shape[2]} by {images.shape[3]}: take a smaller padding",
                key="views",
            )
        return functional.pad(images, border, mode="reflect")
