"""k nearest neighbours on frozen embeddings."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field

from gedi_nesy import Evaluation, Evaluator, Method, Options, Task
from gedi_nesy.evaluation.features import Labelled, accuracy, hold_out, labelled, need_labels
from gedi_nesy.evaluation.neighbours import Metric, neighbour_votes


class NearestNeighbours(Evaluator):
    """Test images get the class of the majority of the k nearest training images.

    Protocol: SimVAE 2023 appendix A.4 (scikit-learn's classifier, one vote each, k from 1 to 15), where the paper takes the k that
    is best on the test split; ours is the one that is best on a held-out part of the training split (the smallest of several),
    and then all of the training split is searched. Labels of the training split are used here, never in training.
    Chance: which training images are held out, drawn from the run's seed.
    """

    REQUIRES = ("embed",)

    class Options(Options):
        max_neighbours: Annotated[int, Field(gt=0)] = 15
        """The largest k to try."""
        metrics: Annotated[tuple[Metric, ...], Field(min_length=1)] = ("euclidean", "cosine")
        """Distances; each has numbers of its own."""
        validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
        """Share of the training images that k is chosen on."""

    options: Options

    def check(self, method: Method, task: Task) -> None:
        """Some images of both splits have classes."""
        super().check(method, task)
        need_labels(task.dataset, "the evaluator knn")

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Accuracy and k for each distance, and the curve over k that k was chosen by."""
        train, test = (
            labelled(method, images, self.context.embeddings) for images in (task.dataset.train, task.dataset.test)
        )
        numbers: dict[str, float] = {}
        tables = {}
        for metric in self.options.metrics:
            curve = self._curve(train, metric)
            best = int(torch.tensor(curve).argmax()) + 1
            predicted = neighbour_votes(test.features, train, best, metric)[-1]
            numbers |= {f"knn_{metric}": accuracy(predicted, test.labels), f"knn_{metric}_k": float(best)}
            tables[f"knn_{metric}"] = {"validation_accuracy_by_k": curve}
        return Evaluation(numbers, self._definitions(len(train)), tables)

    def _definitions(self, num_train: int) -> dict[str, str]:
        tried = f"1 to {self.options.max_neighbours}, best on {self.options.validation:.0%} of the training images"
        return {
            name: text
            for metric in self.options.metrics
            for name, text in (
                (
                    f"knn_{metric}",
                    f"accuracy on test images by the k nearest of {num_train} training images, {metric} distance",
                ),
                (f"knn_{metric}_k", f"that k, of {tried}; the smallest of several"),
            )
        }

    def _curve(self, train: Labelled, metric: Metric) -> list[float]:
        """Accuracy on held-out training images for k = 1, 2, ..."""
        rest, held_out = hold_out(train, self.options.validation, self.context.generator("knn"))
        votes = neighbour_votes(held_out.features, rest, self.options.max_neighbours, metric)
        return [accuracy(predicted, held_out.labels) for predicted in votes]
