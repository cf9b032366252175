"""Barlow Twins against the literal sums of its eq. 1 and 2, and lightly's value."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.methods.barlow_twins import BarlowTwins, cross_correlation
from gedi_nesy_plugins.methods.barlow_twins import invariance as of_diagonal

from gedi_nesy import Batch
from gedi_nesy.losses import off_diagonal_squares
from gedi_nesy.testing import make_batch, make_method


def invariance(first, second):
    return of_diagonal(cross_correlation(first, second))


def redundancy(first, second):
    return off_diagonal_squares(cross_correlation(first, second))


def rows(seed, count=7, features=3):
    generator = torch.Generator().manual_seed(seed)
    return 5 * torch.randn(count, features, dtype=torch.float64, generator=generator) + 2


def literal(first, second):
    """C_jk of eq. 2, entry by entry."""
    first, second = first - first.mean(dim=0), second - second.mean(dim=0)
    return [
        [
            float(
                (first[:, j] * second[:, k]).sum() / (first[:, j].square().sum() * second[:, k].square().sum()).sqrt()
            )
            for k in range(3)
        ]
        for j in range(3)
    ]


def test_terms_are_equations_1_and_2():
    first, second = rows(0), rows(1)
    correlation = literal(first, second)
    torch.testing.assert_close(
        cross_correlation(first, second), torch.tensor(correlation, dtype=torch.float64), rtol=1e-5, atol=1e-5
    )
    assert float(invariance(first, second)) == pytest.approx(
        sum((1 - correlation[j][j]) ** 2 for j in range(3)), rel=1e-5
    )
    squares = sum(correlation[j][k] ** 2 for j in range(3) for k in range(3) if j != k)
    assert float(redundancy(first, second)) == pytest.approx(squares, rel=1e-5)


def test_the_weighted_sum_is_lightlys():
    loss = pytest.importorskip("lightly.loss", reason="lightly is not installed").BarlowTwinsLoss(lambda_param=5e-3)
    first, second = rows(0), rows(1)
    torch.testing.assert_close(invariance(first, second) + 5e-3 * redundancy(first, second), loss(first, second))


def test_uncorrelated_equal_views_reach_the_minimum():
    first = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    assert float(invariance(first, first)) == pytest.approx(0.0, abs=1e-9)
    assert float(redundancy(first, first)) == pytest.approx(0.0, abs=1e-9)


def test_gradients_agree_with_finite_differences():
    views = rows(0).requires_grad_(), rows(1).requires_grad_()
    torch.autograd.gradcheck(lambda first, second: invariance(first, second) + redundancy(first, second), views)


def test_a_constant_feature_gives_no_infinity():
    constant = torch.ones(6, 3, requires_grad=True)
    (invariance(constant, constant) + redundancy(constant, constant)).backward()
    assert torch.isfinite(constant.grad).all()


def test_the_method_gives_the_terms_of_its_projections():
    method, images = make_method(BarlowTwins, projector=(8, 4)), make_batch().images
    terms = method.losses(make_batch(), frozenset(BarlowTwins.TERMS)).terms
    first, second = (method.projector(method.backbone(view)) for view in images)
    torch.testing.assert_close(terms["invariance"], invariance(first, second))
    # Off the diagonal the two directions are transposes of each other.
    torch.testing.assert_close(terms["redundancy"], redundancy(first, second))


def test_more_views_give_the_mean_over_pairs():
    method = make_method(BarlowTwins, projector=(8, 4))
    batch = Batch(torch.cat([make_batch(0).images, make_batch(1).images[:1]]))
    terms = method.losses(batch, frozenset(BarlowTwins.TERMS)).terms
    projected = [method.projector(method.backbone(images)) for images in batch.images]
    for name, measure in (("invariance", invariance), ("redundancy", redundancy)):
        pairs = [measure(projected[i], projected[j]) for i in range(3) for j in range(3) if i != j]
        torch.testing.assert_close(terms[name], torch.stack(pairs).mean())
