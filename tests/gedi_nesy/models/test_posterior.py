"""Gaussians against torch.distributions and against their own samples."""

from __future__ import annotations

import torch
from torch.distributions import Independent, Normal, kl_divergence

from gedi_nesy.models.posterior import Gaussian, GaussianHead


def gaussian(seed, count=5, latents=3):
    generator = torch.Generator().manual_seed(seed)
    return Gaussian(*torch.randn(2, count, latents, generator=generator, dtype=torch.float64))


def reference(posterior):
    return Independent(Normal(posterior.mean, posterior.log_variance.exp().sqrt()), 1)


def test_kl_entropy_and_log_density_are_those_of_torch():
    one, other, latents = gaussian(0), gaussian(1), gaussian(2).mean
    torch.testing.assert_close(one.kl(other), kl_divergence(reference(one), reference(other)))
    torch.testing.assert_close(one.entropy(), reference(one).entropy())
    torch.testing.assert_close(one.log_density(latents), reference(one).log_prob(latents))
    torch.testing.assert_close(one.kl(one.standard()), kl_divergence(reference(one), reference(one.standard())))


def test_isotropic_gaussians_have_the_variance_that_is_asked_for():
    latents = gaussian(2).mean
    for made, variance in ((gaussian(0).standard(), 1.0), (Gaussian.isotropic(latents, 2.5), 2.5)):
        expected = Normal(0.0, variance**0.5).log_prob(latents).sum(dim=1)
        torch.testing.assert_close(made.log_density(latents), expected)


def test_samples_estimate_kl_and_entropy():
    one, other = gaussian(0, count=1), gaussian(1, count=1)
    copies = Gaussian(one.mean.expand(200_000, -1), one.log_variance.expand(200_000, -1))
    samples = copies.sample(torch.Generator().manual_seed(0))
    log_density = one.log_density(samples)
    assert abs(float(one.kl(other) - (log_density - other.log_density(samples)).mean())) < 0.05
    assert abs(float(one.entropy() + log_density.mean())) < 0.01
    assert (samples.mean(dim=0) - one.mean[0]).abs().max() < 0.02
    assert (samples.var(dim=0) - one.log_variance[0].exp()).abs().max() < 0.05


def test_kl_is_zero_exactly_for_equal_gaussians_and_positive_otherwise():
    one, other = gaussian(0), gaussian(1)
    assert one.kl(one).abs().max() == 0
    assert (one.kl(other) > 0).all() and not torch.allclose(one.kl(other), other.kl(one))


def test_sampling_repeats_with_its_generator_and_differs_without():
    one = gaussian(0)
    first, again, another = (one.sample(torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, another)


def test_gradients_of_a_sample_agree_with_finite_differences():
    one = gaussian(0)
    inputs = [one.mean.requires_grad_(), one.log_variance.requires_grad_()]
    assert torch.autograd.gradcheck(
        lambda *both: Gaussian(*both).sample(torch.Generator().manual_seed(1)).sin(), inputs
    )


def test_the_head_stays_in_float32_under_autocast():
    head, features = GaussianHead(4, 2), torch.ones(3, 4)
    with torch.autocast("cpu", torch.bfloat16):
        posterior = head(features)
    assert posterior.mean.dtype == posterior.log_variance.dtype == torch.float32


def test_mean_and_log_variance_are_linear_maps_of_their_own_with_biases_or_without():
    features = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    for bias in (True, False):
        head = GaussianHead(4, 2, bias=bias)
        posterior = head(features)
        for made, layer in ((posterior.mean, head.mean), (posterior.log_variance, head.log_variance)):
            assert (layer.bias is not None) is bias
            torch.testing.assert_close(made, features @ layer.weight.T + (layer.bias if bias else 0.0))
