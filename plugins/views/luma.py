"""Brightness as the eye sees it."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from gedi_nesy import ConfigError

# ITU-R 601, the weights of PIL and torchvision.
RED, GREEN, BLUE = 0.299, 0.587, 0.114


def luma(images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch 1 height width"]:
    """Weighted mean of red, green and blue; a copy of the image itself when it has one channel."""
    if images.shape[1] == 1:
        return images.clone()
    if images.shape[1] != 3:
        raise ConfigError(
            f"grayscale and color_jitter are for grey or colour images, and these have {images.shape[1]} channels: "
            "leave them out",
            key="views",
        )
    red, green, blue = images[:, :1], images[:, 1:2], images[:, 2:]
    return red.mul(RED).add_(green, alpha=GREEN).add_(blue, alpha=BLUE)
