"""The moving average of weights against its definition."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gedi_nesy.engine.averaging import WeightAverage


def make_network():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    network[2].requires_grad_(False)
    network.register_buffer("chains", torch.zeros(4))
    return network


def test_the_average_is_its_recursion_with_a_warm_up():
    network = make_network()
    average = WeightAverage(network, 0.5)
    expected = network[0].weight.detach().clone()
    for step in range(1, 12):
        with torch.no_grad():
            network[0].weight.add_(step)
            network[1].running_mean.fill_(step)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * network[0].weight.detach()
    torch.testing.assert_close(average.tensors["0.weight"], expected)
    assert 9 < average.tensors["1.running_mean"][0] < 11


def test_trainable_parameters_and_their_norms_statistics_are_averaged_and_nothing_else():
    names = set(WeightAverage(make_network(), 0.9).tensors)
    assert names == {"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"}


def test_the_network_has_the_average_inside_the_block_only_and_blocks_nest():
    network = make_network()
    average = WeightAverage(network, 0.9)
    first = network[0].weight.detach().clone()
    with torch.no_grad():
        network[0].weight.add_(1)
    with pytest.raises(ValueError), average.in_place():
        with average.in_place():
            assert torch.equal(network[0].weight, first)
        assert torch.equal(network[0].weight, first)
        raise ValueError
    assert torch.equal(network[0].weight, first + 1)


def test_statistics_of_a_frozen_norm_are_left_alone_and_those_of_a_norm_without_weights_averaged():
    network = nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3, affine=False))
    network[0].requires_grad_(False)
    assert set(WeightAverage(network, 0.9).tensors) == {"1.running_mean", "1.running_var"}


def test_an_average_goes_on_from_saved_tensors_and_misses_none():
    average = WeightAverage(make_network(), 0.9)
    saved = {name: tensor + 1 for name, tensor in average.tensors.items()}
    average.load(saved)
    assert all(torch.equal(average.tensors[name], tensor) for name, tensor in saved.items())
    del saved["0.bias"]
    with pytest.raises(KeyError, match=r"0\.bias"):
        average.load(saved)
