"""Negative log-likelihoods against a model whose log p(x) is known in closed form."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.evaluators.likelihood import Likelihood

from gedi_nesy import DivergenceError
from gedi_nesy.evaluation.likelihood import fit_gaussian


def evaluate(method, task, **options):
    evaluator = Likelihood(Likelihood.Options(**({"samples": 200} | options)))
    evaluator.check(method, task)
    return evaluator.evaluate(method, task)


def exact(method, task):
    unit = task.dataset.test.pixels.double().flatten(1) / 255
    return float(-method.marginal().log_prob(unit).mean())


@pytest.mark.parametrize("samples", [3, 501])  # more than 500 are drawn in two blocks
def test_an_exact_posterior_gives_the_exact_likelihood_whatever_is_drawn(linear_gaussian, forty, samples):
    method = linear_gaussian()
    method.weight[:, 1] = torch.tensor([0.0, 0.0, 0.0, 0.1])  # orthogonal columns: the posterior is diagonal
    found = evaluate(method, forty, samples=samples)
    assert found.numbers["negative_log_likelihood"] == pytest.approx(exact(method, forty), abs=1e-3)
    assert found.numbers["negative_elbo"] == pytest.approx(exact(method, forty), abs=1e-3)
    assert found.numbers["effective_samples"] == pytest.approx(samples, rel=1e-3)
    assert found.numbers["nats_per_pixel"] == pytest.approx(exact(method, forty) / 4, abs=1e-3)
    assert set(found.definitions) == set(found.numbers)
    assert f"{samples} draws each, the method's own p(z)" in found.definitions["negative_log_likelihood"]


def test_a_poor_posterior_is_made_up_for_by_more_samples(linear_gaussian, forty):
    method = linear_gaussian(widen=2.0, shift=0.5)
    true = exact(method, forty)
    few, many = (evaluate(method, forty, samples=samples).numbers for samples in (2, 2000))
    assert many["negative_log_likelihood"] == pytest.approx(true, abs=0.05)
    assert few["negative_log_likelihood"] > many["negative_log_likelihood"]
    assert few["negative_elbo"] > many["negative_log_likelihood"] + 0.1
    assert 1 <= many["effective_samples"] < 2000


def test_a_fitted_prior_is_the_moments_of_the_training_posteriors(linear_gaussian, forty):
    method = linear_gaussian()
    method.weight[:, 1] = torch.tensor([0.0, 0.0, 0.0, 0.1])
    found = evaluate(method, forty, priors=("method", "fitted"), samples=4000).numbers
    means = method.posterior(forty.dataset.train.pixels.float() / 127.5 - 1)
    prior_covariance = torch.cov(means.mean.double().T, correction=0) + means.log_variance.double().exp()[0].diag()
    covariance = method.weight @ prior_covariance @ method.weight.T + method.variance * torch.eye(4)
    centre = 0.5 + means.mean.double().mean(dim=0) @ method.weight.T
    unit = forty.dataset.test.pixels.double().flatten(1) / 255
    true = -torch.distributions.MultivariateNormal(centre, covariance).log_prob(unit).mean()
    assert found["negative_log_likelihood_fitted_prior"] == pytest.approx(float(true), abs=0.02)
    assert found["negative_log_likelihood_fitted_prior"] < found["negative_log_likelihood"]


def test_a_method_without_a_prior_gets_the_fitted_one_under_its_own_name(linear_gaussian, forty):
    method = linear_gaussian()
    method.lacks = frozenset({"log_prior"})
    found = evaluate(method, forty)
    assert set(found.numbers) == {
        f"{name}_fitted_prior"
        for name in (
            "negative_log_likelihood",
            "negative_log_likelihood_error",
            "nats_per_pixel",
            "negative_elbo",
            "effective_samples",
        )
    }


@pytest.mark.parametrize(("priors", "more"), [(None, ()), (["fitted"], ()), (["fitted", "method"], ("log_prior",))])
def test_the_prior_of_the_method_is_needed_where_the_options_name_it(priors, more):
    needs = Likelihood(Likelihood.Options(priors=priors and tuple(priors))).needs()
    assert needs == ("posterior", "log_likelihood", *more)


def test_some_images_are_the_same_at_every_evaluation(linear_gaussian, forty):
    first, second = (evaluate(linear_gaussian(), forty, max_images=5) for _ in range(2))
    assert first.numbers == second.numbers
    assert "mean over 5 test images" in first.definitions["negative_log_likelihood"]


def test_a_damaged_method_is_no_number(linear_gaussian, forty):
    method = linear_gaussian()
    method.log_likelihood = lambda images, latents: torch.full((len(latents),), torch.nan)
    with pytest.raises(DivergenceError, match="log-likelihood is not finite"):
        evaluate(method, forty)


def test_a_fitted_gaussian_is_that_of_torch_however_flat():
    """Deviations of 1 and 0.01 along oblique axes; over n, so that few latents tell."""
    generator = torch.Generator().manual_seed(0)
    rotation, _ = torch.linalg.qr(torch.randn(3, 3, generator=generator).double())
    latents = torch.randn(20, 3, generator=generator).double() * torch.tensor([1.0, 0.01, 0.2]) @ rotation + 2
    fitted = fit_gaussian(latents)
    covariance = torch.cov(latents.T, correction=0)
    reference = torch.distributions.MultivariateNormal(latents.mean(dim=0), covariance)
    torch.testing.assert_close(fitted.log_density(latents), reference.log_prob(latents))
    torch.testing.assert_close(fitted.root @ fitted.root, covariance)
