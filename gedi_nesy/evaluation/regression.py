"""How much of a quantity can be read off features."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

Values = Float[Tensor, "images parts"]
# Share of the mean squared feature that is added to the diagonal, so that features that depend on each other have a solution.
RIDGE = 1e-8
# Values that deviate less than this from their mean do so by rounding.
NOISE = 1e-5


def least_squares(
    train: Float[Tensor, "images features"], targets: Values, test: Float[Tensor, "other features"]
) -> Float[Tensor, "other parts"]:
    """The test targets as the line through the training examples predicts them, in float64."""
    centre, level = train.double().mean(dim=0), targets.double().mean(dim=0)
    inputs = train.double() - centre
    products = inputs.T @ inputs
    floor = RIDGE * float(products.diagonal().mean()) or 1.0
    weights: Tensor = torch.linalg.solve(
        products + floor * torch.eye(len(products), device=products.device), inputs.T @ (targets.double() - level)
    )
    predicted: Tensor = (test.double() - centre) @ weights + level
    return predicted


def explained(predicted: Values, true: Values) -> float:
    """R^2 = 1 - squared errors / squared distances from the mean, both summed over the parts; not a number for constant values.

    As scikit-learn's r2_score with multioutput="variance_weighted".
    """
    predicted, true = predicted.double(), true.double()
    total = (true - true.mean(dim=0)).square().sum()
    if float(total) <= len(true) * NOISE**2:
        return float("nan")
    return float(1 - (predicted - true).square().sum() / total)
