"""Images through a method and back, and how far they come from where they were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ..data.dataset import to_pixels, to_unit_range
from ..errors import ConfigError, DivergenceError
from ..evaluators import CHUNK
from ..methods import ImageBatch, Method, capabilities
from ..models.posterior import Latents
from ..reporting.image_grid import ImageGrid

Pixels = UInt8[Tensor, "images channels height width"]
Reconstruct = Callable[[ImageBatch], ImageBatch]


def require_latents(method: Method, wanted_by: str) -> None:
    """ConfigError unless the method has latents and images of them."""
    offers = capabilities(method)
    if "decode" not in offers or not {"posterior", "encode"} & set(offers):
        raise ConfigError(
            f"{wanted_by} needs decode, and posterior or encode; the method offers {', '.join(offers) or 'nothing'}. "
            "Leave it out, or choose a method that offers them",
            key="evaluators",
        )


def latents(method: Any, images: ImageBatch) -> Latents:
    """Where `decode` starts from: the mean of q(z|x), or the code of a method without a posterior."""
    if "posterior" in capabilities(method):
        mean: Tensor = method.posterior(images).mean
        return mean
    code: Tensor = method.encode(images)
    return code


@torch.no_grad()
def all_latents(method: Any, pixels: Pixels) -> Float[Tensor, "images latents"]:
    """The latents of any number of images in float32, in chunks of 500."""
    found = torch.cat([latents(method, to_unit_range(chunk)).float() for chunk in torch.split(pixels, CHUNK)])
    if not torch.isfinite(found).all():
        raise DivergenceError("the method's latents are not finite: its weights are damaged or diverged")
    return found


def reconstruction(method: Any) -> Reconstruct:
    """Images to decoded latents, pixels in [-1, 1]."""
    return lambda images: method.decode(latents(method, images))


@torch.no_grad()
def squared_errors(reconstruct: Reconstruct, pixels: Pixels) -> Float[Tensor, " images"]:
    """Each image's squared error summed over pixels and channels, in units of pixels in [0, 1], in chunks of 500."""
    found = []
    for chunk in torch.split(pixels, CHUNK):
        images = to_unit_range(chunk)
        difference = (reconstruct(images) - images).double() / 2  # a difference in [-1, 1] is twice that in [0, 1]
        found.append(difference.square().flatten(start_dim=1).sum(dim=1))
    return torch.cat(found)


@torch.no_grad()
def side_by_side(reconstruct: Reconstruct, pixels: Pixels, caption: str) -> ImageGrid:
    """The images in a row, their reconstructions in a second one."""
    back = to_pixels(reconstruct(to_unit_range(pixels)))
    return ImageGrid(torch.cat([pixels, back]), caption, columns=len(pixels), rows=("original", "reconstruction"))
