"""The Fréchet distance between two sets of features, as if both were Gaussian."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ..errors import DataError, DivergenceError

Pixels = UInt8[Tensor, "images channels height width"]


@dataclass(frozen=True)
class Moments:
    """Mean and covariance (over n - 1, as numpy.cov and the published FID) of features, in float64."""

    mean: Float[Tensor, " features"]
    covariance: Float[Tensor, "features features"]


def moments(features: Callable[[Pixels], Float[Tensor, "images features"]], chunks: Iterable[Pixels]) -> Moments:
    """Of any number of images, of which only a chunk is ever in memory.

    Args:
        features: of a chunk of images.

    Raises:
        DataError: there are fewer than two images.
        DivergenceError: the features are not finite.
    """
    count, total, products = 0, torch.zeros(()), torch.zeros(())
    shift = None
    for chunk in chunks:
        found = features(chunk).double()
        # Sums of squares of features far from 0 lose their digits: take one of them off.
        shift = found[0] if shift is None else shift
        found = found - shift
        count, total, products = count + len(found), total + found.sum(dim=0), products + found.T @ found
    if count < 2 or shift is None:
        raise DataError(f"{count} images have no covariance: give at least 2", key="evaluators")
    mean = total / count
    covariance = (products - count * torch.outer(mean, mean)) / (count - 1)
    if not torch.isfinite(covariance).all():
        raise DivergenceError("features of the images are not finite")
    return Moments(mean + shift, covariance)


def frechet_distance(first: Moments, second: Moments) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)); the squared 2-Wasserstein distance of the two Gaussians.

    The trace of the root is the sum of the roots of the eigenvalues of C1^(1/2) C2 C1^(1/2), which is symmetric: exact for singular
    covariances too, where a matrix square root of C1 C2 needs an offset on the diagonal.

    Source: Dowson and Landau 1982; Heusel et al. 2017, GANs Trained by a Two Time-Scale Update Rule, section 3.
    """
    variances, directions = torch.linalg.eigh(first.covariance)
    root = (directions * variances.clamp(min=0).sqrt()) @ directions.T
    crossed = torch.linalg.eigvalsh(root @ second.covariance @ root).clamp(min=0).sqrt().sum()
    between = (first.mean - second.mean).square().sum()
    within = first.covariance.trace() + second.covariance.trace() - 2 * crossed
    return float((between + within).clamp(min=0))
