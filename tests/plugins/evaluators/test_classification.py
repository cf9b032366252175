"""Accuracy, matched accuracy and NMI against literal second routes, on random and degenerate inputs."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from gedi_nesy_plugins.evaluators.classification import Classification, confusion_matrix, matched_accuracy
from sklearn.metrics import confusion_matrix as sklearn_confusion

from gedi_nesy import DivergenceError
from gedi_nesy.data.dataset import ImageDataset, Images

CASES = {
    "random": (np.random.default_rng(0).integers(0, 4, 200), np.random.default_rng(1).integers(0, 4, 200)),
    "perfect": (np.arange(40) % 4, np.arange(40) % 4),
    "renamed": (np.arange(40) % 4, (np.arange(40) + 1) % 4),
    "constant prediction": (np.arange(40) % 4, np.zeros(40, dtype=int)),
    "constant labels": (np.zeros(40, dtype=int), np.arange(40) % 4),
    "both constant": (np.zeros(40, dtype=int), np.full(40, 2)),
    "one image": (np.array([3]), np.array([1])),
}


class Told(torch.nn.Module):
    """A method that predicts given classes, one after the other."""

    def __init__(self, predicted, value=0.0):
        super().__init__()
        self.scores = torch.nn.functional.one_hot(torch.tensor(predicted), 4).float() * 20 + value

    def class_log_probs(self, images):
        return self.scores.log_softmax(dim=1)


def evaluate(labels, predicted, value=0.0):
    class Task:
        num_classes = 4
        dataset = ImageDataset(
            *[Images(torch.zeros(len(labels), 1, 1, 1, dtype=torch.uint8), torch.tensor(labels))] * 2, tuple("abcd")
        )

    return Classification(Classification.Options()).evaluate(Told(predicted, value), Task())


def literal_nmi(labels, predicted):
    """Mutual information over the mean entropy, from the definition, by sums over pairs of classes."""

    def share(condition):
        return float(np.mean(condition))

    pairs = itertools.product(range(4), range(4))
    information = sum(
        joint * math.log(joint / (share(labels == a) * share(predicted == b)))
        for a, b in pairs
        if (joint := share((labels == a) & (predicted == b))) > 0
    )
    entropies = [
        -sum(p * math.log(p) for k in range(4) if (p := share(values == k)) > 0) for values in (labels, predicted)
    ]
    return information / (sum(entropies) / 2) if sum(entropies) else 1.0


@pytest.mark.parametrize("labels, predicted", CASES.values(), ids=CASES)
def test_numbers_agree_with_literal_second_routes(labels, predicted):
    evaluation = evaluate(labels, predicted)
    confusion = np.array(evaluation.tables["confusion"])
    assert np.array_equal(confusion, sklearn_confusion(labels, predicted, labels=range(4)))
    best = max(np.mean(np.array(order)[predicted] == labels) for order in itertools.permutations(range(4)))
    assert evaluation.numbers == {
        "accuracy": pytest.approx(np.mean(labels == predicted)),
        "matched_accuracy": pytest.approx(best),
        "nmi": pytest.approx(literal_nmi(labels, predicted), abs=1e-9),
    }
    assert set(evaluation.definitions) == set(evaluation.numbers)


def test_matching_works_with_more_clusters_than_classes():
    labels, predicted = np.array([0, 0, 1, 1]), np.array([2, 2, 0, 1])
    assert matched_accuracy(confusion_matrix(labels, predicted, 2, 3)) == 0.75


def test_probabilities_that_are_not_numbers_are_no_result():
    with pytest.raises(DivergenceError, match="are not numbers"):
        evaluate(np.array([0, 1]), np.array([0, 1]), value=float("nan"))
