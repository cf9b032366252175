"""Grids of images: every pixel in its place, enlarged when small, rows with their texts."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from gedi_nesy.reporting.image_grid import ImageGrid, tiled


def shades(count, channels=1, size=2):
    """Images of one shade each: 10, 20, 30, ..."""
    return (10 * torch.arange(1, count + 1)).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, channels, size, size)


def opened(grid):
    return np.asarray(Image.open(BytesIO(grid.png())))


def test_images_stand_row_by_row_with_a_grey_gap():
    picture = np.asarray(tiled(shades(3), columns=2))
    line = [128, 10, 10, 128, 20, 20, 128]
    assert picture.tolist() == [[128] * 7, line, line, [128] * 7] + [[128, 30, 30, 128, 128, 128, 128]] * 2 + [
        [128] * 7
    ]


def test_small_images_are_enlarged_without_mixing_pixels():
    picture = opened(ImageGrid(shades(2, channels=3), "two", columns=2))
    assert picture.shape == (50, 99, 3)
    assert set(np.unique(picture)) == {10, 20, 128}
    assert opened(ImageGrid(shades(1, size=64), "large")).shape[0] == 66


def test_rows_have_their_texts_to_the_left():
    plain = ImageGrid(shades(4), "four", columns=2)
    labelled = ImageGrid(plain.pixels, "four", columns=2, rows=("original", "b"))
    picture = opened(labelled)
    margin = picture.shape[1] - opened(plain).shape[1]
    assert np.array_equal(picture[:, margin:], opened(plain))
    assert (picture[:49, :margin] == 0).any() and (picture[50:, :margin] == 0).any()


def test_texts_of_another_number_than_rows_are_refused():
    with pytest.raises(ValueError, match="3 texts for 2 rows"):
        ImageGrid(shades(4), "four", columns=2, rows=("a", "b", "c"))
    with pytest.raises(ValueError, match="a grid of 0 images in 8 columns"):
        ImageGrid(shades(1)[:0], "none")
