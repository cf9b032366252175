"""A plugin for `ours`: images that cost as much as real ones and need no files."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field
from torch.nn import functional

from gedi_nesy import DatasetReader, ImageDataset, hookimpl
from gedi_nesy.data.dataset import Images

COUNT = 10_000


class RandomImages(DatasetReader):
    """Smooth random colours; how long a step takes does not depend on what is in an image."""

    ABOUT = "smooth random colours"

    class Options(DatasetReader.Options):
        channels: Annotated[int, Field(gt=0)] = 3
        side: Annotated[int, Field(gt=0)] = 32
        count: Annotated[int, Field(gt=0)] = COUNT

    options: Options

    def read(self) -> ImageDataset:
        """The same images at every call."""
        shape = self.options.channels, self.options.side
        train, test = random_images(self.options.count, *shape), random_images(10, *shape)
        return ImageDataset(train, test, tuple(map(str, range(10))))


def random_images(count: int, channels: int, side: int) -> Images:
    """Pixels and labels of ten classes."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, channels, 6, 6, generator=generator)
    pixels = functional.interpolate(coarse, size=side, mode="bilinear").mul(255).to(torch.uint8)
    return Images(pixels, torch.randint(10, (count,), generator=generator))


@hookimpl
def register(registry: Any) -> None:
    """The data set."""
    registry.add_dataset("random_images", RandomImages)
