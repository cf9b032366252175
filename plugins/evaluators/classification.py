"""Accuracy with and without matching clusters to classes, and normalised mutual information."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from gedi_nesy import Evaluation, Evaluator, Method, Task
from gedi_nesy.evaluators import predict


class Classification(Evaluator):
    """Argmax of the class probabilities on the test images."""

    REQUIRES = ("class_log_probs",)

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Accuracy, matched accuracy, NMI and the confusion matrix."""
        test = task.dataset.test
        predicted = predict(method, test.pixels).argmax(dim=1).cpu().numpy()
        labels = test.labels.cpu().numpy()
        confusion = confusion_matrix(labels, predicted, len(task.dataset.classes), task.num_classes)
        numbers = {
            "accuracy": float(np.trace(confusion) / confusion.sum()),
            "matched_accuracy": matched_accuracy(confusion),
            "nmi": normalized_mutual_information(confusion),
        }
        definitions = {
            "accuracy": "share of test images whose most probable class is the label; no matching of clusters to classes",
            "matched_accuracy": "the same after the best one-to-one matching of clusters to classes, found on these test images",
            "nmi": "mutual information of class and prediction over the mean of their entropies, on the test images",
        }
        return Evaluation(
            numbers, definitions, {"confusion": confusion.tolist(), "classes": list(task.dataset.classes)}
        )


def confusion_matrix(
    labels: Int[np.ndarray, " images"], predicted: Int[np.ndarray, " images"], num_labels: int, num_predicted: int
) -> Int[np.ndarray, "labels predicted"]:
    """Counts of images by true label (row) and predicted class (column)."""
    matrix = np.zeros((num_labels, num_predicted), dtype=np.int64)
    np.add.at(matrix, (labels, predicted), 1)
    return matrix


def matched_accuracy(confusion: Int[np.ndarray, "labels predicted"]) -> float:
    """Accuracy under the best one-to-one matching of columns to rows (Hungarian method)."""
    from scipy.optimize import linear_sum_assignment  # slow to import

    rows, columns = linear_sum_assignment(confusion, maximize=True)
    return float(confusion[rows, columns].sum() / confusion.sum())


def normalized_mutual_information(confusion: Int[np.ndarray, "labels predicted"]) -> float:
    """NMI with the arithmetic mean of the entropies, as scikit-learn's default; 1 when both have a single class.

    Computed from the counts, so that a run needs no scikit-learn at its end.
    """
    joint = confusion / confusion.sum()
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    row_entropy, column_entropy = _entropy(rows), _entropy(columns)
    if row_entropy == 0 and column_entropy == 0:
        return 1.0
    information = row_entropy + column_entropy - _entropy(joint.ravel())
    return float(max(0.0, information) / ((row_entropy + column_entropy) / 2))


def _entropy(probabilities: np.ndarray) -> float:
    positive = probabilities[probabilities > 0]
    return float(-(positive * np.log(positive)).sum())
