"""Random versions of images, made in batches on the images' own device with one set of parameters per image."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..config.options import Options
from .dataset import Pixels, to_unit_range

ImageBatch = Float[Tensor, "batch channels height width"]
Views = Float[Tensor, "views batch channels height width"]

# Temporaries larger than this many floats go back to the operating system after each operation, and to get their pages anew
# takes long: SimCLR's views of 256 images of 3 by 32 by 32 take 70 us each when made at once, 55 us in two halves.
CPU_PIXELS = 128 * 3 * 32 * 32


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
    def __call__(self, images: ImageBatch, generator: torch.Generator) -> ImageBatch:
        """Transformed images; the input is left as it is, all randomness comes from the generator."""


Pipeline = Sequence[View]


@torch.no_grad()
def make_views(images: Pixels, pipelines: Sequence[Pipeline], generator: torch.Generator) -> Views:
    """A random view of every image from each pipeline, in full precision also where the caller mixes precisions.

    Args:
        images: pixels 0 to 255, or floats in [-1, 1].
        pipelines: the transformations of each view, in the order in which they are applied; all lead to one size.
    """
    with torch.autocast(images.device.type, enabled=False):
        start = to_unit_range(images)
        parts = [
            _transformed(part, pipeline, generator)
            for pipeline in pipelines
            for part in torch.split(start, _at_once(start))
        ]
    return torch.cat(parts).reshape(len(pipelines), len(images), *parts[0].shape[1:])


def _transformed(images: ImageBatch, pipeline: Pipeline, generator: torch.Generator) -> ImageBatch:
    for transform in pipeline:
        images = transform(images, generator)
    return images


def _at_once(images: ImageBatch) -> int:
    """How many images go through a pipeline together."""
    if images.is_cuda:
        return max(1, len(images))
    return max(1, CPU_PIXELS // math.prod(images.shape[1:]))


def uniform(low: float, high: float, size: int, like: Tensor, generator: torch.Generator) -> Float[Tensor, " size"]:
    """One number for each image, uniform in [low, high], on the device of `like`."""
    return torch.rand(size, generator=generator, device=like.device) * (high - low) + low


def choose(probability: float, images: ImageBatch, generator: torch.Generator) -> Bool[Tensor, " batch"]:
    """Which images a transformation is applied to, each with the same probability."""
    return uniform(0, 1, len(images), images, generator) < probability


def random_order(size: int, generator: torch.Generator) -> list[int]:
    """A permutation of 0 .. size - 1, without waiting for the generator's device."""
    host = generator if generator.device.type == "cpu" else _on_host(generator)
    order: list[int] = torch.randperm(size, generator=host).tolist()
    return order


def _on_host(generator: torch.Generator) -> torch.Generator:
    """A generator on the CPU that begins where this one stands; the state of a GPU's generator lives on the CPU."""
    state = hashlib.sha256(generator.get_state().numpy().tobytes()).digest()
    return torch.Generator().manual_seed(int.from_bytes(state[:7], "big"))


def transform_chosen(
    transform: Callable[..., ImageBatch], chosen: Bool[Tensor, " batch"], images: ImageBatch, *parameters: Tensor
) -> ImageBatch:
    """`transform(images, *parameters)` for the chosen images; the others as they are.

    Args:
        transform: keeps the size of images.
        parameters: of every image, chosen or not; their first axis is the batch.
    """
    if images.is_cuda:
        # To find out which ones are chosen, the CPU would have to wait for the GPU, whose arithmetic costs little.
        return torch.where(chosen[:, None, None, None], transform(images, *parameters), images)
    rows = chosen.nonzero().squeeze(1)
    changed = transform(images[rows], *(values[rows] for values in parameters))
    return images.index_copy(0, rows, changed)
