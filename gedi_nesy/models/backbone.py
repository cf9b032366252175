"""The interface of feature extractors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from ..config.options import Options


class Backbone(nn.Module, ABC):
    """Images in, one feature vector an image out.

    A subclass takes its options and the image shape (channels, height, width), and sets `num_features`.
    """

    class Options(Options):
        """Options beside `name` in the config's backbone section."""

    num_features: int

    @abstractmethod
    def __init__(self, options: Any, shape: tuple[int, int, int]) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """Features of images with pixels in [-1, 1]."""
