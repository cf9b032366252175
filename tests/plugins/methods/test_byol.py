"""BYOL's distance, its target network and where the gradient goes."""

from __future__ import annotations

import torch
from gedi_nesy_plugins.methods.byol import Byol

from gedi_nesy.testing import make_batch, make_method

SMALL = {"projector": (8, 4), "predictor": (8,)}


def test_the_term_is_equation_2_over_both_directions():
    method, images = make_method(Byol, **SMALL), make_batch().images
    weight = method.projector[0].weight
    with torch.no_grad():  # since it was copied the trained network has moved on
        weight.add_(0.3 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)))
    term = method.losses(make_batch(), frozenset(Byol.TERMS)).terms["prediction"]

    def unit(rows):
        return rows / rows.norm(dim=1, keepdim=True)

    predictions = [unit(method.predictor(method.projector(method.backbone(view)))) for view in images]
    targets = [unit(method.target(view)) for view in images]
    directions = [(predictions[i] - targets[1 - i]).square().sum(dim=1).mean() for i in (0, 1)]
    literal = (directions[0] + directions[1]) / 2
    torch.testing.assert_close(term, literal)
    assert not targets[0].requires_grad
    torch.testing.assert_close(torch.autograd.grad(term, weight), torch.autograd.grad(literal, weight))


def test_the_target_moves_after_the_step_and_not_in_the_loss():
    method = make_method(Byol, momentum=0.75, **SMALL)
    before = [parameter.clone() for parameter in method.target.parameters()]
    with torch.no_grad():
        for parameter in method.parameters():
            if parameter.requires_grad:
                parameter.add_(1.0)
    method.losses(make_batch(), frozenset(Byol.TERMS))
    assert all(map(torch.equal, before, method.target.parameters()))
    method.updated()
    for old, new in zip(before, method.target.parameters(), strict=True):
        torch.testing.assert_close(new, old + 0.25)
