"""Affine maps and padded crops."""

from __future__ import annotations

import math

import pytest
import torch
from gedi_nesy_plugins.views.geometry import RandomAffine, RandomCrop
from torchvision.transforms.v2.functional import InterpolationMode, affine

from gedi_nesy import ConfigError

LIMITS = {"rotation": 30.0, "scale": 0.2, "shear": 0.3, "shift": 0.15}


def draws(generator, **limits):
    """The amounts that a view draws for one image, in its order."""
    signed = [2 * float(torch.rand(1, generator=generator)) - 1 for _ in range(5)]
    limits = dict.fromkeys(LIMITS, 0.0) | limits
    angle, scale, shear = (
        part * limits[name] for part, name in zip(signed, ("rotation", "scale", "shear"), strict=False)
    )
    return angle, 1 + scale, shear, [part * limits["shift"] for part in signed[3:]]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", [("rotation", "scale"), ("shear",), ("shift",)], ids="-".join)
def test_affine_agrees_with_torchvision(make, images, seeded, name, seed):
    limits = {part: LIMITS[part] for part in name}
    batch = images(1, count=1, height=21, width=33)
    moved = make(RandomAffine, **limits)(batch, seeded(seed))
    angle, scale, shear, (right, down) = draws(seeded(seed), **limits)
    wanted = affine(
        batch + 1,
        angle=-angle,
        translate=[-right * 33, -down * 21],
        scale=scale,
        shear=[math.degrees(math.atan(shear)), 0.0],
        interpolation=InterpolationMode.BILINEAR,
    )
    torch.testing.assert_close(moved, wanted - 1, atol=1e-4, rtol=0)


@pytest.mark.parametrize("seed", range(6))
def test_affine_moves_a_spot_as_the_formula_says(make, seeded, seed):
    """Turned and scaled about the middle, then sheared, then shifted."""
    height, width, spot = 41, 61, (24, 26)
    image = torch.full((1, 1, height, width), -1.0)
    image[0, 0, spot[1], spot[0]] = 1.0
    moved = (make(RandomAffine, **LIMITS)(image, seeded(seed))[0, 0] + 1) / 2
    angle, scale, shear, (right, down) = draws(seeded(seed), **LIMITS)
    x, y = spot[0] - width // 2 - right * width, spot[1] - height // 2 - down * height
    turn = math.radians(-angle)
    x, y = math.cos(turn) * x - math.sin(turn) * y, math.sin(turn) * x + math.cos(turn) * y
    x, y = scale * (x - shear * y), scale * y
    mass = moved.sum()
    found_x = float((moved.sum(dim=0) * torch.arange(width)).sum() / mass) - width // 2
    found_y = float((moved.sum(dim=1) * torch.arange(height)).sum() / mass) - height // 2
    assert mass > 0 and abs(found_x - x) < 0.5 and abs(found_y - y) < 0.5


def test_affine_amounts_are_uniform_up_to_their_limits(make, images, seeded):
    matrices = make(RandomAffine, rotation=30.0)._matrices(images(1, count=4000), seeded())
    angles = torch.rad2deg(torch.atan2(matrices[:, 1, 0], matrices[:, 0, 0]))
    assert angles.abs().max() <= 30 + 1e-3
    assert torch.histc(angles, bins=6, min=-30, max=30).div(4000).sub(1 / 6).abs().max() < 0.03


def test_affine_without_limits_is_the_identity_and_shift_fills_with_black(make, images, seeded):
    batch = images(1)
    torch.testing.assert_close(make(RandomAffine)(batch, seeded()), batch)
    shifted = make(RandomAffine, shift=1.0)(torch.ones(200, 1, 8, 8), seeded())
    assert shifted.min() == -1.0 and shifted.max() <= 1.0 + 1e-6


@pytest.mark.parametrize("border", ["black", "reflect"])
def test_a_crop_is_a_window_of_the_padded_image(make, images, seeded, border):
    batch = images(2, count=400, height=6)
    cropped = make(RandomCrop, padding=2, border=border)(batch, seeded())
    mode = {"mode": "reflect"} if border == "reflect" else {"value": -1.0}
    padded = torch.nn.functional.pad(batch, [2] * 4, **mode)
    counts = torch.zeros(5, 5)
    for image, window in zip(padded, cropped, strict=True):
        places = [(y, x) for y in range(5) for x in range(5) if torch.equal(image[:, y : y + 6, x : x + 6], window)]
        assert len(places) == 1
        counts[places[0]] += 1
    assert counts.min() > 0 and counts.max() < 40


def test_a_border_that_cannot_be_reflected_is_an_error(make, images, seeded):
    with pytest.raises(ConfigError, match="cannot reflect 6 pixels of images of 6 by 8"):
        make(RandomCrop, padding=6, border="reflect")(images(height=6, width=8), seeded())
