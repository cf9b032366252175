"""Clusters of features, found without labels, and how well they fit the classes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import DataError
from .mixture import Mixture, fit_mixture

Features = Float[Tensor, "images features"]
Clusters = Int[np.ndarray, " images"]


def k_means(train: Features, test: Features, count: int, starts: int, generator: torch.Generator) -> Clusters:
    """Clusters of the test features by the training features' centres: the best of several starts on the training features.

    Raises:
        DataError: there are fewer training images than clusters.
    """
    train, test = _scaled(train, test, count)
    return np.asarray(_k_means(train, count, starts, generator).predict(test.cpu().numpy()))


def gaussian_mixture(train: Features, test: Features, count: int, starts: int, generator: torch.Generator) -> Clusters:
    """The same by a mixture of Gaussians with full covariances, each start from one of k-means; the likeliest counts."""
    train, test = _scaled(train, test, count)
    best: Mixture | None = None
    for _ in range(starts):
        clusters = torch.from_numpy(_k_means(train, count, 1, generator).labels_).long().to(train.device)
        mixture = fit_mixture(train, clusters, count)
        if best is None or mixture.log_likelihood > best.log_likelihood:
            best = mixture
    assert best is not None  # there is at least one start
    return np.asarray(best.assign(test).cpu())


def partition_scores(labels: Clusters, clusters: Clusters) -> dict[str, float]:
    """Normalised mutual information (mean of the entropies) and the adjusted Rand index of two partitions."""
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score  # slow to import

    return {
        "nmi": float(normalized_mutual_info_score(labels, clusters)),
        "ari": float(adjusted_rand_score(labels, clusters)),
    }


def _k_means(train: Features, count: int, starts: int, generator: torch.Generator) -> Any:
    from sklearn.cluster import KMeans  # slow to import
    from sklearn.exceptions import ConvergenceWarning

    model = KMeans(count, n_init=starts, random_state=int(torch.randint(2**31, (), generator=generator)))
    with warnings.catch_warnings():
        # A collapsed embedding has fewer distinct points than clusters: a result, not a fault.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(train.cpu().numpy())


def _scaled(train: Features, test: Features, count: int) -> tuple[Features, Features]:
    """Both in float32, with the training features' mean taken off and one factor that makes their deviation 1.

    The ridge on covariances is 1e-6 whatever the scale of the data.
    """
    if len(train) < count:
        raise DataError(f"{count} clusters of {len(train)} training images: there must be at least as many images")
    centre = train.double().mean(dim=0)
    scale = float((train.double() - centre).std(correction=0)) or 1.0
    first, second = (((features.double() - centre) / scale).float() for features in (train, test))
    return first, second
