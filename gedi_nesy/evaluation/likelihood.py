"""log p(x) of latent variable models, by importance weighting."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ..data.dataset import to_unit_range
from ..evaluators import CHUNK
from ..models.posterior import LOG_2_PI, Gaussian, Latents

Pixels = UInt8[Tensor, "images channels height width"]
LogPrior = Callable[[Latents], Float[Tensor, " batch"]]
# Share of the largest variance that a fitted covariance has at least in each direction.
FLOOR = 1e-6


@dataclass(frozen=True)
class Bounds:
    """Of each image, in nats.

    Attributes:
        log_evidence: log of the mean importance weight; below log p(x) in expectation, and nearer with more samples.
        elbo: mean of the log-weights, the bound that training maximises.
        effective_samples: (sum of the weights)^2 / sum of their squares; near 1, a single sample decides and the bound is loose.
    """

    log_evidence: Float[Tensor, " images"]
    elbo: Float[Tensor, " images"]
    effective_samples: Float[Tensor, " images"]


@torch.no_grad()
def importance_bounds(
    method: Any, log_prior: LogPrior, pixels: Pixels, num_samples: int, generator: torch.Generator
) -> Bounds:
    """log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x) with K draws z_k of the method's posterior q(z|x).

    Works image by image in chunks of 500 draws, sums in float64 and in logs, so that neither K nor the images fill the memory.

    Source: Burda, Grosse and Salakhutdinov 2016, Importance Weighted Autoencoders, eqs. 7 and 8.
    """
    found = []
    for chunk in torch.split(pixels, max(CHUNK // num_samples, 1)):
        weights = torch.cat(list(_log_weights(method, log_prior, chunk, num_samples, generator)))
        log_evidence = weights.logsumexp(dim=0) - math.log(num_samples)
        effective = (2 * weights.logsumexp(dim=0) - (2 * weights).logsumexp(dim=0)).exp()
        found.append((log_evidence, weights.mean(dim=0), effective))
    return Bounds(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def _log_weights(
    method: Any, log_prior: LogPrior, pixels: Pixels, num_samples: int, generator: torch.Generator
) -> Iterator[Float[Tensor, "samples images"]]:
    """Log-weights of all draws for a few images, in blocks of at most 500 rows of a network's input."""
    images = to_unit_range(pixels)
    posterior = method.posterior(images)
    block = max(CHUNK // len(images), 1)
    for start in range(0, num_samples, block):
        times = min(block, num_samples - start)
        repeated = Gaussian(posterior.mean.repeat(times, 1), posterior.log_variance.repeat(times, 1))
        latents = repeated.sample(generator)
        likelihood = method.log_likelihood(images.repeat(times, 1, 1, 1), latents).double()
        ratio = log_prior(latents).double() - repeated.log_density(latents).double()
        yield (likelihood + ratio).view(times, len(images))


@dataclass(frozen=True)
class FullGaussian:
    """N(mean, covariance) over latents, in float64.

    Attributes:
        root: the symmetric square root of the covariance.
    """

    mean: Float[Tensor, " latents"]
    covariance: Float[Tensor, "latents latents"]

    @property
    def root(self) -> Float[Tensor, "latents latents"]:
        variances, directions = self._spectrum()
        return (directions * variances.sqrt()) @ directions.T

    def log_density(self, latents: Latents) -> Float[Tensor, " batch"]:
        """log N(latents; mean, covariance), normalised."""
        variances, directions = self._spectrum()
        along = (latents.double() - self.mean) @ directions
        return -0.5 * (LOG_2_PI + variances.log() + along.square() / variances).sum(dim=1)

    def sample(self, count: int, generator: torch.Generator) -> Latents:
        """Draws in float32."""
        noise = torch.randn(count, len(self.mean), generator=generator, device=self.mean.device, dtype=self.mean.dtype)
        return (self.mean + noise @ self.root).float()

    def _spectrum(self) -> tuple[Tensor, Tensor]:
        """Variances along principal directions, none of them 0: constant latents still have a density."""
        variances, directions = torch.linalg.eigh(self.covariance)
        floor = FLOOR * float(variances[-1]) or FLOOR
        return variances.clamp(min=floor), directions


def fit_gaussian(
    latents: Float[Tensor, "images latents"], variances: Float[Tensor, "images latents"] | None = None
) -> FullGaussian:
    """The Gaussian with the latents' mean and covariance (over n); of a mixture of Gaussians if they have variances."""
    latents = latents.double()
    mean = latents.mean(dim=0)
    centred = latents - mean
    covariance = centred.T @ centred / len(latents)
    if variances is not None:
        covariance = covariance + variances.double().mean(dim=0).diag()
    return FullGaussian(mean, covariance)
