"""Mirror images."""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from gedi_nesy import Options, View
from gedi_nesy.data.views import choose, transform_chosen

ImageBatch = Float[Tensor, "batch channels height width"]
Share = Annotated[float, Field(ge=0, le=1)]


class HorizontalFlip(View):
    """Exchange left and right with a given probability."""

    class Options(Options):
        probability: Share = 0.5

    options: Options

    def __call__(self, images: ImageBatch, generator: torch.Generator) -> ImageBatch:
        chosen = choose(self.options.probability, images, generator)
        return transform_chosen(lambda some: some.flip(3), chosen, images)


class VerticalFlip(View):
    """Exchange top and bottom with a given probability. Source: SimVAE 2023, table 3."""

    class Options(Options):
        probability: Share = 0.5

    options: Options

    def __call__(self, images: ImageBatch, generator: torch.Generator) -> ImageBatch:
        chosen = choose(self.options.probability, images, generator)
        return transform_chosen(lambda some: some.flip(2), chosen, images)
