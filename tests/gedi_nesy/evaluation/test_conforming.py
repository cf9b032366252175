"""Images in another shape against Pillow's conversions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from gedi_nesy import DataError
from gedi_nesy.evaluation.conforming import conform


def colours(height, width):
    return torch.randint(0, 256, (3, 3, height, width), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def differences(ours, theirs):
    return (ours.int() - torch.from_numpy(np.stack(theirs)).int()).abs().max().item()


def test_images_of_the_right_shape_are_given_back():
    pixels = colours(8, 8)
    assert conform(pixels, (3, 8, 8)) is pixels


def test_colours_become_grey_as_in_pillow():
    pixels = colours(8, 8)
    theirs = [np.asarray(Image.fromarray(image.permute(1, 2, 0).numpy()).convert("L"))[None] for image in pixels]
    assert differences(conform(pixels, (1, 8, 8)), theirs) <= 1


def test_grey_is_repeated_in_three_channels():
    grey = colours(8, 8)[:, :1]
    assert torch.equal(conform(grey, (3, 8, 8)), grey.repeat(1, 3, 1, 1))


@pytest.mark.parametrize("size", [(28, 28), (5, 7)])
def test_sizes_change_as_in_pillow(size):
    grey = colours(16, 16)[:, :1]
    theirs = [
        np.asarray(Image.fromarray(image[0].numpy()).resize(size[::-1], Image.Resampling.BILINEAR))[None]
        for image in grey
    ]
    ours = conform(grey, (1, *size))
    assert ours.dtype == torch.uint8 and differences(ours, theirs) <= 1


def test_other_numbers_of_channels_are_refused():
    with pytest.raises(DataError, match="2 channels cannot become images of 1"):
        conform(torch.zeros(1, 2, 4, 4, dtype=torch.uint8), (1, 4, 4))
