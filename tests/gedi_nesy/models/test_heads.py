"""Layers of the projectors, and prototypes as cosines."""

from __future__ import annotations

import torch
from torch import nn

from gedi_nesy.models.heads import Projector, Prototypes, mlp


def kinds(network):
    return [type(layer).__name__ for layer in network]


def test_a_projector_has_one_hidden_layer_of_twice_the_width_and_a_slope_of_a_fifth():
    head, features = Projector(3, 4), torch.randn(5, 3)
    (into, bias), (out, last) = ((layer.weight, layer.bias) for layer in (head.layers[0], head.layers[2]))
    hidden = features @ into.T + bias
    assert into.shape == (6, 3)
    torch.testing.assert_close(head(features), torch.maximum(hidden, 0.2 * hidden) @ out.T + last)


def test_an_mlp_is_linear_normalised_rectified_and_ends_linear():
    network = mlp(3, (8, 5, 2))
    assert kinds(network) == ["Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d", "ReLU", "Linear"]
    assert [layer.out_features for layer in network if isinstance(layer, nn.Linear)] == [8, 5, 2]
    assert kinds(mlp(3, (8, 2), batch_norm=False)) == ["Linear", "ReLU", "Linear"]
    assert kinds(mlp(3, (4,))) == ["Linear"]


def test_no_layer_has_a_bias_that_batch_norm_takes_away():
    network = mlp(3, (8, 2), output_norm=True)
    assert network[0].bias is None and network[3].bias is None and not network[4].affine
    assert mlp(3, (8, 2), batch_norm=False)[0].bias is not None


def test_prototypes_give_cosines_whatever_the_lengths():
    head, features = Prototypes(3, 4), torch.randn(5, 3)
    literal = nn.functional.cosine_similarity(features[:, None], head.directions[None], dim=2)
    torch.testing.assert_close(head(features), literal)
    before = head(features)
    with torch.no_grad():
        head.directions.mul_(7.0)
    torch.testing.assert_close(head(3 * features), before)
