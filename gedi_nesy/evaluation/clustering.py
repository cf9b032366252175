"""Clusters of features, found without labels, and how well they fit the classes."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from jaxtyping import Float, Int

from ..errors import DataError

Features = Float[np.ndarray, "images features"]
Clusters = Int[np.ndarray, " images"]


def k_means(train: Features, test: Features, count: int, starts: int, generator: torch.Generator) -> Clusters:
    """Clusters of the test features by the training features' centres: the best of several starts on the training features.

    Raises:
        DataError: there are fewer training images than clusters.
    """
    from sklearn.cluster import KMeans  # slow to import

    return _fit(KMeans(count, n_init=starts, random_state=_seed(generator)), train, test, count)


def gaussian_mixture(train: Features, test: Features, count: int, starts: int, generator: torch.Generator) -> Clusters:
    """The same by a mixture of Gaussians with full covariances, each start from one of k-means; the likeliest counts."""
    from sklearn.mixture import GaussianMixture  # slow to import

    return _fit(GaussianMixture(count, n_init=starts, random_state=_seed(generator)), train, test, count)


def partition_scores(labels: Clusters, clusters: Clusters) -> dict[str, float]:
    """Normalised mutual information (mean of the entropies) and the adjusted Rand index of two partitions."""
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score  # slow to import

    return {
        "nmi": float(normalized_mutual_info_score(labels, clusters)),
        "ari": float(adjusted_rand_score(labels, clusters)),
    }


def _fit(model: object, train: Features, test: Features, count: int) -> Clusters:
    from sklearn.exceptions import ConvergenceWarning

    if len(train) < count:
        raise DataError(f"{count} clusters of {len(train)} training images: there must be at least as many images")
    # scikit-learn's ridge on covariances is 1e-6 whatever the scale of the data, so the scale is made 1.
    centre = train.mean(axis=0, dtype=np.float64)
    scale = float((train - centre).std()) or 1.0
    with warnings.catch_warnings():
        # A collapsed embedding has fewer distinct points than clusters: a result, not a fault.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = model.fit((train - centre) / scale)  # type: ignore[attr-defined]
        return np.asarray(fitted.predict((test - centre) / scale))


def _seed(generator: torch.Generator) -> int:
    return int(torch.randint(2**31, (), generator=generator))
