"""The terms of VAE, beta-VAE and CR-VAE against torch.distributions, and their gradients against finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from gedi_nesy_plugins.methods.vae import Vae
from torch.distributions import Normal, kl_divergence

from gedi_nesy import Batch, ConfigError
from gedi_nesy.methods import MethodContext, capabilities
from gedi_nesy.testing import BATCH, NUM_CLASSES, SHAPE, TinyBackbone, check_method, make_batch, make_method

ALL = frozenset(Vae.TERMS)
BERNOULLI = {"kind": "bernoulli"}


def normal(posterior):
    return Normal(posterior.mean, posterior.log_variance.exp().sqrt())


def losses(method, batch, seed=5):
    """Terms with the noise of a seed."""
    method.generator.manual_seed(seed)
    return method.losses(batch, ALL).terms


@pytest.mark.parametrize("likelihood", [{}, BERNOULLI])
def test_the_contract_holds(likelihood):
    check_method(Vae, latents=3, likelihood=likelihood)


def test_kl_is_that_of_torch_over_all_views():
    method, batch = make_method(Vae), make_batch()
    posterior = normal(method.posterior(batch.images.flatten(0, 1)))
    expected = kl_divergence(posterior, Normal(torch.zeros(()), torch.ones(()))).sum(dim=1).mean()
    torch.testing.assert_close(losses(method, batch)["kl"], expected)


def test_reconstruction_is_the_expected_log_likelihood_under_the_same_noise():
    method, batch = make_method(Vae, likelihood={"variance": 0.5}), make_batch()
    images = batch.images.flatten(0, 1)
    posterior = method.posterior(images)
    noise = torch.randn(2 * BATCH, 10, generator=torch.Generator().manual_seed(5))
    means = method.decode(posterior.mean + posterior.log_variance.exp().sqrt() * noise)
    log_probs = Normal((means + 1) / 2, math.sqrt(0.5)).log_prob((images + 1) / 2)
    torch.testing.assert_close(losses(method, batch)["reconstruction"], -log_probs.flatten(1).sum(dim=1).mean())


def test_consistency_is_the_divergence_of_the_second_view_from_the_first():
    method, batch = make_method(Vae), make_batch()
    first, second = (normal(method.posterior(view)) for view in batch.images)
    torch.testing.assert_close(losses(method, batch)["consistency"], kl_divergence(second, first).sum(dim=1).mean())


def test_consistency_of_three_views_is_the_mean_over_the_later_two():
    method, (one, two) = make_method(Vae), make_batch().images
    three = losses(method, Batch(torch.stack([one, two, one])))["consistency"]
    torch.testing.assert_close(three, losses(method, Batch(torch.stack([one, two])))["consistency"] / 2)


@pytest.mark.parametrize("term", sorted(ALL))
def test_gradients_agree_with_finite_differences_under_the_same_noise(term):
    method, batch = make_method(Vae).double(), Batch(make_batch().images.double())
    for weight in (method.posterior_head.mean.weight, method.posterior_head.log_variance.weight):
        method.zero_grad()
        losses(method, batch)[term].backward()
        gradient, step = weight.grad[2, 1].clone(), 1e-6
        with torch.no_grad():
            weight[2, 1] += step
            up = losses(method, batch)[term]
            weight[2, 1] -= 2 * step
            down = losses(method, batch)[term]
            weight[2, 1] += step
        assert abs(float((up - down) / (2 * step)) - float(gradient)) < 1e-6 * max(1, abs(float(gradient)))
        assert gradient != 0


def test_the_bound_never_exceeds_the_likelihood():
    """-ELBO >= -log p(x), the latter by importance weighting with many samples of a two-dimensional posterior."""
    method = make_method(Vae, latents=2, likelihood=BERNOULLI).eval()
    image = make_batch().images[0, :1]
    copies = Batch(image.expand(1, 20_000, -1, -1, -1))
    with torch.no_grad():
        terms = losses(method, copies)
        posterior = method.posterior(image)
        latents = normal(posterior).sample((20_000,))[:, 0]
        unit = (image + 1) / 2
        log_joint = -torch.nn.functional.binary_cross_entropy_with_logits(
            method.decoder(latents), unit.expand(20_000, -1, -1, -1), reduction="none"
        ).flatten(1).sum(dim=1) + Normal(0.0, 1.0).log_prob(latents).sum(dim=1)
        log_likelihood = (log_joint - posterior.log_density(latents)).logsumexp(dim=0) - math.log(20_000)
    assert float(terms["reconstruction"] + terms["kl"]) > -float(log_likelihood) - 0.01


def test_known_minima_are_those_of_the_likelihood_and_of_equal_gaussians():
    minima = {name: term.known_minimum for name, term in make_method(Vae).terms().items()}
    gaussian = 64 / 2 * (math.log(2 * math.pi) - 4.6)
    assert minima == {"reconstruction": pytest.approx(gaussian), "kl": 0.0, "consistency": 0.0}
    assert make_method(Vae, likelihood=BERNOULLI).terms()["reconstruction"].known_minimum == 0.0


def test_without_kl_nothing_can_be_sampled():
    assert "sample" in capabilities(make_method(Vae))
    assert "sample" not in capabilities(make_method(Vae, {"reconstruction"}))


def test_consistency_with_a_single_view_is_refused():
    context = MethodContext(TinyBackbone(), SHAPE, NUM_CLASSES, frozenset({"consistency"}), 1, torch.Generator())
    with pytest.raises(ConfigError, match="consistency compares 2 views of an image: num_views is 1"):
        Vae(Vae.Options(), context)


def test_the_embedding_of_a_step_is_the_mean_of_the_first_view():
    method, batch = make_method(Vae), make_batch()
    torch.testing.assert_close(method.losses(batch, ALL).embeddings, method.embed(batch.images[0]))


def test_densities_are_those_of_pixels_between_0_and_1_and_of_a_standard_normal():
    method, images, latents = make_method(Vae, latents=3), make_batch().images[0], torch.randn(BATCH, 3)
    unit, means = (images + 1) / 2, (method.decode(latents) + 1) / 2
    expected = Normal(means, math.exp(-2.3)).log_prob(unit).flatten(1).sum(dim=1)
    torch.testing.assert_close(method.log_likelihood(images, latents), expected)
    torch.testing.assert_close(method.log_prior(latents), Normal(0.0, 1.0).log_prob(latents).sum(dim=1))


def test_a_bernoulli_likelihood_of_grey_values_is_no_density():
    offers = capabilities(make_method(Vae, likelihood=BERNOULLI))
    assert "log_likelihood" not in offers and {"decode", "log_prior", "sample"} <= set(offers)
    assert "log_prior" not in capabilities(make_method(Vae, {"reconstruction"}))
