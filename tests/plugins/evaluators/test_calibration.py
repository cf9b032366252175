"""Calibration of given probabilities, with and without a matching that only training images decide."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.evaluators.calibration import Calibration

from gedi_nesy.evaluators import EvaluatorContext


class Shifted(torch.nn.Module):
    """The brightest pixel's class, called by the next number, with probability 0.7."""

    def class_log_probs(self, images):
        place = (images.flatten(start_dim=1).argmax(dim=1) + 1) % 4
        return (torch.nn.functional.one_hot(place, 4) * 0.6 + 0.1).log()


def evaluate(method, task, **options):
    evaluator = Calibration(Calibration.Options(**options), EvaluatorContext())
    evaluator.check(method, task)
    return evaluator.evaluate(method, task)


@pytest.mark.parametrize("matching, accuracy", [("none", 0.0), ("train", 1.0)])
def test_confidence_is_compared_with_accuracy(forty, matching, accuracy):
    found = evaluate(Shifted(), forty, matching=matching)
    gap = abs(0.7 - accuracy)
    assert found.numbers == {
        "expected_calibration_error": pytest.approx(gap),
        "maximum_calibration_error": pytest.approx(gap),
        "mean_confidence": pytest.approx(0.7),
    }
    assert ("matching on training images" in found.definitions["expected_calibration_error"]) == (matching == "train")


def test_the_reliability_table_has_every_bin(forty):
    table = evaluate(Shifted(), forty, bins=5).tables["reliability"]
    assert [row["count"] for row in table] == [0, 0, 0, 40, 0]
    assert table[3] == {
        "low": pytest.approx(0.6),
        "high": pytest.approx(0.8),
        "count": 40,
        "confidence": pytest.approx(0.7),
        "accuracy": 0.0,
    }


def test_names_come_from_training_images_alone(labelled_task):
    """Classes 0 and 1 are swapped in the test split: the matching of the training split stays."""
    swapped = labelled_task(torch.arange(40) % 4, torch.arange(40) % 4)
    labels = swapped.dataset.test.labels
    labels[:] = torch.tensor([1, 0, 2, 3])[labels]
    assert evaluate(Shifted(), swapped, matching="train").numbers["expected_calibration_error"] == pytest.approx(0.2)


def test_images_whose_class_is_not_known_do_not_count(labelled_task):
    task = labelled_task([0, 1, 2, 3, -1], [0, -1, -1, 2])
    assert sum(row["count"] for row in evaluate(Shifted(), task).tables["reliability"]) == 2
