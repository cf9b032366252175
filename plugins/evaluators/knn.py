"""k nearest neighbours on frozen embeddings."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import AfterValidator, Field

from gedi_nesy import Evaluation, Evaluator, ImageDataset, Method, Options, Task
from gedi_nesy.evaluation.components import OtherData, distinct
from gedi_nesy.evaluation.features import Labelled, accuracy, hold_out, labelled, need_labels
from gedi_nesy.evaluation.neighbours import Metric, neighbour_votes

from .transfer import read_other


class NearestNeighbours(Evaluator):
    """Test images get the class of the majority of the k nearest training images.

    Protocol: SimVAE 2023 appendix A.4 (scikit-learn's classifier, one vote each, k from 1 to 15), where the paper takes the k that
    is best on the test split; ours is the one that is best on a held-out part of the training split (the smallest of several),
    and then all of the training split is searched. Labels of the training split are used here, never in training.
    Chance: which training images are held out, drawn from the run's seed.
    """

    REQUIRES = ("embed",)
    OTHER_DATA = {"transfer": "training"}

    class Options(Options):
        max_neighbours: Annotated[int, Field(gt=0)] = 15
        """The largest k to try."""
        metrics: Annotated[tuple[Metric, ...], Field(min_length=1)] = ("euclidean", "cosine")
        """Distances; each has numbers of its own."""
        validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
        """Share of the training images that k is chosen on."""
        transfer: Annotated[tuple[OtherData, ...], AfterValidator(distinct)] = ()
        """Other data sets, such as [{name: fashion_mnist}], each searched in its own training split."""

    options: Options

    def check(self, method: Method, task: Task) -> None:
        """Some test images and two training images, to hold one of them out, have classes, and other data sets are there."""
        need_labels(task.dataset, "the evaluator knn", training=2)
        for data in self.options.transfer:
            need_labels(self._read(data, task), f"the evaluator knn on {data.name}", training=2)

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Accuracy and k for each distance, and the curve over k that k was chosen by."""
        found = Evaluation({}, {})
        self._add(found, method, task.dataset, "")
        for data in self.options.transfer:
            self._add(found, method, self._read(data, task), f"_on_{data.name}")
        return found

    def _read(self, data: OtherData, task: Task) -> ImageDataset:
        return read_other(data, self.context, task, "the evaluator knn")

    def _add(self, found: Evaluation, method: Method, dataset: ImageDataset, suffix: str) -> None:
        """What is found on one data set."""
        train, test = (labelled(method, images, self.context.embeddings) for images in (dataset.train, dataset.test))
        tried = f"1 to {self.options.max_neighbours}, best on {self.options.validation:.0%} of the training images"
        of = suffix.replace("_on_", " of ")
        for metric in self.options.metrics:
            name, curve = f"knn_{metric}{suffix}", self._curve(train, metric)
            best = int(torch.tensor(curve).argmax()) + 1
            predicted = neighbour_votes(test.features, train, best, metric)[-1]
            found.numbers[name] = accuracy(predicted, test.labels)
            found.numbers[f"{name}_k"] = best
            found.choices.add(f"{name}_k")
            found.definitions[name] = (
                f"accuracy on test images by the k nearest of {len(train)} training images{of}, {metric} distance"
            )
            found.definitions[f"{name}_k"] = f"that k, of {tried}; the smallest of several"
            found.tables[name] = {"validation_accuracy_by_k": curve}

    def _curve(self, train: Labelled, metric: Metric) -> list[float]:
        """Accuracy on held-out training images for k = 1, 2, ..."""
        rest, held_out = hold_out(train, self.options.validation, self.context.generator("knn"))
        votes = neighbour_votes(held_out.features, rest, self.options.max_neighbours, metric)
        return [accuracy(predicted, held_out.labels) for predicted in votes]
