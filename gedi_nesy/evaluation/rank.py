"""How many directions an embedding uses."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

# A direction below this share of the largest one is rounding.
NEGLIGIBLE = 1e-6


def spectrum(features: Float[Tensor, "images features"]) -> Float[Tensor, " features"]:
    """Standard deviation of the features along each principal direction, largest first, in float64."""
    centred = features.double() - features.double().mean(dim=0)
    covariance = centred.T @ centred / len(features)
    deviations = torch.linalg.eigvalsh(covariance).clamp(min=0).sqrt().flip(0)
    # A constant embedding has rounding errors of its mean for a spectrum.
    floor = NEGLIGIBLE * max(float(deviations[0]), float(features.double().square().mean().sqrt()))
    return torch.where(deviations > floor, deviations, 0.0)


def effective_rank(deviations: Float[Tensor, " features"]) -> float:
    """exp of the entropy of the singular values' shares: 1 for a line, the dimension for a sphere, 0 for a point.

    Source: Roy and Vetterli 2007, The effective rank; RankMe (Garrido et al. 2023) is the same without centring.
    """
    total = deviations.sum()
    if total == 0:
        return 0.0
    shares = deviations / total
    return float(torch.special.entr(shares).sum().exp())


def mean_cosine(features: Float[Tensor, "images features"]) -> float:
    """Mean cosine of the angle between the features of two different images; an image at the origin counts as 0."""
    directions = torch.nn.functional.normalize(features.double(), dim=1)
    count = len(directions)
    own = directions.square().sum()
    return float((directions.sum(dim=0).square().sum() - own) / (count * (count - 1))) if count > 1 else 1.0
