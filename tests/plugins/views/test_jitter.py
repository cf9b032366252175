"""Colour jitter: torchvision's arithmetic, torchvision's distributions."""

from __future__ import annotations

import colorsys
from itertools import product

import pytest
import torch
from gedi_nesy_plugins.views.jitter import ColorJitter, adjust_hue
from scipy.stats import ks_2samp
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import adjust_brightness, adjust_contrast, adjust_saturation
from torchvision.transforms.v2.functional import adjust_hue as reference_hue

AMOUNTS = {"brightness": 0.4, "contrast": 0.3, "saturation": 0.5, "hue": 0.2}
# torchvision's luma weights have four digits.
TOLERANCE = {"atol": 5e-4, "rtol": 0}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("seed", range(8))
def test_jitter_agrees_with_torchvisions_functions_in_the_order_drawn(make, images, seeded, channels, seed):
    batch = images(channels, count=6)
    jittered = make(ColorJitter, probability=1.0, **AMOUNTS)(batch, seeded(seed))
    generator = seeded(seed)
    torch.rand(6, generator=generator)  # which images
    order = torch.randperm(4, generator=generator).tolist()
    factors = [torch.rand(6, generator=generator) * 2 * amount - amount for amount in AMOUNTS.values()]
    references = (adjust_brightness, adjust_contrast, adjust_saturation, reference_hue)
    for row, image in enumerate((batch + 1) / 2):
        for index in order:
            factor = float(factors[index][row])
            image = references[index](image, factor if index == 3 else 1 + factor)
        torch.testing.assert_close((jittered[row] + 1) / 2, image, **TOLERANCE)


@pytest.mark.parametrize("shift", [-0.5, -0.31, -0.1, 0.0, 0.05, 0.25, 1 / 3, 0.5])
def test_hue_agrees_with_torchvision_and_with_colorsys_on_every_kind_of_colour(images, shift):
    corners = torch.tensor(list(product([0.0, 0.5, 1.0], repeat=3))).T[None, :, None]
    for batch in (corners, (images(count=20) + 1) / 2):
        shifted = adjust_hue(batch.clone(), torch.full((len(batch), 1, 1, 1), shift))
        torch.testing.assert_close(shifted, reference_hue(batch, shift), atol=2e-5, rtol=0)
    for colour, found in zip(
        corners[0, :, 0].T.tolist(), adjust_hue(corners.clone(), torch.tensor(shift))[0, :, 0].T, strict=True
    ):
        hue, saturation, value = colorsys.rgb_to_hsv(*colour)
        wanted = colorsys.hsv_to_rgb((hue + shift) % 1, saturation, value)
        torch.testing.assert_close(found, torch.tensor(wanted), atol=1e-5, rtol=0)


def test_factors_are_distributed_as_torchvisions(make, seeded):
    """Read from what each adjustment alone does to one colour."""
    colour = torch.tensor([0.5, 0.3, 0.2])
    batch = (colour[:, None, None] * torch.tensor([0.8, 1.2])).expand(2000, 3, 1, 2) * 2 - 1
    reference = v2.ColorJitter(*AMOUNTS.values())
    with torch.random.fork_rng():
        torch.manual_seed(1)
        params = [reference.make_params([]) for _ in range(2000)]
    for name, amount in AMOUNTS.items():
        options = dict.fromkeys(AMOUNTS, 0.0) | {name: amount}
        result = (make(ColorJitter, probability=1.0, **options)(batch, seeded()) + 1) / 2
        factors = READ[name](result, (batch[:1] + 1) / 2)
        assert ks_2samp(factors, [param[f"{name}_factor"] for param in params]).pvalue > 0.01, name


def _hue_shift(result, original):
    before = colorsys.rgb_to_hsv(*original[0, :, 0, 0].tolist())[0]
    return [(colorsys.rgb_to_hsv(*pixel)[0] - before + 0.5) % 1 - 0.5 for pixel in result[:, :, 0, 0].tolist()]


READ = {
    "brightness": lambda result, original: result.mean(dim=(1, 2, 3)) / original.mean(),
    "contrast": lambda result, original: (result[:, 0, 0, 1] - result[:, 0, 0, 0]) / (original[0, 0, 0, 1] - original[0, 0, 0, 0]),
    "saturation": lambda result, original: (result[:, 0, 0, 0] - result[:, 2, 0, 0]) / (original[0, 0, 0, 0] - original[0, 2, 0, 0]),
    "hue": _hue_shift,
}  # fmt: skip


def test_jitter_leaves_the_others_alone(make, images, seeded):
    batch = images(count=2000, height=2)
    changed = (make(ColorJitter, probability=0.1)(batch, seeded()) != batch).flatten(1).any(dim=1).float().mean()
    assert 0.08 < changed < 0.12
