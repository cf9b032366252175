"""Shared losses against literal formulas, lightly's values where it has them, and finite differences."""

from __future__ import annotations

import math

import pytest
import torch

from gedi_nesy.losses import (
    cross_entropy,
    log_batch_mean,
    log_sinkhorn,
    mean_over_pairs,
    negative_cosine,
    negative_entropy,
    nt_xent,
    off_diagonal_squares,
)


def rows(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def cosine(a, b):
    return float((a @ b) / (a.norm() * b.norm()))


def literal_nt_xent(views, temperature):
    """SimCLR's eq. 1, pair by pair."""
    flat = [row for view in views for row in view]
    batch, total, pairs = len(views[0]), 0.0, 0
    for i, anchor in enumerate(flat):
        others = [k for k in range(len(flat)) if k != i]
        denominator = sum(math.exp(cosine(anchor, flat[k]) / temperature) for k in others)
        for positive in others:
            if positive % batch == i % batch:
                total -= math.log(math.exp(cosine(anchor, flat[positive]) / temperature) / denominator)
                pairs += 1
    return total / pairs


@pytest.mark.parametrize("num_views", [2, 3])
@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_nt_xent_is_the_formula(num_views, temperature):
    views = rows(num_views, 5, 4)
    assert float(nt_xent(views, temperature)) == pytest.approx(literal_nt_xent(views, temperature), abs=1e-10)


def test_nt_xent_is_lightlys():
    loss = pytest.importorskip("lightly.loss", reason="lightly is not installed").NTXentLoss(temperature=0.3)
    views = rows(2, 6, 4)
    torch.testing.assert_close(nt_xent(views, 0.3), loss(views[0], views[1]))


def test_nt_xent_ignores_the_order_of_views_and_images():
    views = rows(2, 6, 4)
    torch.testing.assert_close(nt_xent(views.flip(0)[:, [3, 1, 5, 0, 2, 4]], 0.2), nt_xent(views, 0.2))


def test_nt_xent_of_one_point_is_guessing_among_the_other_rows():
    assert float(nt_xent(torch.ones(2, 6, 4), 0.5)) == pytest.approx(math.log(11))


def test_nt_xent_has_the_gradient_of_finite_differences():
    torch.autograd.gradcheck(lambda views: nt_xent(views, 0.3), rows(2, 4, 3).requires_grad_())


def literal_sinkhorn(scores, epsilon, iterations):
    """SwAV's listing: a matrix of prototypes by images, rows to 1/K, columns to 1/B."""
    q = (scores / epsilon).exp().T
    q = q / q.sum()
    num_prototypes, batch = q.shape
    for _ in range(iterations):
        q = q / q.sum(dim=1, keepdim=True) / num_prototypes
        q = q / q.sum(dim=0, keepdim=True) / batch
    return (q * batch).T


@pytest.mark.parametrize("iterations", [1, 3, 50])
def test_sinkhorn_is_the_listing(iterations):
    scores = rows(8, 3).tanh()
    torch.testing.assert_close(log_sinkhorn(scores, 0.05, iterations).exp(), literal_sinkhorn(scores, 0.05, iterations))


def test_sinkhorn_shares_the_batch_evenly_and_gives_distributions():
    codes = log_sinkhorn(rows(8, 4).tanh(), 0.5, 200).exp()
    torch.testing.assert_close(codes.sum(dim=1), torch.ones(8, dtype=torch.float64))
    torch.testing.assert_close(codes.sum(dim=0), torch.full((4,), 2.0, dtype=torch.float64))


def test_sinkhorn_overflows_for_no_score_and_has_no_gradient():
    codes = log_sinkhorn(torch.tensor([[1000.0, 0.0], [999.0, 3.0]]).requires_grad_(), 0.01, 3)
    assert torch.isfinite(codes.exp()).all() and not codes.requires_grad


def test_sinkhorn_is_lightlys():
    swav_loss = pytest.importorskip("lightly.loss.swav_loss", reason="lightly is not installed")
    scores = rows(8, 3).tanh()
    torch.testing.assert_close(
        log_sinkhorn(scores, 0.05, 3).exp(), swav_loss.sinkhorn(scores, iterations=3, epsilon=0.05)
    )


def test_negative_cosine_is_the_formula_and_half_the_squared_distance():
    first, second = rows(5, 3), rows(5, 3, seed=1)
    value = float(negative_cosine(first, second))
    assert value == pytest.approx(-sum(map(cosine, first, second)) / 5)
    unit, other = (x / x.norm(dim=1, keepdim=True) for x in (first, second))
    assert 2 + 2 * value == pytest.approx(float((unit - other).square().sum(dim=1).mean()))


def test_negative_cosine_is_lightlys():
    loss = pytest.importorskip("lightly.loss", reason="lightly is not installed").NegativeCosineSimilarity()
    first, second = rows(5, 3), rows(5, 3, seed=1)
    torch.testing.assert_close(negative_cosine(first, second), loss(first, second))


def test_off_diagonal_squares_leave_the_diagonal_out():
    matrix = rows(4, 4)
    literal = sum(float(matrix[i, j]) ** 2 for i in range(4) for j in range(4) if i != j)
    assert float(off_diagonal_squares(matrix)) == pytest.approx(literal)


def test_pairs_join_each_target_with_the_other_predictions():
    targets, predictions = torch.tensor([1.0, 10.0]), torch.tensor([2.0, 20.0, 200.0])
    mean = mean_over_pairs(lambda target, prediction: target * prediction, targets, predictions)
    assert float(mean) == (1 * 20 + 1 * 200 + 10 * 2 + 10 * 200) / 4


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: nt_xent(x, 0.2),
        lambda x: negative_cosine(x[0], x[1]),
        lambda x: cross_entropy(x[0].log_softmax(dim=1), x[1].log_softmax(dim=1)),
        lambda x: negative_entropy(log_batch_mean(x[0].log_softmax(dim=1))),
        lambda x: off_diagonal_squares(x[0, :3]),
    ],
)
def test_losses_keep_float32_under_autocast(loss):
    views = rows(2, 5, 3).float()
    with torch.autocast("cpu", torch.bfloat16):
        inside = loss(views)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, loss(views), rtol=1e-6, atol=1e-6)
