"""Row and column matrices: against loops, torchvision's resize and torchvision's kernel."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.views.separable import gaussian_blur, interpolation, map_rows_and_columns
from torchvision.transforms.v2.functional import resize


def test_the_map_is_a_product_from_both_sides(images, seeded):
    batch = images(count=3, height=5, width=7)
    rows, columns = torch.rand(3, 4, 5, generator=seeded()), torch.rand(3, 6, 7, generator=seeded())
    mapped = map_rows_and_columns(batch, rows, columns)
    for image, left, right, result in zip(batch, rows, columns, mapped, strict=True):
        for channel in range(3):
            torch.testing.assert_close(result[channel], left @ image[channel] @ right.T)


@pytest.mark.parametrize("new_size", [3, 5, 8, 16])
@pytest.mark.parametrize(("start", "length"), [(0, 8), (2, 5), (7, 1), (0, 3)])
def test_interpolation_is_torchvisions_resize_of_the_window(seeded, new_size, start, length):
    line = torch.rand(1, 1, 8, generator=seeded())
    matrix = interpolation(torch.tensor([float(start)]), torch.tensor([float(length)]), 8, new_size)
    wanted = resize(line[..., start : start + length], [1, new_size], antialias=True)
    torch.testing.assert_close((matrix @ line[0, 0])[0], wanted[0, 0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("taps", [1, 3, 7])
def test_a_blur_is_the_weighted_mean_written_out(taps):
    sigma, size = torch.tensor([0.3, 1.7]), 8
    for matrix, deviation in zip(gaussian_blur(sigma, size, taps), sigma.tolist(), strict=True):
        weights = [
            torch.exp(torch.tensor(-(offset**2) / (2 * deviation**2))) for offset in range(-(taps // 2), taps // 2 + 1)
        ]
        wanted = torch.zeros(size, size)
        for row in range(size):
            for offset, weight in enumerate(weights, start=-(taps // 2)):
                source = abs(row + offset)
                wanted[row, source if source < size else 2 * (size - 1) - source] += weight / sum(weights)
        torch.testing.assert_close(matrix, wanted)
