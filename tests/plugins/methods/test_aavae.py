"""AAVAE's likelihood and divergence against torch.distributions, what it reconstructs, and its scale."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from gedi_nesy_plugins.methods.aavae import AaVae
from torch.distributions import Normal, kl_divergence

from gedi_nesy.methods import capabilities
from gedi_nesy.testing import BATCH, check_method, make_batch, make_method

ALL = frozenset(AaVae.TERMS)


def losses(method, batch, seed=5):
    """Terms with the noise of a seed."""
    method.generator.manual_seed(seed)
    return method.losses(batch, ALL).terms


@pytest.mark.parametrize("learn_scale", [False, True])
def test_the_contract_holds(learn_scale):
    check_method(AaVae, latents=3, learn_scale=learn_scale)


@pytest.mark.parametrize("log_scale", [0.0, -2.0, 1.0])
def test_reconstruction_is_the_normal_log_likelihood_of_the_original_with_its_normaliser(log_scale):
    method, batch = make_method(AaVae, log_scale=log_scale).eval(), make_batch()
    posterior = method.posterior(batch.images.flatten(0, 1))
    noise = torch.randn(2 * BATCH, 128, generator=torch.Generator().manual_seed(5))
    means = method.decoder(posterior.mean + posterior.log_variance.exp().sqrt() * noise)
    originals = torch.cat([batch.originals, batch.originals])
    log_probs = Normal(means, math.exp(log_scale / 2)).log_prob(originals)
    torch.testing.assert_close(losses(method, batch)["reconstruction"], -log_probs.flatten(1).sum(dim=1).mean())


def test_kl_is_that_of_torch():
    method, batch = make_method(AaVae).eval(), make_batch()
    posterior = method.posterior(batch.images.flatten(0, 1))
    normal = Normal(posterior.mean, posterior.log_variance.exp().sqrt())
    expected = kl_divergence(normal, Normal(torch.zeros(()), torch.ones(()))).sum(dim=1).mean()
    torch.testing.assert_close(losses(method, batch)["kl"], expected)


def test_the_target_is_the_original_and_not_the_view():
    method, batch = make_method(AaVae), make_batch()
    before = losses(method, batch)
    other = losses(method, replace(batch, originals=batch.originals.flip(0)))
    assert before["reconstruction"] != other["reconstruction"]
    torch.testing.assert_close(before["kl"], other["kl"])


def test_the_learned_scale_follows_the_finite_difference():
    method, batch = make_method(AaVae, learn_scale=True), make_batch()
    losses(method, batch)["reconstruction"].backward()
    gradient, step = float(method.log_scale.grad), 1e-2
    with torch.no_grad():
        method.log_scale += step
        up = losses(method, batch)["reconstruction"]
        method.log_scale -= 2 * step
        down = losses(method, batch)["reconstruction"]
    assert float((up - down) / (2 * step)) == pytest.approx(gradient, rel=1e-2)


def test_a_fixed_scale_is_saved_and_not_trained():
    method = make_method(AaVae, log_scale=-1.0)
    assert "log_scale" in method.state_dict()
    assert "log_scale" not in dict(method.named_parameters())


def test_known_minima_hold_for_a_fixed_scale_only():
    minima = {name: term.known_minimum for name, term in make_method(AaVae, log_scale=-1.0).terms().items()}
    assert minima == {"reconstruction": pytest.approx(32 * (math.log(2 * math.pi) - 1)), "kl": 0.0}
    learned = make_method(AaVae, learn_scale=True).terms()
    assert [term.known_minimum for term in learned.values()] == [None, None]


def test_without_kl_nothing_can_be_sampled():
    assert "sample" in capabilities(make_method(AaVae))
    assert "sample" not in capabilities(make_method(AaVae, {"reconstruction"}))


def test_the_embedding_is_the_backbones_output():
    method, images = make_method(AaVae), make_batch().images[0]
    torch.testing.assert_close(method.embed(images), method.backbone(images))


def test_the_likelihood_is_that_of_pixels_between_0_and_1():
    method, images = make_method(AaVae, latents=3, log_scale=-1.0).eval(), make_batch().images[0]
    latents = torch.randn(len(images), 3)
    means = (method.decoder(latents) + 1) / 2
    density = torch.distributions.Normal(means, math.exp(-0.5) / 2).log_prob((images + 1) / 2)
    torch.testing.assert_close(method.log_likelihood(images, latents), density.flatten(1).sum(dim=1))
    standard = torch.distributions.Normal(0.0, 1.0).log_prob(latents).sum(dim=1)
    torch.testing.assert_close(method.log_prior(latents), standard)


def test_decoded_pixels_are_clipped_and_those_in_range_as_the_decoder_gave_them():
    method = make_method(AaVae, latents=3).eval()
    latents = 100 * torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    outputs, decoded = method.decoder(latents), method.decode(latents)
    inside = outputs.abs() <= 1
    assert inside.any() and not inside.all()
    assert torch.equal(decoded[inside], outputs[inside]) and torch.equal(decoded[~inside], outputs[~inside].sign())


def test_a_linear_layer_batch_norm_and_relu_stand_between_features_and_posterior():
    method, images = make_method(AaVae), make_batch().images[0]
    layer = method.projection[0]
    rows = method.embed(images) @ layer.weight.T + layer.bias
    hidden = ((rows - rows.mean(dim=0)) / (rows.var(dim=0, unbiased=False) + 1e-5).sqrt()).clamp(min=0)
    torch.testing.assert_close(method.posterior(images).mean, hidden @ method.posterior_head.mean.weight.T)
