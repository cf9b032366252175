"""First-party views: against torchvision where it has the transform, and what every view must keep."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.views.colour import ColorJitter, Grayscale, luma
from gedi_nesy_plugins.views.geometry import HorizontalFlip, RandomAffine, RandomCrop
from gedi_nesy_plugins.views.noise import GaussianNoise

from gedi_nesy.plugin_manager import load_plugins

REQUIRED = {"gaussian_noise": {"std": 0.1}}


def images(channels=3, count=40, size=12):
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("entry", load_plugins().registry.entries("view"), ids=lambda entry: entry.name)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_view_keeps_shape_and_input_and_obeys_its_generator(entry, channels):
    kind = entry.load()
    view, batch = kind(kind.Options(**REQUIRED.get(entry.name, {}))), images(channels)
    before = batch.clone()
    once, again = view(batch, generator(3)), view(batch, generator(3))
    assert once.shape == batch.shape and torch.isfinite(once).all()
    assert torch.equal(batch, before) and torch.equal(once, again)


def test_affine_at_its_limits_agrees_with_torchvision():
    from torchvision.transforms.v2.functional import InterpolationMode, affine

    batch = images(1, count=1, size=21)
    view = RandomAffine(RandomAffine.Options(rotation=30.0, scale=0.2))
    moved = view(batch, generator(4))
    draws = torch.rand(2, generator=generator(4))
    angle, scale = float(draws[0]) * 60 - 30, float(draws[1]) * 0.4 + 0.8
    reference = (
        affine(
            batch + 1,
            angle=angle,
            translate=[0, 0],
            scale=scale,
            shear=[0, 0],
            interpolation=InterpolationMode.BILINEAR,
        )
        - 1
    )
    # Our matrix maps output to input, so it turns the other way; compare with either sign.
    turned = (
        affine(
            batch + 1,
            angle=-angle,
            translate=[0, 0],
            scale=scale,
            shear=[0, 0],
            interpolation=InterpolationMode.BILINEAR,
        )
        - 1
    )
    error = min(float((moved - reference).abs().max()), float((moved - turned).abs().max()))
    assert error < 1e-4


def test_affine_without_limits_is_the_identity_and_shift_fills_with_black():
    batch = images(1)
    torch.testing.assert_close(RandomAffine(RandomAffine.Options())(batch, generator()), batch)
    shifted = RandomAffine(RandomAffine.Options(shift=1.0))(torch.ones(200, 1, 8, 8), generator())
    assert shifted.min() == -1.0 and shifted.max() <= 1.0 + 1e-6


def test_a_crop_is_a_window_of_the_padded_image():
    batch = images(2, count=30, size=6)
    cropped = RandomCrop(RandomCrop.Options(padding=2))(batch, generator())
    padded = torch.nn.functional.pad(batch, [2] * 4, value=-1.0)
    seen = set()
    for image, window in zip(padded, cropped, strict=True):
        places = [(y, x) for y in range(5) for x in range(5) if torch.equal(image[:, y : y + 6, x : x + 6], window)]
        assert len(places) == 1
        seen.add(places[0])
    assert len(seen) > 10


def test_flip_happens_with_its_probability():
    batch = images(1, count=2000, size=4)
    flipped = HorizontalFlip(HorizontalFlip.Options(probability=0.3))(batch, generator())
    is_flipped = (flipped == batch.flip(-1)).flatten(1).all(dim=1)
    assert (is_flipped | (flipped == batch).flatten(1).all(dim=1)).all()
    assert 0.25 < is_flipped.float().mean() < 0.35


def test_grayscale_is_torchvisions_luma():
    from torchvision.transforms.v2.functional import rgb_to_grayscale

    batch = images(3)
    gray = Grayscale(Grayscale.Options(probability=1.0))(batch, generator())
    reference = rgb_to_grayscale((batch + 1) / 2, num_output_channels=3) * 2 - 1
    torch.testing.assert_close(gray, reference, atol=2e-3, rtol=0)
    assert torch.equal(luma(images(1)), images(1))


def test_jitter_agrees_with_torchvisions_functions_in_order():
    from torchvision.transforms.v2.functional import adjust_brightness, adjust_contrast, adjust_saturation

    batch = images(3, count=1)
    view = ColorJitter(ColorJitter.Options(probability=1.0))
    jittered, draws = view(batch, generator(2)), torch.rand(4, generator=generator(2))
    brightness, contrast, saturation = (float(draw) * 0.8 + 0.6 for draw in draws[1:])
    unit = adjust_saturation(adjust_contrast(adjust_brightness((batch + 1) / 2, brightness), contrast), saturation)
    torch.testing.assert_close((jittered + 1) / 2, unit, atol=2e-3, rtol=0)


def test_jitter_and_grayscale_leave_the_others_alone():
    batch = images(3, count=1000, size=2)
    for view in (ColorJitter(ColorJitter.Options(probability=0.1)), Grayscale(Grayscale.Options(probability=0.1))):
        changed = (view(batch, generator()) != batch).flatten(1).any(dim=1).float().mean()
        assert 0.06 < changed < 0.14


def test_noise_has_its_deviation():
    noisy = GaussianNoise(GaussianNoise.Options(std=0.2))(torch.zeros(100, 1, 20, 20), generator())
    assert abs(float(noisy.std()) - 0.2) < 0.005 and abs(float(noisy.mean())) < 0.005
