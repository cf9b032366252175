"""A network on several views of a batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import ConfigError


def embed_views(
    network: nn.Module, views: Float[Tensor, "views batch ..."] | Sequence[Float[Tensor, "batch ..."]]
) -> Float[Tensor, "views batch features"]:
    """The network's outputs for each view.

    Each view goes through alone, so that batch norm sees one view at a time. Where a batch is split over processes these are
    the rows of this one; a loss that looks across the batch takes `whole_batch` of them.
    """
    return torch.stack([network(view) for view in views])


def require_views(num_views: int, minimum: int, method: str) -> None:
    """ConfigError when a batch has too few views of each image for the method."""
    if num_views < minimum:
        raise ConfigError(
            f"{method} compares {minimum} views of an image: num_views is {num_views}, set it to {minimum} or more",
            key="num_views",
        )
