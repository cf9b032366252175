"""Transformations of brightness, contrast and colour."""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from gedi_nesy import Options, View
from gedi_nesy.data.views import uniform

ImageBatch = Float[Tensor, "batch channels height width"]
Probability = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0, le=1)]

# ITU-R 601 luma, the weights of PIL and torchvision.
LUMA = (0.299, 0.587, 0.114)


class Grayscale(View):
    """Replace colour images by their luma with a given probability; images with one channel stay as they are."""

    class Options(Options):
        probability: Probability = 0.1

    options: Options

    def __call__(self, images: ImageBatch, generator: torch.Generator) -> ImageBatch:
        chosen = uniform(0, 1, len(images), images, generator) < self.options.probability
        return torch.where(chosen[:, None, None, None], luma(images).expand_as(images), images)


class ColorJitter(View):
    """Change brightness, contrast and saturation by random factors, with a given probability.

    Each factor is uniform in [1 - amount, 1 + amount], as in torchvision's ColorJitter without hue; the order is fixed
    (brightness, contrast, saturation) where torchvision shuffles it. Pixels stay in [-1, 1].
    """

    class Options(Options):
        probability: Probability = 0.1
        brightness: Amount = 0.4
        contrast: Amount = 0.4
        saturation: Amount = 0.4

    options: Options

    def __call__(self, images: ImageBatch, generator: torch.Generator) -> ImageBatch:
        chosen = uniform(0, 1, len(images), images, generator) < self.options.probability
        unit = (images + 1.0) / 2.0
        unit = unit * self._factor(self.options.brightness, images, generator)
        unit = _blend(
            unit.clamp(0, 1),
            luma(unit).mean(dim=(2, 3), keepdim=True),
            self._factor(self.options.contrast, images, generator),
        )
        unit = _blend(unit, luma(unit), self._factor(self.options.saturation, images, generator))
        return torch.where(chosen[:, None, None, None], unit * 2.0 - 1.0, images)

    def _factor(self, amount: float, images: ImageBatch, generator: torch.Generator) -> Float[Tensor, "batch 1 1 1"]:
        return uniform(1 - amount, 1 + amount, len(images), images, generator)[:, None, None, None]


def luma(images: ImageBatch) -> Float[Tensor, "batch 1 height width"]:
    """Brightness as the eye sees it; the image itself when it has one channel."""
    if images.shape[1] == 1:
        return images
    weights = torch.tensor(LUMA, device=images.device, dtype=images.dtype)
    return (images * weights[:, None, None]).sum(dim=1, keepdim=True)


def _blend(images: Tensor, base: Tensor, factor: Tensor) -> Tensor:
    return (factor * images + (1 - factor) * base).clamp(0, 1)
