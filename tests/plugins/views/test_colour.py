"""Grey scale, solarising, dropped channels."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.views.colour import ChannelDrop, Grayscale, Solarize
from gedi_nesy_plugins.views.jitter import ColorJitter
from torchvision.transforms.v2.functional import rgb_to_grayscale, solarize

from gedi_nesy import ConfigError


def test_grayscale_is_torchvisions_luma(make, images, seeded):
    gray = make(Grayscale, probability=1.0)(images(), seeded())
    reference = rgb_to_grayscale((images() + 1) / 2, num_output_channels=3) * 2 - 1
    torch.testing.assert_close(gray, reference, atol=5e-4, rtol=0)
    torch.testing.assert_close(make(Grayscale, probability=1.0)(images(1), seeded()), images(1))


@pytest.mark.parametrize("kind", [Grayscale, ColorJitter])
def test_points_have_no_colours(make, images, seeded, kind):
    with pytest.raises(ConfigError, match="are for grey or colour images, and these have 2 channels: leave them out"):
        make(kind, probability=1.0)(images(channels=2), seeded())


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5, 1.0])
def test_solarize_is_torchvisions(make, seeded, threshold):
    unit = torch.arange(0, 65).expand(2, 3, 1, 65) / 64  # exact in both ranges
    solarized = make(Solarize, probability=1.0, threshold=threshold)(unit * 2 - 1, seeded())
    assert torch.equal(solarized, solarize(unit, threshold) * 2 - 1)


def test_solarize_inverts_the_upper_half_of_the_256_grey_values(make, seeded):
    pixels = torch.arange(256, dtype=torch.uint8)
    solarized = make(Solarize, probability=1.0)((pixels / 127.5 - 1).expand(1, 1, 1, 256), seeded())
    torch.testing.assert_close((solarized[0, 0, 0] + 1) * 127.5, solarize(pixels[None], 128)[0].float())


@pytest.mark.parametrize("kind", [Grayscale, Solarize, ChannelDrop])
def test_the_probability_is_that_of_a_change(make, images, seeded, kind):
    batch = images(count=2000, height=4)
    changed = (make(kind, probability=0.1)(batch, seeded()) != batch).flatten(1).any(dim=1).float().mean()
    assert 0.08 < changed < 0.12


def test_a_dropped_channel_is_black_and_each_is_as_likely(make, seeded):
    bright = torch.ones(3000, 3, 2, 2)
    dropped = make(ChannelDrop, probability=1.0)(bright, seeded())
    is_black = (dropped == -1).flatten(2).all(dim=2)
    assert torch.equal(is_black.sum(dim=1), torch.ones(3000, dtype=torch.long))
    assert torch.equal(dropped == 1, ~is_black[:, :, None, None].expand_as(dropped))
    assert (is_black.float().mean(dim=0) - 1 / 3).abs().max() < 0.03
    assert torch.equal(make(ChannelDrop, probability=1.0)(bright[:, :1], seeded()), bright[:, :1])
