"""Probes side by side learn what each would learn alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from gedi_nesy.evaluation.many_probes import ManyProbes, accuracies, sum_of_losses


def alone(probes, index, features, hidden):
    """The same network of ordinary layers."""
    inner = features
    if hidden:
        rows = slice(index * hidden, (index + 1) * hidden)
        inner = functional.linear(features, probes.hidden.weight[rows], probes.hidden.bias[rows]).relu()
    return inner @ probes.weight[index] + probes.bias[index]


@pytest.mark.parametrize("hidden", [None, 6])
def test_each_attribute_has_a_network_of_its_own(hidden):
    torch.manual_seed(0)
    probes, features = ManyProbes(4, [2, 5], hidden), torch.randn(7, 4)
    logits = probes(features)
    assert torch.allclose(logits[:, 0, :2], alone(probes, 0, features, hidden)[:, :2], atol=1e-6)
    assert torch.allclose(logits[:, 1], alone(probes, 1, features, hidden), atol=1e-6)
    assert (logits[:, 0, 2:] == -torch.inf).all()


def test_losses_are_means_over_the_images_whose_attribute_is_known():
    torch.manual_seed(0)
    probes, features = ManyProbes(4, [2, 3], None), torch.randn(5, 4)
    labels = torch.tensor([[0, 2], [1, -1], [1, 0], [-1, -1], [0, 1]])
    logits = probes(features)
    loss = sum_of_losses(logits, labels)
    expected = functional.cross_entropy(logits[[0, 1, 2, 4], 0, :2], labels[[0, 1, 2, 4], 0])
    expected = expected + functional.cross_entropy(logits[[0, 2, 4], 1], labels[[0, 2, 4], 1])
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in probes.parameters())
    assert sum_of_losses(logits.detach(), torch.full((5, 2), -1)) == 0


def test_accuracies_leave_out_what_is_not_known():
    logits = functional.one_hot(torch.tensor([[0, 1], [1, 1], [1, 0]]), 2).float()
    found = accuracies(logits, torch.tensor([[0, -1], [0, -1], [-1, -1]]))
    assert found[0] == 0.5 and found[1].isnan()


def test_weights_are_drawn_as_those_of_a_linear_layer():
    torch.manual_seed(0)
    probes, layer = ManyProbes(50, [40] * 20, None), nn.Linear(50, 800)
    for ours, theirs in ((probes.weight, layer.weight), (probes.bias, layer.bias)):
        assert float(ours.detach().abs().max()) == pytest.approx(float(theirs.detach().abs().max()), rel=0.01)
        assert float(ours.detach().std()) == pytest.approx(float(theirs.detach().std()), rel=0.05)
