"""A data set of one's own as a file beside a config: small and large squares.

plugins: [./squares.py]
data: {name: squares, noise: 20}
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field

from gedi_nesy import DatasetReader, ImageDataset, hookimpl
from gedi_nesy.data.dataset import Images

SIDES = {"small": 3, "large": 7}


class Squares(DatasetReader):
    """A bright square at a random place of a dark 12x12 image."""

    ABOUT = "small and large squares, 200 + 50 of each, 12x12 grey; no files needed"

    class Options(DatasetReader.Options):
        """What may stand beside the name in a config."""

        noise: Annotated[int, Field(ge=0, le=255)] = 0
        """Largest value that is added to a pixel."""

    def read(self) -> ImageDataset:
        """The same images in every run."""
        generator = torch.Generator().manual_seed(0)
        train, test = (self._drawn(count, generator) for count in (200, 50))
        return ImageDataset(train, test, tuple(SIDES))

    def _drawn(self, count: int, generator: torch.Generator) -> Images:
        labels = torch.arange(len(SIDES)).repeat_interleave(count)
        pixels = torch.randint(0, self.options.noise + 1, (len(labels), 1, 12, 12), generator=generator)
        for image, side in zip(pixels, [side for side in SIDES.values() for _ in range(count)], strict=True):
            top, left = torch.randint(0, 12 - side, (2,), generator=generator)
            image[0, top : top + side, left : left + side] += 200
        return Images(pixels.clamp(max=255).to(torch.uint8), labels)


@hookimpl
def register(registry) -> None:
    """Give it a name."""
    registry.add_dataset("squares", Squares)
