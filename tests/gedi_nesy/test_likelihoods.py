"""Likelihoods against torch.distributions and against a loop over pixels."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal

from gedi_nesy.likelihoods import LikelihoodOptions, decoded_images, gaussian_nll, negative_log_likelihood

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.rand(3, 2, 4, 5, generator=GENERATOR) * 2 - 1
OUTPUTS = torch.randn(3, 2, 4, 5, generator=GENERATOR)


def total(log_probs):
    return -log_probs.flatten(1).sum(dim=1)


@pytest.mark.parametrize("variance", [None, 0.3, 1.0])
def test_gaussian_is_a_normal_around_the_sigmoid_with_its_normaliser(variance):
    std = math.sqrt(math.exp(-4.6) if variance is None else variance)
    expected = total(Normal(OUTPUTS.sigmoid(), std).log_prob((IMAGES + 1) / 2))
    got = negative_log_likelihood(IMAGES, OUTPUTS, LikelihoodOptions(variance=variance))
    torch.testing.assert_close(got, expected)


def test_bernoulli_takes_outputs_as_logits():
    binary = IMAGES.sign()
    expected = total(Bernoulli(logits=OUTPUTS).log_prob((binary + 1) / 2))
    torch.testing.assert_close(negative_log_likelihood(binary, OUTPUTS, LikelihoodOptions(kind="bernoulli")), expected)


def test_bernoulli_of_grey_pixels_is_the_cross_entropy_pixel_by_pixel():
    got = negative_log_likelihood(IMAGES, OUTPUTS, LikelihoodOptions(kind="bernoulli"))
    for row in range(3):
        pairs = zip((IMAGES[row].flatten() + 1) / 2, OUTPUTS[row].sigmoid().flatten(), strict=True)
        literal = -sum(x * p.log() + (1 - x) * (1 - p).log() for x, p in pairs)
        torch.testing.assert_close(got[row], literal)


def test_gaussian_nll_on_the_other_pixel_range_differs_by_ln_2_a_pixel():
    unit, means = (IMAGES + 1) / 2, OUTPUTS.sigmoid()
    wide = gaussian_nll(IMAGES, means * 2 - 1, math.log(4 * 0.01))
    torch.testing.assert_close(wide, gaussian_nll(unit, means, math.log(0.01)) + 40 * math.log(2))


@pytest.mark.parametrize("options", [LikelihoodOptions(), LikelihoodOptions(variance=2.0)])
def test_the_gaussian_minimum_is_reached_by_a_perfect_reconstruction_only(options):
    perfect = ((IMAGES + 1) / 2).logit()
    torch.testing.assert_close(
        negative_log_likelihood(IMAGES, perfect, options), torch.full((3,), options.minimum(40)), rtol=1e-4, atol=1e-4
    )
    assert (negative_log_likelihood(IMAGES, OUTPUTS, options) > options.minimum(40)).all()


def test_the_bernoulli_minimum_is_reached_on_binary_images_only():
    options, sure = LikelihoodOptions(kind="bernoulli"), IMAGES.sign() * 50
    assert negative_log_likelihood(IMAGES.sign(), sure, options).abs().max() < 1e-6 == options.minimum(40) + 1e-6
    assert (negative_log_likelihood(IMAGES, ((IMAGES + 1) / 2).logit(), options) > 1).all()


@pytest.mark.parametrize("kind", ["bernoulli", "gaussian"])
def test_pixels_out_of_range_are_clipped(kind):
    outputs, options = torch.ones(1, 1, 1, 2), LikelihoodOptions(kind=kind)
    outside, edge = (torch.tensor(pixels).view(1, 1, 1, 2) for pixels in ([-3.0, 3.0], [-1.0, 1.0]))
    torch.testing.assert_close(
        negative_log_likelihood(outside, outputs, options), negative_log_likelihood(edge, outputs, options)
    )


def test_decoded_images_are_the_mean_in_the_images_range():
    logits = torch.tensor([-50.0, math.log(1 / 3), 0.0, 50.0])  # means of 0, 1/4, 1/2 and 1 in the unit range
    images = decoded_images(logits.view(1, 1, 1, 4))
    torch.testing.assert_close(images.flatten(), torch.tensor([-1.0, -0.5, 0.0, 1.0]))


def test_half_precision_outputs_are_summed_in_float32():
    nll = negative_log_likelihood(IMAGES, OUTPUTS.bfloat16(), LikelihoodOptions())
    assert nll.dtype == torch.float32


def test_a_variance_for_bernoulli_is_refused():
    with pytest.raises(ValueError, match="variance has no effect on a bernoulli likelihood"):
        LikelihoodOptions(kind="bernoulli", variance=0.1)
