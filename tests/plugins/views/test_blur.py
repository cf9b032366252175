"""Gaussian blur, against torchvision's."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.views.blur import GaussianBlur
from pydantic import ValidationError
from torchvision.transforms.v2.functional import gaussian_blur

from gedi_nesy import ConfigError


@pytest.mark.parametrize("kernel_size", [1, 3, 9, 23])
def test_blur_is_torchvisions_with_a_width_for_each_image(make, images, seeded, kernel_size):
    batch = images(count=8, height=24, width=17 if kernel_size < 17 else 31)
    blurred = make(GaussianBlur, probability=1.0, kernel_size=kernel_size)(batch, seeded(2))
    generator = seeded(2)
    torch.rand(8, generator=generator)  # which images
    sigma = torch.rand(8, generator=generator) * 1.9 + 0.1
    for image, deviation, result in zip(batch, sigma.tolist(), blurred, strict=True):
        wanted = gaussian_blur(image, [kernel_size, kernel_size], [deviation, deviation])
        torch.testing.assert_close(result, wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("side", "taps"), [(8, 3), (28, 3), (32, 3), (64, 7), (96, 11), (224, 23)])
def test_the_kernel_is_a_tenth_of_the_side(make, side, taps):
    assert make(GaussianBlur)._taps(side) == taps


def test_blur_happens_with_its_probability(make, images, seeded):
    batch = images(count=2000, height=4)
    for probability in (0.0, 0.1, 1.0):
        blurred = make(GaussianBlur, probability=probability, sigma=(1.0, 2.0))(batch, seeded())
        assert abs((blurred != batch).flatten(1).any(dim=1).float().mean() - probability) < 0.02


@pytest.mark.parametrize("options", [{"sigma": (2.0, 0.1)}, {"sigma": (0.0, 1.0)}, {"kernel_size": 4}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValidationError):
        GaussianBlur.Options(**options)


def test_a_kernel_larger_than_the_image_is_an_error(make, images, seeded):
    with pytest.raises(ConfigError, match="a blur of 9 pixels does not fit into images of 4"):
        make(GaussianBlur, probability=1.0, kernel_size=9)(images(height=4), seeded())
