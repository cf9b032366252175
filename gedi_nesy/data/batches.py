"""Whole batches in a random order: an epoch of a task that works on single images."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Int
from torch import Tensor

from ..errors import DataError


def num_batches(num_images: int, batch_size: int) -> int:
    """How many whole batches there are; a smaller last one would change the batch statistics that terms rely on.

    Raises:
        DataError: there is none.
    """
    if batch_size > num_images:
        raise DataError(
            f"training.batch_size is {batch_size} and there are {num_images} training images", key="training.batch_size"
        )
    return num_images // batch_size


def batches(
    num_images: int, batch_size: int, generator: torch.Generator, device: torch.device
) -> Iterator[Int[Tensor, " batch"]]:
    """Rows of each batch, on the device; the order is drawn on the generator's."""
    order = torch.randperm(num_images, generator=generator).to(device)
    for step in range(num_batches(num_images, batch_size)):
        yield order[step * batch_size : (step + 1) * batch_size]
