"""SimSiam's symmetrised loss and its stop-gradient."""

from __future__ import annotations

import torch
from gedi_nesy_plugins.methods.simsiam import SimSiam
from torch.nn import functional

from gedi_nesy.testing import make_batch, make_method

SMALL = {"projector": (8, 4), "predictor": (8,)}


def parts(method):
    projected = [method.projector(method.backbone(view)) for view in make_batch().images]
    return projected, [method.predictor(rows) for rows in projected]


def distance(prediction, target):
    """D of eq. 1."""
    return -(functional.normalize(prediction, dim=1) * functional.normalize(target, dim=1)).sum(dim=1).mean()


def test_the_term_is_equation_4():
    method = make_method(SimSiam, **SMALL)
    term = method.losses(make_batch(), frozenset(SimSiam.TERMS)).terms["prediction"]
    z, p = parts(method)
    torch.testing.assert_close(term, distance(p[0], z[1]) / 2 + distance(p[1], z[0]) / 2)


def test_no_gradient_flows_into_the_target():
    method = make_method(SimSiam, **SMALL)
    weight = method.projector[0].weight
    term = method.losses(make_batch(), frozenset(SimSiam.TERMS)).terms["prediction"]
    (gradient,) = torch.autograd.grad(term, weight)
    z, p = parts(method)
    stopped = distance(p[0], z[1].detach()) / 2 + distance(p[1], z[0].detach()) / 2
    torch.testing.assert_close(gradient, torch.autograd.grad(stopped, weight)[0])
    z, p = parts(method)
    flowing = torch.autograd.grad(distance(p[0], z[1]) / 2 + distance(p[1], z[0]) / 2, weight)[0]
    assert (gradient - flowing).abs().max() > 1e-4


def test_projections_end_in_batch_norm_without_scale_and_shift():
    """As the paper's projector has it; predictions do not."""
    projected, predictions = parts(make_method(SimSiam, **SMALL))
    for rows in projected:
        torch.testing.assert_close(rows.mean(dim=0), torch.zeros(4), rtol=0, atol=1e-5)
        torch.testing.assert_close(rows.var(dim=0, unbiased=False), torch.ones(4), rtol=1e-2, atol=0)
    assert predictions[0].mean(dim=0).abs().max() > 1e-2
