"""CorInfoMax against its running averages and determinants written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from gedi_nesy_plugins.methods.corinfomax import CorInfoMax, negative_log_volume, running_statistics
from torch.nn import functional

from gedi_nesy.testing import make_batch, make_method

ALL = frozenset(CorInfoMax.TERMS)


def views():
    return torch.randn(2, 7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_running_statistics_mix_the_past_with_the_batch():
    batch, mean, covariance = views(), torch.ones(2, 3).double(), torch.eye(3).double().repeat(2, 1, 1)
    new_mean, new_covariance = running_statistics(batch, mean, covariance, 0.25)
    for view in (0, 1):
        centre = [0.25 * 1 + 0.75 * float(batch[view, :, j].mean()) for j in range(3)]
        for j in range(3):
            assert float(new_mean[view, j]) == pytest.approx(centre[j])
            for k in range(3):
                products = [float(row[j] - centre[j]) * float(row[k] - centre[k]) for row in batch[view]]
                literal = 0.25 * (j == k) + 0.75 * sum(products) / 7
                assert float(new_covariance[view, j, k]) == pytest.approx(literal)


def test_the_volume_is_that_of_the_eigenvalues():
    matrices = torch.stack([view.T @ view for view in views()])
    literal = -sum(math.log(value + 1e-3) for matrix in matrices for value in np.linalg.eigvalsh(matrix.numpy())) / 3
    assert float(negative_log_volume(matrices, 1e-3)) == pytest.approx(literal)


def test_gradients_agree_with_finite_differences():
    def volume(batch):
        past = torch.zeros(2, 3).double(), torch.eye(3).double().repeat(2, 1, 1)
        return negative_log_volume(running_statistics(batch, *past, 0.1)[1], 1e-3)

    torch.autograd.gradcheck(volume, views().requires_grad_())


def test_the_method_works_on_projections_of_length_1_and_averages_after_the_step():
    method, images = make_method(CorInfoMax, projector=(8, 3), forgetting=0.25), make_batch().images
    projected = torch.stack([functional.normalize(method.projector(method.backbone(view)), dim=1) for view in images])
    terms = method.losses(make_batch(), ALL).terms
    torch.testing.assert_close(terms["invariance"], (projected[0] - projected[1]).square().mean())
    mean, covariance = running_statistics(projected, torch.zeros(2, 3), torch.eye(3).repeat(2, 1, 1), 0.25)
    torch.testing.assert_close(terms["volume"], negative_log_volume(covariance, 1e-6))
    assert not method.mean.any()
    method.updated()
    torch.testing.assert_close(method.mean, mean)
    torch.testing.assert_close(method.covariance, covariance)


def test_collapse_costs_volume_and_stays_finite():
    past = torch.zeros(2, 3), torch.eye(3).repeat(2, 1, 1)
    collapsed = torch.ones(2, 6, 3) / math.sqrt(3)
    spread = functional.normalize(views().float(), dim=2)
    values = [float(negative_log_volume(running_statistics(x, *past, 0.0)[1], 1e-6)) for x in (collapsed, spread)]
    assert math.isfinite(values[0]) and values[0] > values[1] + 5
