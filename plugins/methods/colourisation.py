"""Colourisation: guess the colours of a grey image.

    colour   cross-entropy of the colour of each cell of a coarse grid; minimum 0, guessing gives 2 ln(bins)

The image is split into luma and the two chroma values Cb and Cr (ITU-R 601). The backbone sees luma alone; a linear layer predicts
for each cell of a grid x grid division which of bins x bins equal squares of the chroma plane the cell's mean colour lies in.
Differences: the paper predicts a quantised Lab colour for each pixel with a fully convolutional network and gives rare colours more
weight; a backbone here gives one feature vector an image, hence the coarse grid, and all colours count alike.
Source: Zhang et al. 2016, Colorful Image Colorization, eq. 2.
Config: configs/pretraining/colourisation.yaml
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from gedi_nesy import Batch, ConfigError, Method, MethodContext, MethodOutput, Options, Term
from gedi_nesy.losses import label_cross_entropy

ImageBatch = Float[Tensor, "batch channels height width"]
# ITU-R 601: luma, Cb and Cr from red, green and blue; pixels in [-1, 1] give values in [-1, 1].
TO_LUMA_CHROMA = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


class Colourisation(Method):
    """Predict colours from luma; offers embed."""

    TERMS = {"colour": "cross-entropy of the quantised colour of each cell"}

    class Options(Options):
        grid: Annotated[int, Field(gt=0)] = 4
        """Cells along a side."""
        bins: Annotated[int, Field(gt=1)] = 16
        """Intervals of each chroma value; the paper has 313 colours in all."""

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        if context.shape[0] != 3:
            raise ConfigError(
                f"colourisation needs images with 3 channels, these have {context.shape[0]}: choose a data set with colours",
                key="method.name",
            )
        self.options = options
        self.classifier = nn.Linear(context.backbone.num_features, options.grid**2 * options.bins**2)

    def terms(self) -> dict[str, Term]:
        """All colours equally likely is chance."""
        return {name: Term(meaning, 0.0, 2 * math.log(self.options.bins)) for name, meaning in self.TERMS.items()}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """Classification of the cells of the first view."""
        images = batch.images[0]
        embeddings = self.embed(images)
        terms = {}
        if "colour" in active:
            logits = self.classifier(embeddings).unflatten(1, (self.options.bins**2, -1))
            terms["colour"] = label_cross_entropy(logits, cell_colours(images, self.options.grid, self.options.bins))
        return MethodOutput(terms, embeddings=embeddings)

    def embed(self, images: ImageBatch) -> Float[Tensor, "batch features"]:
        """The backbone's features of the grey image: it has never seen colour."""
        features: Tensor = self.backbone(luma_chroma(images)[:, :1].expand_as(images))
        return features


def luma_chroma(images: ImageBatch) -> ImageBatch:
    """Luma, Cb and Cr of red, green and blue, each in [-1, 1]."""
    matrix = torch.tensor(TO_LUMA_CHROMA, dtype=images.dtype).to(images.device, non_blocking=True)
    return torch.einsum("kc,bchw->bkhw", matrix, images)


def cell_colours(images: ImageBatch, grid: int, bins: int) -> Int[Tensor, "batch cells"]:
    """The square of the chroma plane that each cell's mean lies in, counted row by row."""
    chroma = functional.adaptive_avg_pool2d(luma_chroma(images)[:, 1:], grid).flatten(2)
    place = ((chroma + 1) / 2 * bins).long().clamp(0, bins - 1)
    return place[:, 0] * bins + place[:, 1]
