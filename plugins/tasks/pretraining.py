"""Images alone: self-supervised or generative training without any constraint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from pydantic import Field

from gedi_nesy import DataError, Options, Selection, Task, TaskContext


class Pretraining(Task):
    """Every step sees a batch of training images; labels serve evaluation only."""

    class Options(Options):
        clusters: Annotated[int, Field(gt=1)] | None = None
        """Classes of the classifier; as many as the data set has by default."""

    def __init__(self, options: Options, context: TaskContext) -> None:
        self.dataset = context.dataset
        self.train_pixels = context.dataset.train.pixels
        self.num_classes = options.clusters or len(context.dataset.classes)

    def num_steps(self, batch_size: int) -> int:
        """Whole batches only: a smaller last one would change the batch statistics that terms rely on."""
        if batch_size > len(self.train_pixels):
            raise DataError(
                f"training.batch_size is {batch_size} and there are {len(self.train_pixels)} training images",
                key="training.batch_size",
            )
        return len(self.train_pixels) // batch_size

    def epoch(self, batch_size: int, generator: torch.Generator) -> Iterator[Selection]:
        """Batches of a random order."""
        order = torch.randperm(len(self.train_pixels), generator=generator).to(self.train_pixels.device)
        for step in range(self.num_steps(batch_size)):
            yield Selection(order[step * batch_size : (step + 1) * batch_size])
