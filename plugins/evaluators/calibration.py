"""Calibration: whether a prediction of confidence 0.8 is right four times in five."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Int
from pydantic import Field
from scipy.optimize import linear_sum_assignment

from gedi_nesy import Evaluation, Evaluator, Method, Options, Task
from gedi_nesy.evaluation.calibration import expected_calibration_error, maximum_calibration_error, reliability
from gedi_nesy.evaluation.features import known, need_labels
from gedi_nesy.evaluators import predict

from .classification import confusion_matrix


class Calibration(Evaluator):
    """Confidence is the largest class probability; it is compared with accuracy in bins of equal width.

    Protocol: Guo et al. 2017, On Calibration of Modern Neural Networks: 15 bins.
    A method that found its clusters without knowledge of their names is matched to classes first, on training images.
    Chance: none.
    """

    REQUIRES = ("class_log_probs",)

    class Options(Options):
        bins: Annotated[int, Field(gt=0)] = 15
        matching: Literal["none", "train"] = "none"
        """train: clusters get the names of classes by the best one-to-one matching on the training images."""

    options: Options

    def check(self, method: Method, task: Task) -> None:
        """Some images of both splits have classes."""
        need_labels(task.dataset, "the evaluator calibration")

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Expected and maximum calibration error, mean confidence and the reliability table."""
        test = known(task.dataset.test)
        confidence, predicted = (values.cpu().numpy() for values in predict(method, test.pixels).exp().max(dim=1))
        if self.options.matching == "train":
            predicted = self._names(method, task)[predicted]
        bins = reliability(confidence, predicted == test.labels.cpu().numpy(), self.options.bins)
        matched = ", clusters named by matching on training images" if self.options.matching == "train" else ""
        numbers = {
            "expected_calibration_error": expected_calibration_error(bins),
            "maximum_calibration_error": maximum_calibration_error(bins),
            "mean_confidence": float(confidence.mean()),
        }
        definitions = {
            "expected_calibration_error": f"mean |confidence - accuracy| over {self.options.bins} bins of equal width, by images{matched}",
            "maximum_calibration_error": f"the largest of those differences{matched}",
            "mean_confidence": "mean of the largest class probability over the test images",
        }
        return Evaluation(numbers, definitions, {"reliability": [asdict(bin) for bin in bins]})

    @staticmethod
    def _names(method: Method, task: Task) -> Int[np.ndarray, " clusters"]:
        """The class of each cluster, -1 for one that no class is left for."""
        train = known(task.dataset.train)
        clusters = predict(method, train.pixels).argmax(dim=1).cpu().numpy()
        confusion = confusion_matrix(train.labels.cpu().numpy(), clusters, len(task.dataset.classes), task.num_classes)
        names = np.full(task.num_classes, -1)
        rows, columns = linear_sum_assignment(confusion, maximize=True)
        names[columns] = rows
        return names
