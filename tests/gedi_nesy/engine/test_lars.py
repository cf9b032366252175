"""LARS against its formula, written for one parameter at a time."""

from __future__ import annotations

import pytest
import torch

from gedi_nesy.engine.lars import Lars

RATE, MOMENTUM, DECAY, TRUST = 0.3, 0.9, 0.01, 0.02


def literal(weight, gradients, adapted):
    """The docstring's lines in double precision."""
    weight, momentum = weight.double(), torch.zeros_like(weight).double()
    for gradient in gradients:
        gradient = gradient.double() + (DECAY if adapted else 0.0) * weight
        sizes = weight.norm(), gradient.norm()
        if adapted and min(sizes) > 0:
            gradient = gradient * TRUST * sizes[0] / sizes[1]
        momentum = MOMENTUM * momentum + gradient
        weight = weight - RATE * momentum
    return weight


@pytest.mark.parametrize("adapted", [True, False])
def test_three_steps_are_the_formula(adapted):
    generator = torch.Generator().manual_seed(0)
    shapes = [(3, 4), (5,), ()]
    weights = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    starts = [weight.detach().clone() for weight in weights]
    gradients = [[torch.randn(shape, generator=generator) for shape in shapes] for _ in range(3)]
    group = {"params": weights, "weight_decay": DECAY if adapted else 0.0, "adapted": adapted}
    optimizer = Lars([group], lr=RATE, momentum=MOMENTUM, trust=TRUST)
    for step in gradients:
        for weight, gradient in zip(weights, step, strict=True):
            weight.grad = gradient.clone()
        optimizer.step()
    for index, (weight, start) in enumerate(zip(weights, starts, strict=True)):
        expected = literal(start, [step[index] for step in gradients], adapted)
        torch.testing.assert_close(weight.detach(), expected.float())


def test_weights_or_gradients_of_zero_are_moved_as_by_sgd():
    weight, still = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.ones(2))
    unused = torch.nn.Parameter(torch.ones(2))
    weight.grad, still.grad = torch.tensor([1.0, -2.0]), torch.zeros(2)
    Lars([{"params": [weight, still, unused]}], lr=0.5, momentum=0.9, trust=1e-3).step()
    assert weight.tolist() == [-0.5, 1.0] and still.tolist() == [1.0, 1.0] and unused.tolist() == [1.0, 1.0]
