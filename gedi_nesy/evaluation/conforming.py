"""Images of one data set in the shape of another's."""

from __future__ import annotations

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional

from ..data.dataset import ImageDataset, Images, to_pixels, to_unit_range
from ..errors import DataError

LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow's convert("L")
CHUNK = 1000


def conform(
    pixels: UInt8[Tensor, "images channels height width"], shape: tuple[int, int, int]
) -> UInt8[Tensor, "images new_channels new_height new_width"]:
    """The images with these channels, height and width: grey repeated or colours weighed, then resized (antialiased, bilinear).

    Raises:
        DataError: channels other than 1 and 3 would have to change.
    """
    if pixels.shape[1:] == shape:
        return pixels
    channels = pixels.shape[1]
    if channels != shape[0] and {channels, shape[0]} != {1, 3}:
        raise DataError(f"images of {channels} channels cannot become images of {shape[0]}", key="evaluators")
    return torch.cat([_conform(chunk, shape) for chunk in torch.split(pixels, CHUNK)])


def conform_dataset(dataset: ImageDataset, shape: tuple[int, int, int], device: torch.device) -> ImageDataset:
    """Both splits with images of this shape, on a device."""
    train, test = (
        Images(conform(images.pixels, shape).to(device), images.labels.to(device))
        for images in (dataset.train, dataset.test)
    )
    return ImageDataset(train, test, dataset.classes)


def _conform(pixels: Tensor, shape: tuple[int, int, int]) -> Tensor:
    images = to_unit_range(pixels)
    if images.shape[1] > shape[0]:
        weights = torch.tensor(LUMINANCE, device=images.device).view(1, 3, 1, 1)
        images = (images * weights).sum(dim=1, keepdim=True)
    images = images.expand(-1, shape[0], -1, -1)
    if images.shape[2:] != shape[1:]:
        images = functional.interpolate(images, shape[1:], mode="bilinear", antialias=True)
    return to_pixels(images)
