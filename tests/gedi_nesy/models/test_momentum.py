"""The moving average of a network."""

from __future__ import annotations

import torch
from torch import nn

from gedi_nesy.models.momentum import MomentumCopy


def test_the_copy_starts_equal_and_follows_the_average_of_the_weights():
    first, second = nn.Linear(2, 3), nn.Linear(3, 1)
    copy = MomentumCopy(0.9, first, second)
    rows = torch.randn(4, 2)
    torch.testing.assert_close(copy(rows), second(first(rows)))
    start = [parameter.clone() for parameter in copy.parameters()]
    with torch.no_grad():
        for parameter in (*first.parameters(), *second.parameters()):
            parameter.add_(1.0)
    copy.follow(first, second)
    copy.follow(first, second)
    # After two steps 0.9^2 of the old weights is left.
    for old, now in zip(start, copy.parameters(), strict=True):
        torch.testing.assert_close(now, old + (1 - 0.9**2))


def test_no_gradient_goes_into_or_through_the_copy():
    followed = nn.Linear(2, 3)
    copy = MomentumCopy(0.9, followed)
    outputs = copy(torch.randn(4, 2, requires_grad=True))
    copy.follow(followed)
    assert not outputs.requires_grad and not any(parameter.requires_grad for parameter in copy.parameters())
