"""Images whose labels may be seen, all of them or a few: the upper bound of learning without labels, and semi-supervised training.

    supervised   cross-entropy of the method's class probabilities with the labels, mean over the images that have one; minimum 0

It comes on top of whatever terms the method has, and works with any method that gives class probabilities. The mean is taken over as
many images as have a label on average, not over those that happen to be in a batch: so its expectation is the mean over all labelled
images, and that over the parts of a batch is the one over the whole.
Config: configs/pretraining/supervised.yaml
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from gedi_nesy import Batch, ConfigError, DataError, Method, MethodOutput, Options, Selection, Task, TaskContext, Term
from gedi_nesy.data.batches import batches, num_batches
from gedi_nesy.evaluation.features import few_of_each_class
from gedi_nesy.evaluators import predict

UNKNOWN = -1


class Classification(Task):
    """Every step sees a batch of training images, and the labels of those that are told."""

    TERMS = {"supervised": "cross-entropy of the class probabilities with the labels that are told"}
    NEEDS = ("class_log_probs",)
    TELLS_LABELS = True

    class Options(Options):
        labelled: Annotated[float, Field(gt=0, le=1)] = 1.0
        """Share of the training images of each class whose labels are told, one of each class at least."""

    def __init__(self, options: Options, context: TaskContext) -> None:
        self.dataset = context.dataset
        self.train_pixels = context.dataset.train.pixels
        self.num_classes = len(context.dataset.classes)
        self.labels = _told(context.dataset.train.labels, options.labelled, context.generator)
        self.num_told = int((self.labels != UNKNOWN).sum())
        if not self.num_told:
            raise DataError("no class of a training image is known: choose data with classes", key="data")

    def num_steps(self, batch_size: int) -> int:
        """Whole batches only."""
        return num_batches(len(self.train_pixels), batch_size)

    def epoch(self, batch_size: int, generator: torch.Generator) -> Iterator[Selection]:
        """Batches of a random order."""
        for rows in batches(len(self.train_pixels), batch_size, generator, self.labels.device):
            yield Selection(rows, labels=self.labels[rows])

    def terms(self) -> dict[str, Term]:
        """Certainty gives 0, guessing ln c."""
        return {name: Term(meaning, 0.0, math.log(self.num_classes)) for name, meaning in self.TERMS.items()}

    def losses(self, output: MethodOutput, batch: Batch, active: frozenset[str]) -> dict[str, Float[Tensor, ""]]:
        """The cross-entropy, for a method that gives class probabilities."""
        if "supervised" not in active:
            return {}
        if output.class_log_probs is None or batch.labels is None:
            raise ConfigError(
                "the term supervised needs class probabilities, which this method does not compute; choose another method",
                key="method.name",
            )
        return {"supervised": self._supervised(output.class_log_probs, batch.labels)}

    def _supervised(self, log_probs: Tensor, labels: Tensor) -> Float[Tensor, ""]:
        expected = len(labels) * self.num_told / len(self.labels)
        total = functional.nll_loss(log_probs.float(), labels, ignore_index=UNKNOWN, reduction="sum")
        return total / expected

    def fit(self, method: Method) -> dict[str, float]:
        """The mean over all images with a label."""
        is_told = self.labels != UNKNOWN
        log_probs = predict(method, self.train_pixels[is_told])
        return {"supervised": float(functional.nll_loss(log_probs, self.labels[is_told]))}


def _told(labels: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """The labels of a share of each class's images, -1 for the others."""
    known = torch.nonzero(labels != UNKNOWN).flatten().cpu()
    told = torch.full_like(labels, UNKNOWN)
    if len(known):
        rows = known[few_of_each_class(labels.cpu()[known], share, generator)].to(labels.device)
        told[rows] = labels[rows]
    return told
