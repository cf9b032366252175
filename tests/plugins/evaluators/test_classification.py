"""Accuracy, matched accuracy and NMI against literal second routes, on random and degenerate inputs."""

from __future__ import annotations

import itertools
import math
from typing import ClassVar

import numpy as np
import pytest
import torch
from gedi_nesy_plugins.evaluators.classification import Classification, confusion_matrix, matched_accuracy
from sklearn.metrics import confusion_matrix as sklearn_confusion

from gedi_nesy import ConfigError, DivergenceError
from gedi_nesy.data.dataset import ImageDataset, Images, to_pixels
from gedi_nesy.evaluators import EvaluatorContext
from gedi_nesy.types import Term

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
    """A method that predicts given classes, by the value of the image's pixel."""

    def __init__(self, predicted, value=0.0):
        super().__init__()
        self.scores = torch.nn.functional.one_hot(torch.tensor(predicted), 4).float() * 20 + value

    def class_log_probs(self, images):
        return self.scores[to_pixels(images).flatten().long()].log_softmax(dim=1)


class Labelled:
    """A task whose images have these labels; the value of an image's pixel is its place."""

    num_classes = 4
    TERMS: ClassVar = {}

    def __init__(self, labels):
        pixels = torch.arange(len(labels), dtype=torch.uint8).view(-1, 1, 1, 1)
        self.dataset = ImageDataset(*[Images(pixels, torch.tensor(labels))] * 2, tuple("abcd"))


def evaluate(labels, predicted, value=0.0):
    return Classification(Classification.Options()).evaluate(Told(predicted, value), Labelled(labels))


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


def test_images_whose_class_is_not_known_do_not_count():
    labels, predicted = np.array([-1, 0, 1, -1, 2, 1]), np.array([3, 0, 2, 0, 2, 1])
    known = evaluate(labels, predicted)
    assert known.numbers == evaluate(labels[labels >= 0], predicted[labels >= 0]).numbers
    assert np.sum(known.tables["confusion"]) == 4 and known.numbers["accuracy"] == 0.75
    assert all(text.endswith("(on the 4 of 6 test images whose class is known)") for text in known.definitions.values())


def test_without_any_class_of_test_images_it_says_so_before_training():
    evaluator, method = Classification(Classification.Options()), Told(np.array([0, 1]))
    evaluator.check(method, Labelled(np.array([-1, 1])))
    with pytest.raises(
        ConfigError, match=r"classification needs classes of test images.* \{left: left_class\}"
    ) as error:
        evaluator.check(method, Labelled(np.array([-1, -1])))
    assert error.value.key == "evaluators"


def test_probabilities_that_are_not_numbers_are_no_result():
    with pytest.raises(DivergenceError, match="are not numbers"):
        evaluate(np.array([0, 1]), np.array([0, 1]), value=float("nan"))


@pytest.mark.parametrize(("weighted", "first"), [("nesy", "accuracy"), ("inv", "matched_accuracy")])
def test_accuracy_comes_first_where_a_term_of_the_task_names_the_outputs(weighted, first):
    task = Labelled([0, 1])
    task.TERMS = {"nesy": "a constraint"}
    context = EvaluatorContext(terms={weighted: Term("")})
    found = Classification(Classification.Options(), context).evaluate(Told([1, 0]), task)
    assert next(iter(found.numbers)) == first and set(found.numbers) == {"accuracy", "matched_accuracy", "nmi"}
