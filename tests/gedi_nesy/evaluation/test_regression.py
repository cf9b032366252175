"""Least squares and R^2 against scikit-learn, on degenerate features too."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from gedi_nesy.evaluation.regression import explained, least_squares

CHANCE = torch.Generator().manual_seed(0)


def draw(*size):
    return torch.randn(*size, generator=CHANCE)


def test_predictions_are_those_of_scikit_learn():
    train, targets, test = draw(50, 4) + 3, draw(50, 2), draw(9, 4)
    expected = LinearRegression().fit(train.double().numpy(), targets.double().numpy()).predict(test.double().numpy())
    assert np.allclose(least_squares(train, targets, test), expected, atol=1e-5)


def test_features_that_depend_on_each_other_predict_as_one_of_them():
    train, test, targets = draw(50, 1), draw(9, 1), draw(50, 1)
    one = least_squares(train, targets, test)
    assert torch.allclose(least_squares(train.repeat(1, 3), targets, test.repeat(1, 3)), one, atol=1e-5)


def test_constant_features_predict_the_mean():
    targets = draw(20, 2)
    predicted = least_squares(torch.ones(20, 3), targets, torch.ones(5, 3))
    assert torch.allclose(predicted, targets.double().mean(dim=0).expand(5, 2))


def test_fewer_images_than_features_fit_them():
    train, targets = draw(5, 20), draw(5, 1)
    assert torch.allclose(least_squares(train, targets, train), targets.double(), atol=1e-4)


@pytest.mark.parametrize("parts", [1, 2])
def test_explained_variance_is_that_of_scikit_learn(parts):
    true = draw(30, parts)
    predicted = true + 0.3 * draw(30, parts)
    expected = r2_score(true.numpy(), predicted.numpy(), multioutput="variance_weighted")
    assert explained(predicted, true) == pytest.approx(expected, abs=1e-5)
    assert explained(true, true) == 1.0
    assert explained(true.mean(dim=0).expand_as(true), true) == pytest.approx(0.0, abs=1e-6)


def test_values_are_constant_if_they_deviate_by_rounding_only():
    values = draw(30, 1)
    assert explained(1e-4 * values, 1e-4 * values) == 1.0
    assert math.isnan(explained(1e-6 * values, 1e-6 * values))


def test_of_constant_values_nothing_can_be_explained():
    assert math.isnan(explained(draw(5, 1), torch.full((5, 1), 3.0)))
