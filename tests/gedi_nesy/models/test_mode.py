"""A module's mode comes back as it was."""

from __future__ import annotations

import torch
from torch import nn

from gedi_nesy.models.mode import evaluating, frozen


def test_evaluating_restores_each_modules_own_mode():
    network = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout()))
    network.train()
    network[1].eval()
    with evaluating(network):
        assert not any(module.training for module in network.modules())
    assert [module.training for module in network.modules()] == [True, True, False, False]


def test_evaluating_restores_the_mode_after_an_error():
    network = nn.Dropout()
    try:
        with evaluating(network):
            raise ValueError
    except ValueError:
        pass
    assert network.training


def test_frozen_parameters_get_no_gradient_and_are_trainable_again_afterwards():
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    network[1].bias.requires_grad_(False)
    before, inputs = network(torch.ones(1, 2)).sum(), torch.ones(1, 2, requires_grad=True)
    with frozen(network):
        inside = network(inputs).sum()
    assert [parameter.requires_grad for parameter in network.parameters()] == [True, True, True, False]
    inside.backward()
    assert inputs.grad is not None and all(parameter.grad is None for parameter in network.parameters())
    before.backward()  # a graph of before the block keeps its gradients
    assert network[0].weight.grad is not None
