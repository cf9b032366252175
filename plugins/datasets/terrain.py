"""Pieces of land seen from above, drawn by this file: grass, forest and water as small colour images.

No photographs: each image is a texture of random grain in a random shade. Colours of neighbouring classes overlap (dark grass and
light forest, murky water): the nearest mean colour names 91% of the test images, texture the rest. The same images for every run.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gedi_nesy import DatasetReader, ImageDataset
from gedi_nesy.data.dataset import Images

SIDE = 16
TRAIN_PER_CLASS, TEST_PER_CLASS = 4_000, 300
SEED = 1_959
CLASSES = ("grass", "forest", "water")
# Mean colour (red, green, blue), and how far it wanders from image to image.
COLOURS = ((0.45, 0.60, 0.30), (0.30, 0.48, 0.25), (0.33, 0.47, 0.50))
SPREAD = 0.10
NOISE = 0.04


class Terrain(DatasetReader):
    """4,000 train and 300 test images of each of grass, forest, water."""

    ABOUT = "grass, forest and water textures, drawn by us, 4,000 + 300 a class, 16x16 colour; no files needed"

    def read(self) -> ImageDataset:
        generator = torch.Generator().manual_seed(SEED)
        count = TRAIN_PER_CLASS + TEST_PER_CLASS
        drawn = [draw(name, count, generator) for name in CLASSES]
        train = torch.cat([pixels[:TRAIN_PER_CLASS] for pixels in drawn])
        test = torch.cat([pixels[TRAIN_PER_CLASS:] for pixels in drawn])
        return ImageDataset(
            Images(train, torch.arange(len(CLASSES)).repeat_interleave(TRAIN_PER_CLASS)),
            Images(test, torch.arange(len(CLASSES)).repeat_interleave(TEST_PER_CLASS)),
            CLASSES,
        )


def draw(name: str, count: int, generator: torch.Generator) -> Tensor:
    """Pixels 0 to 255, (count, 3, 16, 16), of one kind of land."""
    texture = {"grass": _blades, "forest": _crowns, "water": _waves}[name](count, generator)
    contrast = 0.10 + 0.08 * torch.rand(count, 1, 1, 1, generator=generator)
    wander = SPREAD * (2 * torch.rand(count, 3, 1, 1, generator=generator) - 1)
    colour = torch.tensor(COLOURS[CLASSES.index(name)]).view(3, 1, 1) + wander
    noise = NOISE * torch.randn(count, 3, SIDE, SIDE, generator=generator)
    return (255 * (colour + contrast * texture + noise)).clamp(0, 255).round().to(torch.uint8)


def _blades(count: int, generator: torch.Generator) -> Float[Tensor, "count 1 height width"]:
    """Short upright strokes."""
    grain = torch.randn(count, 1, SIDE + 4, SIDE, generator=generator)
    return _standardised(functional.avg_pool2d(grain, (5, 1), stride=1))


def _crowns(count: int, generator: torch.Generator) -> Float[Tensor, "count 1 height width"]:
    """Round blotches."""
    grain = torch.randn(count, 1, SIDE + 8, SIDE + 8, generator=generator)
    return _standardised(functional.avg_pool2d(functional.avg_pool2d(grain, 5, stride=1), 5, stride=1))


def _waves(count: int, generator: torch.Generator) -> Float[Tensor, "count 1 height width"]:
    """Nearly horizontal ripples of random length and phase."""
    axis = torch.arange(SIDE, dtype=torch.float32)
    slope, phase, frequency = torch.rand(3, count, 1, 1, 1, generator=generator)
    height = axis.view(1, 1, SIDE, 1) + (0.6 * slope - 0.3) * axis
    return _standardised(torch.sin((0.9 + 0.8 * frequency) * height + 6.28 * phase))


def _standardised(texture: Float[Tensor, "count 1 height width"]) -> Float[Tensor, "count 1 height width"]:
    return texture / texture.std(dim=(2, 3), keepdim=True)
