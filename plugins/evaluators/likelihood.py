"""Negative log-likelihood of images under a latent variable model."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from gedi_nesy import DivergenceError, Evaluation, Evaluator, Method, Options, Task
from gedi_nesy.data.dataset import to_unit_range
from gedi_nesy.evaluation.likelihood import Bounds, LogPrior, fit_gaussian, importance_bounds
from gedi_nesy.evaluators import CHUNK
from gedi_nesy.methods import capabilities

Prior = Literal["method", "fitted"]
PRIORS: dict[Prior, str] = {
    "method": "the method's own p(z)",
    "fitted": "p(z) a Gaussian of full covariance with the mean and covariance of q(z|x) over the {images} training images",
}


class Likelihood(Evaluator):
    """-log p(x) of test images by importance weighting: -log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x), z_k from q(z|x).

    Every constant counts: p(x|z) is a normalised density over pixels in [0, 1] (not quantised, so the number can be negative), p(z)
    and q(z|x) are normalised too. The estimate is from above in expectation; `effective_samples` says how many of the K draws decide.
    Protocol: SimVAE 2023 table 8, 1,000 samples. The paper states neither images nor constants, and its code has no such evaluation:
    its values are 7.27 nats a pixel on FashionMNIST and CIFAR-10 alike, where its Gaussian of variance 1 has 0.92 plus half the squared
    error. They are not on our scale, and only differences between methods can be compared.
    The prior is the method's own where it has one (a SimVAE with a uniform prior of the centres has none), else one fitted to training
    images, which is another model and a number under another name.
    A Bernoulli likelihood of grey values is no density, so such methods have no log_likelihood.
    Chance: the draws, and which images where `max_images` leaves some out, from the run's seed.
    """

    REQUIRES = ("posterior", "log_likelihood")

    class Options(Options):
        samples: Annotated[int, Field(gt=0)] = 1000
        """K, draws of q(z|x) for each image."""
        max_images: Annotated[int, Field(gt=0)] = 1000
        """Test images at most; the decoder runs `samples` times for each."""
        priors: Annotated[tuple[Prior, ...], Field(min_length=1)] | None = None
        """The method's own by default, and `fitted` only if it has none."""

    options: Options

    def needs(self) -> tuple[str, ...]:
        """A prior of the method's own where the options name it."""
        return (*self.REQUIRES, *(["log_prior"] if "method" in (self.options.priors or ()) else []))

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """The bound, the ELBO and the effective samples for each prior."""
        pixels = task.dataset.test.pixels
        order = torch.randperm(len(pixels), generator=self.context.generator("likelihood"))
        pixels = pixels[order[: self.options.max_images].to(pixels.device)]
        numbers: dict[str, float] = {}
        definitions: dict[str, str] = {}
        for prior in self._priors(method):
            chance = self.context.generator("likelihood draws", pixels.device)
            found = importance_bounds(method, _log_prior(prior, method, task), pixels, self.options.samples, chance)
            suffix = "" if prior == "method" else "_fitted_prior"
            how = (
                f"{len(pixels)} test images, {self.options.samples} draws each, "
                f"{PRIORS[prior].format(images=len(task.dataset.train))}"
            )
            numbers |= {name + suffix: value for name, value in _numbers(found, pixels[0].numel()).items()}
            definitions |= {name + suffix: text.format(how=how) for name, text in MEANING.items()}
        return Evaluation(numbers, definitions)

    def _priors(self, method: Method) -> tuple[Prior, ...]:
        own: Prior = "method" if "log_prior" in capabilities(method) else "fitted"
        return self.options.priors or (own,)


MEANING = {
    "negative_log_likelihood": "-log p(x) in nats by importance weighting, a density over pixels in [0, 1], mean over {how}",
    "negative_log_likelihood_error": "standard error of that mean over {how}",
    "nats_per_pixel": "the same over the number of pixels and channels, {how}",
    "negative_elbo": "mean of the negative log-weights in nats, {how}",
    "effective_samples": "(sum of the weights)^2 / sum of their squares, mean over {how}",
}


def _numbers(found: Bounds, num_pixels: int) -> dict[str, float]:
    nll, elbo = -found.log_evidence, -found.elbo
    if not torch.isfinite(nll).all():
        raise DivergenceError("the log-likelihood is not finite: the method's weights are damaged or diverged")
    return {
        "negative_log_likelihood": float(nll.mean()),
        "negative_log_likelihood_error": float(nll.std(correction=0)) / math.sqrt(len(nll)),
        "nats_per_pixel": float(nll.mean()) / num_pixels,
        "negative_elbo": float(elbo.mean()),
        "effective_samples": float(found.effective_samples.mean()),
    }


def _log_prior(prior: Prior, method: Any, task: Task) -> LogPrior:
    if prior == "method":
        own: LogPrior = method.log_prior
        return own
    posteriors = [method.posterior(to_unit_range(chunk)) for chunk in torch.split(task.dataset.train.pixels, CHUNK)]
    means, log_variances = (
        torch.cat([getattr(posterior, name) for posterior in posteriors]) for name in ("mean", "log_variance")
    )
    return fit_gaussian(means, log_variances.exp()).log_density
