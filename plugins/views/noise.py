"""Noise added to pixels."""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from gedi_nesy import Options, View


class GaussianNoise(View):
    """Independent Gaussian noise on every pixel; the result is not clipped.

    Source: JEM's and GEDI's "additive Gaussian noise" (GEDI table 9: 0.03 for colour images, 0.2 for MNIST).
    """

    class Options(Options):
        std: Annotated[float, Field(ge=0)]
        """Standard deviation, in units of pixels in [-1, 1]."""

    options: Options

    def __call__(
        self, images: Float[Tensor, "batch channels height width"], generator: torch.Generator
    ) -> Float[Tensor, "batch channels height width"]:
        noise = torch.randn(images.shape, generator=generator, device=images.device)
        return images + self.options.std * noise
