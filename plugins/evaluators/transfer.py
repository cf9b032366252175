"""Other data sets, in the shape of the run's own."""

from __future__ import annotations

from gedi_nesy import ImageDataset, Task
from gedi_nesy.evaluation.components import OtherData
from gedi_nesy.evaluation.conforming import conform_dataset
from gedi_nesy.evaluators import EvaluatorContext


def read_other(data: OtherData, context: EvaluatorContext, task: Task, wanted_by: str) -> ImageDataset:
    """The data set with its images resized, greyed or repeated to the task's shape, on the task's device."""
    return conform_dataset(data.read(context, wanted_by), task.dataset.shape, task.dataset.train.pixels.device)
