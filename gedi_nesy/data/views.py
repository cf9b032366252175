"""Random versions of images, made in batches on the images' own device with one set of parameters per image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..config.options import Options


class View(ABC):
    """One random transformation.

    Images are floats in [-1, 1], and black is -1: a transformation that opens empty space fills it with -1.
    """

    class Options(Options):
        """Options beside `name` in the config's list of views."""

    options: Any

    def __init__(self, options: Any) -> None:
        self.options = options

    @abstractmethod
    def __call__(
        self, images: Float[Tensor, "batch channels height width"], generator: torch.Generator
    ) -> Float[Tensor, "batch channels height width"]:
        """Transformed images; the input is left as it is, all randomness comes from the generator."""


def make_views(
    images: Float[Tensor, "batch channels height width"],
    pipeline: Sequence[View],
    num_views: int,
    generator: torch.Generator,
) -> Float[Tensor, "views batch channels height width"]:
    """Independent random views of every image."""
    copies = []
    for _ in range(num_views):
        view = images
        for transform in pipeline:
            view = transform(view, generator)
        copies.append(view)
    return torch.stack(copies)


def uniform(low: float, high: float, size: int, like: Tensor, generator: torch.Generator) -> Float[Tensor, " size"]:
    """One number for each image, uniform in [low, high], on the device of `like`."""
    return torch.rand(size, generator=generator, device=like.device) * (high - low) + low
