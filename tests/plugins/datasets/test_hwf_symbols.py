"""Digits are mnist5k's; operators are drawn, all different, and look like what they are."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.datasets.hwf_symbols import STROKES, HwfSymbols, draw
from gedi_nesy_plugins.datasets.mnist5k import Mnist5k


@pytest.fixture(scope="module")
def dataset():
    return HwfSymbols(HwfSymbols.Options()).read()


def test_thirteen_classes_with_400_train_and_100_test_images_that_never_meet(dataset):
    assert dataset.classes == (*"0123456789", "+", "-", "*") and dataset.shape == (1, 28, 28)
    assert torch.bincount(dataset.train.labels).tolist() == [400] * 13
    assert torch.bincount(dataset.test.labels).tolist() == [100] * 13
    train, test = ({image.numpy().tobytes() for image in split.pixels} for split in (dataset.train, dataset.test))
    assert len(train) == 13 * 400 and len(test) == 13 * 100 and not train & test


def test_the_digits_are_those_of_mnist5k_in_the_same_split(dataset):
    digits = Mnist5k(Mnist5k.Options()).read()
    assert torch.equal(dataset.train.pixels[:4000], digits.train.pixels)
    assert torch.equal(dataset.test.pixels[:1000], digits.test.pixels)


def test_every_read_draws_the_same_images(dataset):
    assert torch.equal(HwfSymbols(HwfSymbols.Options()).read().train.pixels, dataset.train.pixels)


def test_a_stroke_lies_where_its_ends_say():
    """Mean ink left of, above and diagonally off the middle: a minus has the first, a plus the first two, a cross the last."""
    places = {"left": ([14] * 4, range(6, 10)), "above": (range(6, 10), [14] * 4), "off": (range(8, 12), range(8, 12))}
    inked = {}
    for symbol, strokes in STROKES.items():
        mean = draw(torch.tensor(strokes), 300, torch.Generator().manual_seed(0)).float().mean(0)[0]
        ink = {name: mean[list(rows), list(columns)].mean() for name, (rows, columns) in places.items()}
        inked[symbol] = {name for name, value in ink.items() if value > max(ink.values()) / 2}
    assert inked == {"-": {"left"}, "+": {"left", "above"}, "*": {"off"}}
