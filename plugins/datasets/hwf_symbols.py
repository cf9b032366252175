"""Symbols of handwritten formulas: the digits of mnist5k, and operators drawn by this file.

The operators +, - and * (a cross, as school writes it) are not handwriting: each stroke is a straight line whose place, length,
slant and thickness are random, drawn at the size and grey values of the digits. The same images for every run.

Source: the task is HWF of Li et al. 2020 (arXiv 2006.06649), whose own images are not used.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from gedi_nesy import DatasetReader, ImageDataset
from gedi_nesy.data.dataset import Images

from .mnist5k import PER_CLASS, TEST_PER_CLASS, Mnist5k

SIDE = 28
SEED = 2_020
# Each stroke of an operator as (x, y) of its two ends, in [-1, 1] with y downwards.
STROKES = {
    "+": [[[-0.6, 0.0], [0.6, 0.0]], [[0.0, -0.6], [0.0, 0.6]]],
    "-": [[[-0.6, 0.0], [0.6, 0.0]]],
    "*": [[[-0.45, -0.45], [0.45, 0.45]], [[0.45, -0.45], [-0.45, 0.45]]],
}


class HwfSymbols(DatasetReader):
    """Digits 0 to 9, then +, - and *; 400 train and 100 test images of each."""

    ABOUT = "10 digits of mnist5k and the operators + - *, drawn by us, 400 + 100 a class, 28x28 grey; no files needed"

    def read(self) -> ImageDataset:
        digits = Mnist5k(Mnist5k.Options()).read()
        generator = torch.Generator().manual_seed(SEED)
        drawn = {symbol: draw(torch.tensor(STROKES[symbol]), PER_CLASS, generator) for symbol in STROKES}
        classes = (*digits.classes, *STROKES)
        train, test = digits.train, digits.test
        for symbol, pixels in drawn.items():
            train = _with(train, pixels[TEST_PER_CLASS:], classes.index(symbol))
            test = _with(test, pixels[:TEST_PER_CLASS], classes.index(symbol))
        return ImageDataset(train, test, classes)


def draw(strokes: Float[Tensor, "strokes 2 2"], count: int, generator: torch.Generator) -> Tensor:
    """Pixels 0 to 255, (count, 1, 28, 28), of one symbol with random slant, size, place, wobble and thickness."""

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    angle, size = uniform(-0.25, 0.25), uniform(0.75, 1.15)
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1).view(count, 2, 2)
    ends = torch.einsum("nij,sej->nsei", size[:, None, None] * turn, strokes)
    ends = ends + uniform(-0.15, 0.15, 1, 1, 2) + uniform(-0.12, 0.12, *strokes.shape)
    distance = _distance_to_strokes(ends) * SIDE / 2  # in pixels
    ink = (uniform(0.8, 1.8)[:, None, None] + 0.5 - distance).clamp(0, 1) * uniform(0.8, 1.0)[:, None, None]
    return (255 * ink).round().to(torch.uint8).unsqueeze(1)


def _distance_to_strokes(ends: Float[Tensor, "images strokes 2 2"]) -> Float[Tensor, "images height width"]:
    """Distance of each pixel's centre from the nearest stroke."""
    axis = (torch.arange(SIDE) + 0.5) * 2 / SIDE - 1
    point = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)  # height, width, (x, y)
    start, along = ends[:, :, 0], ends[:, :, 1] - ends[:, :, 0]
    offset = point - start[:, :, None, None]
    share = (offset * along[:, :, None, None]).sum(-1) / along.square().sum(-1)[:, :, None, None]
    nearest = share.clamp(0, 1).unsqueeze(-1) * along[:, :, None, None]
    distance: Tensor = torch.linalg.vector_norm(offset - nearest, dim=-1)
    return distance.amin(dim=1)


def _with(images: Images, pixels: Tensor, label: int) -> Images:
    labels = torch.full((len(pixels),), label)
    return Images(torch.cat([images.pixels, pixels]), torch.cat([images.labels, labels]))
