"""Regions of a classifier whose border is known, on points of the plane alone."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from gedi_nesy_plugins.evaluators.chains import Chains
from gedi_nesy_plugins.evaluators.embedding_map import EmbeddingMap
from gedi_nesy_plugins.evaluators.regions import Regions

from gedi_nesy import ConfigError, ImageDataset
from gedi_nesy.data.dataset import Images
from gedi_nesy.evaluators import EvaluatorContext


class Halves(torch.nn.Module):
    """Class 1 where x > 0.5, class 0 elsewhere."""

    def class_log_probs(self, images):
        return torch.stack([0.5 - images[:, 0, 0, 0], images[:, 0, 0, 0] - 0.5], dim=1).mul(20).log_softmax(dim=1)

    def embed(self, images):
        return images.flatten(start_dim=1)

    def log_density(self, images):
        return -images.square().sum(dim=(1, 2, 3)) / 2


class Plane:
    """Twenty points of the plane."""

    num_classes = 2
    TERMS: ClassVar = {}

    def __init__(self):
        points = torch.rand(20, 2, 1, 1, generator=torch.Generator().manual_seed(0)) * 2 - 1
        images = Images(points, (points[:, 0, 0, 0] > 0.5).long())
        self.dataset = ImageDataset(images, images, ("left", "right"))


def evaluate(kind, task, **options):
    evaluator = kind(kind.Options(**options), EvaluatorContext())
    evaluator.check(Halves(), task)
    return evaluator.evaluate(Halves(), task)


def test_cells_are_rows_from_the_bottom_with_the_class_of_their_middle():
    found = evaluate(Regions, Plane(), resolution=8)
    assert found.tables["regions"]["cells"] == [[0] * 6 + [1] * 2] * 8
    assert found.numbers == {"largest_region": 0.75}
    assert found.tables["regions"]["labels"] == found.tables["regions"]["predictions"]


def test_pictures_are_refused(forty):
    with pytest.raises(ConfigError, match="the evaluator regions is for points of the plane, and this run's data have"):
        evaluate(Regions, forty)


@pytest.mark.parametrize("kind", [EmbeddingMap, Chains])
def test_points_are_no_images_to_show(kind):
    assert evaluate(kind, Plane()).images == {}
