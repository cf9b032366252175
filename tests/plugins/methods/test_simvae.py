"""The terms of SimVAE against its equations written as loops, its limits, and its gradients."""

from __future__ import annotations

import math

import pytest
import torch
from gedi_nesy_plugins.methods.simvae import SimVae, similarity
from gedi_nesy_plugins.methods.vae import Vae

from gedi_nesy import Batch
from gedi_nesy.methods import capabilities
from gedi_nesy.testing import SHAPE, check_method, make_batch, make_method

ALL = frozenset(SimVae.TERMS)


def views(num_views, num_images=3, seed=0):
    images = torch.rand(num_views, num_images, *SHAPE, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return Batch(images)


def losses(method, batch, seed=5):
    """Terms with the noise of a seed."""
    method.generator.manual_seed(seed)
    return {name: term.detach() for name, term in method.losses(batch, ALL).terms.items()}


VARIANCE, PIXEL_VARIANCE = 0.15, math.exp(-4.6)


@torch.no_grad()
def literal(method, batch, seed=5):
    """Equations 5 and 6 view by view and dimension by dimension, over J."""
    num_views, num_images = batch.images.shape[:2]
    noise = torch.randn(num_views * num_images, 10, generator=torch.Generator().manual_seed(seed))
    sums = dict.fromkeys(ALL, 0.0)
    for image in range(num_images):
        latents = []
        for view in range(num_views):
            pixels = batch.images[view, image]
            posterior = method.posterior(pixels[None])
            mean, log_variance = posterior.mean[0], posterior.log_variance[0]
            latents.append(mean + (log_variance / 2).exp() * noise[view * num_images + image])
            decoded = method.decode(latents[-1][None])[0]
            for x, mu in zip((pixels.flatten() + 1) / 2, (decoded.flatten() + 1) / 2, strict=True):
                sums["reconstruction"] += 0.5 * (
                    (x - mu) ** 2 / PIXEL_VARIANCE + math.log(2 * math.pi * PIXEL_VARIANCE)
                )
            for one in log_variance:
                sums["entropy"] -= 0.5 * (math.log(2 * math.pi * math.e) + one)
        centre = sum(latents) / num_views
        for latent in latents:
            sums["similarity"] += ((latent - centre) ** 2).sum() / (2 * VARIANCE)
        sums["prior"] += (centre**2).sum() / 2
    return {name: torch.as_tensor(value) / (num_views * num_images) for name, value in sums.items()}


def test_the_contract_holds():
    check_method(SimVae, latents=3)


@pytest.mark.parametrize("num_views", [1, 2, 5])
def test_terms_are_the_equations_written_out(num_views):
    method, batch = make_method(SimVae), views(num_views)
    got, expected = losses(method, batch), literal(method, batch)
    for name in ALL:
        torch.testing.assert_close(got[name], expected[name], rtol=1e-4, atol=1e-4)


def test_with_one_view_the_prior_vanishes_and_the_rest_is_a_vae_without_kl():
    batch = views(1)
    terms = losses(make_method(SimVae), batch)
    vae = make_method(Vae, {"reconstruction"})
    vae.generator.manual_seed(5)
    assert float(terms["similarity"]) == 0
    torch.testing.assert_close(
        terms["reconstruction"], vae.losses(batch, frozenset({"reconstruction"})).terms["reconstruction"].detach()
    )


def test_with_one_view_and_the_centres_prior_the_objective_estimates_the_elbo():
    """entropy + prior is the KL divergence from N(0, I) less the prior's constant, in expectation over the noise."""
    method, image = make_method(SimVae, latents=2), views(1, 1).images
    terms = losses(method, Batch(image.expand(1, 50_000, -1, -1, -1)))
    posterior = method.posterior(image[0])
    kl = float(posterior.kl(posterior.standard()).detach())
    assert float(terms["entropy"] + terms["prior"]) + math.log(2 * math.pi) == pytest.approx(kl, abs=0.03)


def test_similarity_is_the_integral_over_the_centre():
    """Equation 6: a uniform centre integrated out numerically changes with the latents as similarity says."""

    def log_integral(latents):
        centres = torch.linspace(-20, 20, 200_001, dtype=torch.float64)
        log_joint = (-((latents[:, None] - centres) ** 2) / (2 * 0.15)).sum(dim=0)
        return log_joint.logsumexp(dim=0)

    one, other = torch.tensor([[0.3, -0.2, 0.9], [0.1, 0.1, 0.4]], dtype=torch.float64)
    difference = 3 * (similarity(one[:, None, None], 0.15) - similarity(other[:, None, None], 0.15))
    torch.testing.assert_close(log_integral(other) - log_integral(one), difference)


def test_similarity_does_not_see_the_order_of_views_nor_a_common_shift():
    sets = torch.randn(4, 3, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(similarity(sets, 0.15), similarity(sets.flip(0), 0.15))
    torch.testing.assert_close(similarity(sets, 0.15), similarity(sets + 7.0, 0.15), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(similarity(sets, 0.3), similarity(sets, 0.15) / 2)
    assert float(similarity(sets[:1].expand(4, -1, -1), 0.15)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("term", sorted(ALL))
def test_gradients_agree_with_finite_differences_under_the_same_noise(term):
    method, batch = make_method(SimVae).double(), Batch(views(3).images.double())
    weight, step = method.posterior_head.log_variance.weight, 1e-6
    method.generator.manual_seed(5)
    method.losses(batch, ALL).terms[term].backward()
    gradient = float(weight.grad[2, 1])
    with torch.no_grad():
        weight[2, 1] += step
        up = losses(method, batch)[term]
        weight[2, 1] -= 2 * step
        down = losses(method, batch)[term]
    assert abs(float((up - down) / (2 * step)) - gradient) < 1e-6 * max(1, abs(gradient))
    assert gradient != 0


def test_known_minima_leave_out_the_entropy():
    minima = {name: term.known_minimum for name, term in make_method(SimVae).terms().items()}
    perfect = 64 / 2 * (math.log(2 * math.pi) - 4.6)
    assert minima == {"reconstruction": pytest.approx(perfect), "entropy": None, "similarity": 0.0, "prior": 0.0}


def test_only_a_prior_of_the_centres_can_be_sampled_from():
    assert "sample" in capabilities(make_method(SimVae))
    assert "sample" not in capabilities(make_method(SimVae, {"reconstruction", "entropy", "similarity"}))


def test_the_embedding_of_a_step_is_the_mean_of_the_first_view():
    method, batch = make_method(SimVae), make_batch()
    torch.testing.assert_close(method.losses(batch, ALL).embeddings, method.embed(batch.images[0]))


def test_the_prior_of_a_view_is_wider_than_that_of_its_centre():
    method, latents = make_method(SimVae, latents=3, prior_variance=0.5), torch.randn(7, 3)
    expected = torch.distributions.Normal(0.0, math.sqrt(1.5)).log_prob(latents).sum(dim=1)
    torch.testing.assert_close(method.log_prior(latents), expected)
    images = make_batch().images[0]
    likelihood = method.log_likelihood(images, latents[: len(images)])
    means = (method.decode(latents[: len(images)]) + 1) / 2
    expected = torch.distributions.Normal(means, math.exp(-2.3)).log_prob((images + 1) / 2)
    torch.testing.assert_close(likelihood, expected.flatten(1).sum(dim=1))
    assert "log_prior" not in capabilities(make_method(SimVae, {"reconstruction", "entropy", "similarity"}))
