"""The view pipeline and pixel conversions."""

from __future__ import annotations

import torch

from gedi_nesy.data.dataset import to_pixels, to_unit_range
from gedi_nesy.data.views import make_views, uniform


def test_pixels_and_unit_range_are_inverse():
    pixels = torch.arange(256, dtype=torch.uint8)
    assert to_unit_range(pixels).min() == -1 and to_unit_range(pixels).max() == 1
    assert torch.equal(to_pixels(to_unit_range(pixels)), pixels)
    assert torch.equal(to_pixels(torch.tensor([-5.0, 5.0])), torch.tensor([0, 255], dtype=torch.uint8))


def test_views_are_independent_and_fixed_by_the_generator():
    images = torch.zeros(3, 1, 4, 4)

    def shift(batch, generator):
        return batch + uniform(-1, 1, len(batch), batch, generator)[:, None, None, None]

    one = make_views(images, [shift, shift], 2, torch.Generator().manual_seed(0))
    again = make_views(images, [shift, shift], 2, torch.Generator().manual_seed(0))
    assert one.shape == (2, 3, 1, 4, 4) and torch.equal(one, again)
    assert len(one[:, :, 0, 0, 0].unique()) == 6
    assert torch.equal(make_views(images, [], 1, torch.Generator())[0], images)
