"""Clusters are found where there are some, degenerate features are no fault, and scores agree with their definitions."""

from __future__ import annotations

import itertools
from math import comb

import numpy as np
import pytest
import torch

from gedi_nesy import DataError
from gedi_nesy.evaluation.clustering import gaussian_mixture, k_means, partition_scores

ALGORITHMS = pytest.mark.parametrize("algorithm", [k_means, gaussian_mixture])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def blobs(count, scale=1.0, shift=0.0, seed=0):
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    points = chance.normal(size=(count, 4)) * 0.3 + np.eye(4)[labels] * 5
    return torch.from_numpy((points * scale + shift).astype(np.float32)), labels


@ALGORITHMS
@pytest.mark.parametrize("scale, shift", [(1, 0), (1e-5, 0), (1e4, 1e5)], ids=["plain", "tiny", "huge and far"])
def test_blobs_are_found_at_any_scale(algorithm, scale, shift):
    train, _ = blobs(90, scale, shift)
    test, labels = blobs(60, scale, shift, seed=1)
    clusters = algorithm(train, test, 3, 3, generator())
    assert partition_scores(labels, clusters) == {"nmi": pytest.approx(1), "ari": pytest.approx(1)}


def test_a_mixture_follows_shapes_that_k_means_cuts():
    """Two long parallel clouds: full covariances are what tells them apart."""
    chance = np.random.default_rng(0)
    labels = np.arange(600) % 2
    points = torch.from_numpy(
        np.stack([chance.normal(size=600) * 2, chance.normal(size=600) * 0.3 + labels * 3], axis=1)
    )
    by_mixture = gaussian_mixture(points, points, 2, 5, generator())
    by_k_means = k_means(points, points, 2, 5, generator())
    assert partition_scores(labels, by_mixture)["nmi"] > 0.95 > 0.2 > partition_scores(labels, by_k_means)["nmi"]


@ALGORITHMS
def test_a_constant_embedding_is_one_cluster(algorithm):
    points = torch.full((20, 3), 0.7)
    assert len(set(algorithm(points, points, 4, 2, generator()).tolist())) == 1


@ALGORITHMS
def test_the_same_generator_finds_the_same_clusters(algorithm):
    points = torch.randn(200, 4, generator=generator())
    first, again = (algorithm(points, points, 5, 1, generator()) for _ in range(2))
    assert np.array_equal(first, again)


@ALGORITHMS
def test_more_clusters_than_images_says_so(algorithm):
    points = torch.zeros(3, 2)
    with pytest.raises(DataError, match="4 clusters of 3 training images"):
        algorithm(points, points, 4, 1, generator())


def test_embeddings_that_lie_in_a_plane_have_a_mixture():
    """scikit-learn gives up on these in float32."""
    flat = torch.randn(300, 2, generator=generator()) @ torch.randn(2, 64, generator=generator(1)) * 30
    assert len(set(gaussian_mixture(flat, flat, 5, 2, generator()).tolist())) > 1


@ALGORITHMS
def test_clusters_are_those_of_the_training_features(algorithm):
    train, _ = blobs(90)
    test, labels = blobs(60, seed=1)
    one = test[torch.from_numpy(labels) == 2]
    assert len(set(algorithm(train, one, 3, 3, generator()).tolist())) == 1


def literal_nmi(labels, clusters):
    """2 I / (H + H), from shares."""

    def entropy(values):
        return -sum(share * np.log(share) for share in np.unique(values, return_counts=True)[1] / len(labels))

    pairs = labels * 100 + clusters
    return 2 * (entropy(labels) + entropy(clusters) - entropy(pairs)) / (entropy(labels) + entropy(clusters))


def literal_rand_index(labels, clusters):
    """Adjusted Rand index from counts of pairs (Hubert and Arabie 1985)."""
    pairs = list(itertools.combinations(range(len(labels)), 2))
    together = [(labels[i] == labels[j], clusters[i] == clusters[j]) for i, j in pairs]
    both = sum(a and b for a, b in together)
    first, second = sum(a for a, _ in together), sum(b for _, b in together)
    expected = first * second / comb(len(labels), 2)
    return (both - expected) / ((first + second) / 2 - expected)


@pytest.mark.parametrize("seed", range(3))
def test_scores_agree_with_entropies_and_with_counting_pairs(seed):
    chance = np.random.default_rng(seed)
    labels, clusters = chance.integers(0, 4, 40), chance.integers(0, 3, 40)
    assert partition_scores(labels, clusters)["ari"] == pytest.approx(literal_rand_index(labels, clusters))
    unequal = clusters // 2  # of another entropy than the labels
    assert partition_scores(labels, unequal)["nmi"] == pytest.approx(literal_nmi(labels, unequal))


def test_one_cluster_for_several_classes_scores_zero():
    assert partition_scores(np.arange(12) % 3, np.zeros(12, dtype=int)) == {"nmi": 0.0, "ari": 0.0}
