"""Accuracy with and without matching clusters to classes, and normalised mutual information."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from gedi_nesy import ConfigError, Evaluation, Evaluator, Method, Task
from gedi_nesy.evaluators import names_outputs, predict


class Classification(Evaluator):
    """Argmax of the class probabilities on the test images; those whose class is not known do not count.

    Where nothing in the training names the outputs, they are clusters in any order, and plain accuracy comes last: it is chance.
    """

    REQUIRES = ("class_log_probs",)

    def check(self, method: Method, task: Task) -> None:
        """Some test image has a class."""
        if not (task.dataset.test.labels >= 0).any():
            raise ConfigError(
                "the evaluator classification needs classes of test images, and none is known. Give the table of test images a "
                "column of classes, in the form data.images: {left: left_class}, or leave the evaluator out",
                key="evaluators",
            )

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Accuracy, matched accuracy, NMI and the confusion matrix; what tells most of the run comes first."""
        from sklearn.metrics import normalized_mutual_info_score  # slow to import

        test = task.dataset.test
        known = test.labels >= 0
        predicted = predict(method, test.pixels[known]).argmax(dim=1).cpu().numpy()
        labels = test.labels[known].cpu().numpy()
        confusion = confusion_matrix(labels, predicted, len(task.dataset.classes), task.num_classes)
        numbers = {
            "accuracy": float(np.trace(confusion) / confusion.sum()),
            "matched_accuracy": matched_accuracy(confusion),
            "nmi": float(normalized_mutual_info_score(labels, predicted)),
        }
        if not names_outputs(task, self.context.terms):
            numbers["accuracy"] = numbers.pop("accuracy")
        only = "" if known.all() else f" (on the {len(labels)} of {len(test)} test images whose class is known)"
        definitions = {
            "accuracy": "share of test images whose most probable class is the label; no matching of clusters to classes",
            "matched_accuracy": "share of test images whose most probable class is the label, after the best one-to-one matching of "
            "clusters to classes; found on these test images",
            "nmi": "mutual information of class and prediction over the mean of their entropies, on the test images",
        }
        return Evaluation(
            numbers,
            {name: definition + only for name, definition in definitions.items()},
            {"confusion": confusion.tolist(), "classes": list(task.dataset.classes)},
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
