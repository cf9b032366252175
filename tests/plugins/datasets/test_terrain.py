"""Terrain is drawn the same way every time, and its texture tells more than its colour."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.datasets.terrain import Terrain


@pytest.fixture(scope="module")
def dataset():
    return Terrain(Terrain.Options()).read()


def test_three_classes_with_4000_train_and_300_test_images(dataset):
    assert dataset.classes == ("grass", "forest", "water") and dataset.shape == (3, 16, 16)
    assert torch.bincount(dataset.train.labels).tolist() == [4000] * 3
    assert torch.bincount(dataset.test.labels).tolist() == [300] * 3
    assert torch.equal(Terrain(Terrain.Options()).read().test.pixels, dataset.test.pixels)


def test_the_mean_colour_alone_does_not_tell_the_kinds_apart(dataset):
    """Nearest class mean, on the mean colours."""
    train, test = (split.pixels.float().mean(dim=(2, 3)) for split in (dataset.train, dataset.test))
    centres = torch.stack([train[dataset.train.labels == kind].mean(0) for kind in range(3)])
    nearest = torch.cdist(test, centres).argmin(1)
    accuracy = (nearest == dataset.test.labels).float().mean()
    assert 0.6 < accuracy < 0.95


def test_grain_is_upright_in_grass_round_in_forest_and_level_in_water(dataset):
    images = dataset.train.pixels.float().mean(1)
    down, across = images.diff(dim=1).square().mean((1, 2)), images.diff(dim=2).square().mean((1, 2))
    steeper = torch.stack([(down > across)[dataset.train.labels == kind].float().mean() for kind in range(3)])
    assert steeper[0] < 0.05 and 0.3 < steeper[1] < 0.7 and steeper[2] > 0.95
