"""A module's mode comes back as it was."""

from __future__ import annotations

from torch import nn

from gedi_nesy.models.mode import evaluating


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
