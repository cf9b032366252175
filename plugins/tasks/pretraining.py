"""Images alone: self-supervised or generative training without any constraint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from pydantic import Field

from gedi_nesy import Options, Selection, Task, TaskContext
from gedi_nesy.data.batches import batches, num_batches


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
        """Whole batches only."""
        return num_batches(len(self.train_pixels), batch_size)

    def epoch(self, batch_size: int, generator: torch.Generator) -> Iterator[Selection]:
        """Batches of a random order."""
        return map(Selection, batches(len(self.train_pixels), batch_size, generator, self.train_pixels.device))
