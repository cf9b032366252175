"""Accuracy, matched accuracy and NMI against scikit-learn and enumeration, on random and degenerate inputs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from gedi_nesy_plugins.evaluators.classification import (
    confusion_matrix,
    matched_accuracy,
    normalized_mutual_information,
)
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import normalized_mutual_info_score

CASES = {
    "random": (np.random.default_rng(0).integers(0, 4, 200), np.random.default_rng(1).integers(0, 4, 200)),
    "perfect": (np.arange(40) % 4, np.arange(40) % 4),
    "renamed": (np.arange(40) % 4, (np.arange(40) + 1) % 4),
    "constant prediction": (np.arange(40) % 4, np.zeros(40, dtype=int)),
    "constant labels": (np.zeros(40, dtype=int), np.arange(40) % 4),
    "both constant": (np.zeros(40, dtype=int), np.full(40, 2)),
    "one image": (np.array([3]), np.array([1])),
}


@pytest.mark.parametrize("labels, predicted", CASES.values(), ids=CASES)
def test_numbers_agree_with_scikit_learn_and_enumeration(labels, predicted):
    confusion = confusion_matrix(labels, predicted, 4, 4)
    assert np.array_equal(confusion, sklearn_confusion(labels, predicted, labels=range(4)))
    assert normalized_mutual_information(confusion) == pytest.approx(
        normalized_mutual_info_score(labels, predicted), abs=1e-9
    )
    best = max(np.mean(np.array(order)[predicted] == labels) for order in itertools.permutations(range(4)))
    assert matched_accuracy(confusion) == pytest.approx(best)


def test_matching_works_with_more_clusters_than_classes():
    labels, predicted = np.array([0, 0, 1, 1]), np.array([2, 2, 0, 1])
    assert matched_accuracy(confusion_matrix(labels, predicted, 2, 3)) == 0.75
