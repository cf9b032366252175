"""Blur."""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field, field_validator
from torch import Tensor

from gedi_nesy import ConfigError, Options, View
from gedi_nesy.data.views import choose, transform_chosen, uniform

from .separable import gaussian_blur, map_rows_and_columns

ImageBatch = Float[Tensor, "batch channels height width"]
Sigma = Annotated[float, Field(gt=0)]

# The kernel's side as a share of the image's.
KERNEL_SHARE = 0.1


class GaussianBlur(View):
    """Blur each image by its own amount, with a given probability; borders reflect.

    Source: SimCLR (Chen et al. 2020, appendix A), kernel 10% of the image's side. BYOL (Grill et al. 2020, table 6) has
    probability 1 for one view and 0.1 for the other.
    """

    class Options(Options):
        probability: Annotated[float, Field(ge=0, le=1)] = 0.5
        sigma: tuple[Sigma, Sigma] = (0.1, 2.0)
        """Range of the standard deviation, in pixels."""
        kernel_size: Annotated[int, Field(gt=0)] | None = None
        """Pixels that are averaged in each direction, an odd number; by default about a tenth of the side, 3 or more."""

        @field_validator("sigma")
        @classmethod
        def _ordered(cls, sigma: tuple[float, float]) -> tuple[float, float]:
            if sigma[0] > sigma[1]:
                raise ValueError("the smaller number comes first")
            return sigma

        @field_validator("kernel_size")
        @classmethod
        def _odd(cls, size: int | None) -> int | None:
            if size is not None and size % 2 == 0:
                raise ValueError("an even kernel has no middle: take an odd number")
            return size

    options: Options

    def __call__(self, images: ImageBatch, generator: torch.Generator) -> ImageBatch:
        chosen = choose(self.options.probability, images, generator)
        sigma = uniform(*self.options.sigma, len(images), images, generator)
        return transform_chosen(self._blur, chosen, images, sigma)

    def _blur(self, images: ImageBatch, sigma: Float[Tensor, " batch"]) -> ImageBatch:
        rows, columns = (gaussian_blur(sigma, side, self._taps(side)) for side in images.shape[2:])
        return map_rows_and_columns(images, rows, columns)

    def _taps(self, side: int) -> int:
        taps = self.options.kernel_size or max(3, round(KERNEL_SHARE * side) // 2 * 2 + 1)
        if taps // 2 >= side:
            raise ConfigError(f"a blur of {taps} pixels does not fit into images of {side}", key="views")
        return taps
