"""Transformations that take colours away or turn them round."""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from gedi_nesy import Options, View
from gedi_nesy.data.views import choose, transform_chosen

from .luma import luma

ImageBatch = Float[Tensor, "batch channels height width"]
Share = Annotated[float, Field(ge=0, le=1)]


class Grayscale(View):
    """Replace colour images by their luma with a given probability; images with one channel stay as they are."""

    class Options(Options):
        probability: Share = 0.1

    options: Options

    def __call__(self, images: ImageBatch, generator: torch.Generator) -> ImageBatch:
        chosen = choose(self.options.probability, images, generator)
        return transform_chosen(lambda some: luma(some).expand_as(some), chosen, images)


class Solarize(View):
    """Invert the pixels from a threshold on, with a given probability.

    Source: BYOL (Grill et al. 2020, table 6): probability 0 for one view and 0.2 for the other.
    """

    class Options(Options):
        probability: Share = 0.2
        threshold: Share = 0.5
        """Between black, 0, and white, 1."""

    options: Options

    def __call__(self, images: ImageBatch, generator: torch.Generator) -> ImageBatch:
        chosen = choose(self.options.probability, images, generator)
        return transform_chosen(self._solarize, chosen, images)

    def _solarize(self, images: ImageBatch) -> ImageBatch:
        return torch.where(images >= 2 * self.options.threshold - 1, -images, images)


class ChannelDrop(View):
    """Blacken one channel of a colour image, each equally likely, with a given probability.

    Images with one channel stay as they are. Source: AAVAE 2022, appendix A ("random channel drop"), which leaves
    probability and number of channels open.
    """

    class Options(Options):
        probability: Share = 0.5

    options: Options

    def __call__(self, images: ImageBatch, generator: torch.Generator) -> ImageBatch:
        count, channels = images.shape[:2]
        chosen = choose(self.options.probability, images, generator)
        dropped = torch.randint(channels, (count, 1), generator=generator, device=images.device)
        if channels == 1:
            return images
        black = (dropped == torch.arange(channels, device=images.device)) & chosen[:, None]
        return images.masked_fill(black[:, :, None, None], -1.0)
