"""Diagonal Gaussians over latents: what the encoder of a variational method gives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

LOG_2_PI = math.log(2 * math.pi)
Latents = Float[Tensor, "batch latents"]


@dataclass(frozen=True)
class Gaussian:
    """N(mean, diag(exp(log_variance))), one for each image; every number below is a sum over the latents, in nats.

    Example:
        >>> posterior = Gaussian(torch.zeros(1, 2), torch.zeros(1, 2))
        >>> posterior.kl(posterior.standard()).item()
        0.0
    """

    mean: Latents
    log_variance: Latents

    @classmethod
    def isotropic(cls, like: Latents, variance: float) -> Gaussian:
        """N(0, variance I), as many as there are latents."""
        return cls(torch.zeros_like(like), torch.full_like(like, math.log(variance)))

    def standard(self) -> Gaussian:
        """N(0, I) of the same size."""
        return Gaussian.isotropic(self.mean, 1.0)

    def sample(self, generator: torch.Generator) -> Latents:
        """One draw for each image, mean + standard deviation * noise, so that gradient flows into both.

        Source: the reparameterisation of Kingma and Welling 2014, section 2.4.
        """
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype)
        return self.mean + (self.log_variance / 2).exp() * noise

    def log_density(self, latents: Latents) -> Float[Tensor, " batch"]:
        """log N(latents; mean, variance), normalised."""
        squared = (latents - self.mean).square() / self.log_variance.exp()
        return -0.5 * (LOG_2_PI + self.log_variance + squared).sum(dim=1)

    def entropy(self) -> Float[Tensor, " batch"]:
        """H = 1/2 sum log(2 pi e variance)."""
        return 0.5 * (1 + LOG_2_PI + self.log_variance).sum(dim=1)

    def kl(self, other: Gaussian) -> Float[Tensor, " batch"]:
        """KL(self || other) in closed form; 0 exactly when the two are equal."""
        squared = (self.mean - other.mean).square() + self.log_variance.exp()
        terms = other.log_variance - self.log_variance + squared / other.log_variance.exp() - 1
        return 0.5 * terms.sum(dim=1)


class GaussianHead(nn.Module):
    """Two linear maps from features to the mean and the log-variance of q(z|x)."""

    def __init__(self, num_features: int, num_latents: int, bias: bool = True) -> None:
        super().__init__()
        self.mean = nn.Linear(num_features, num_latents, bias=bias)
        self.log_variance = nn.Linear(num_features, num_latents, bias=bias)

    def forward(self, features: Float[Tensor, "batch features"]) -> Gaussian:
        """q(z|x), at least in float32: exp of a half-precision log-variance is too coarse."""
        mean, log_variance = self.mean(features), self.log_variance(features)
        precision = torch.promote_types(mean.dtype, torch.float32)
        return Gaussian(mean.to(precision), log_variance.to(precision))
