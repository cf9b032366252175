"""How a method divides the plane that its points lie in."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from gedi_nesy import ConfigError, Evaluation, Evaluator, Method, Options, Task
from gedi_nesy.evaluators import output_names, predict

POINTS = 1000


class Regions(Evaluator):
    """The most probable class at each place of a grid over [-1, 1] x [-1, 1], with the held-out points on it, for the report.

    For data that are points of the plane. The number beside the picture says how much of the plane goes to the largest class.
    Chance: none.
    """

    REQUIRES = ("class_log_probs",)

    class Options(Options):
        resolution: Annotated[int, Field(gt=1, le=200)] = 80
        """Places along each side."""

    options: Options

    def check(self, method: Method, task: Task) -> None:
        """The data are points of the plane."""
        if task.dataset.is_pictures or task.dataset.shape != (2, 1, 1):
            raise ConfigError(
                f"the evaluator regions is for points of the plane, and this run's data have the shape {task.dataset.shape}: "
                "take embedding_map to see where images lie",
                key="evaluators",
            )

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Classes of the grid, and up to 1,000 test points with their classes and predictions."""
        test = task.dataset.test
        points, labels = test.pixels[:POINTS], test.labels[:POINTS]
        cells = predict(method, self._grid().to(points)).argmax(dim=1).cpu()
        places = points.flatten(start_dim=1).cpu()
        table = {
            "x": [round(value, 4) for value in places[:, 0].tolist()],
            "y": [round(value, 4) for value in places[:, 1].tolist()],
            "labels": labels.tolist(),
            "predictions": predict(method, points).argmax(dim=1).tolist(),
            "classes": list(task.dataset.classes),
            "outputs": output_names(task, self.context.terms),
            "cells": cells.view(self.options.resolution, -1).tolist(),
        }
        share = _largest_share(cells)
        meaning = "share of the plane between -1 and 1 that goes to the class with most of it"
        return Evaluation({"largest_region": share}, {"largest_region": meaning}, {"regions": table})

    def _grid(self) -> Float[Tensor, "places 2 1 1"]:
        """The middles of square cells, row by row from the bottom."""
        count = self.options.resolution
        middles = (torch.arange(count) + 0.5) / count * 2 - 1
        y, x = torch.meshgrid(middles, middles, indexing="ij")
        return torch.stack([x.flatten(), y.flatten()], dim=1)[:, :, None, None]


def _largest_share(cells: Int[Tensor, " places"]) -> float:
    counts: Any = torch.bincount(cells)
    return float(counts.max() / len(cells))
