"""VICReg against its equations written as loops, and lightly's value, which has the authors' scales."""

from __future__ import annotations

import math

import pytest
import torch
from gedi_nesy_plugins.methods.vicreg import VicReg, covariance, invariance, variance

from gedi_nesy.testing import make_batch, make_method


def views(scale=0.5):
    return scale * torch.randn(2, 7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def literal_covariance(rows, j, k):
    means = rows.mean(dim=0)
    return sum(float((row[j] - means[j]) * (row[k] - means[k])) for row in rows) / (len(rows) - 1)


def test_terms_are_the_equations():
    both = views()
    distances = [float((a[j] - b[j]) ** 2) for a, b in zip(*both, strict=True) for j in range(3)]
    assert float(invariance(both)) == pytest.approx(sum(distances) / len(distances))
    shortfalls = [max(0.0, 1 - math.sqrt(literal_covariance(rows, j, j) + 1e-4)) for rows in both for j in range(3)]
    assert float(variance(both)) == pytest.approx(sum(shortfalls) / len(shortfalls))
    squares = [literal_covariance(rows, j, k) ** 2 for rows in both for j in range(3) for k in range(3) if j != k]
    assert float(covariance(both)) == pytest.approx(sum(squares) / 3)


def test_the_weighted_sum_is_lightlys():
    loss = pytest.importorskip("lightly.loss", reason="lightly is not installed").VICRegLoss()
    both = views()
    ours = 25 * invariance(both) + 25 * variance(both) + covariance(both)
    torch.testing.assert_close(ours, loss(both[0], both[1]))


def test_wide_spread_features_have_no_variance_left_to_gain():
    assert float(variance(views(scale=10))) == 0.0


def test_gradients_agree_with_finite_differences():
    torch.autograd.gradcheck(lambda x: invariance(x) + variance(x) + covariance(x), views().requires_grad_())


def test_collapse_has_finite_gradients():
    constant = torch.ones(2, 6, 3, requires_grad=True)
    (invariance(constant) + variance(constant) + covariance(constant)).backward()
    assert torch.isfinite(constant.grad).all()


def test_the_method_gives_the_terms_of_its_projections():
    method, images = make_method(VicReg, projector=(8, 4)), make_batch().images
    terms = method.losses(make_batch(), frozenset(VicReg.TERMS)).terms
    projected = torch.stack([method.projector(method.backbone(view)) for view in images])
    for name, measure in (("invariance", invariance), ("variance", variance), ("covariance", covariance)):
        torch.testing.assert_close(terms[name], measure(projected))
