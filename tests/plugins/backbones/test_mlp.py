"""The perceptron of GEDI's toys and of SimVAE's table 4."""

from __future__ import annotations

import torch
from gedi_nesy_plugins.backbones.mlp import Mlp
from torch import nn


def linear(module):
    return [(layer.in_features, layer.out_features) for layer in module.modules() if isinstance(layer, nn.Linear)]


def test_table_4_of_simvae_and_its_decoder():
    backbone = Mlp(Mlp.Options(hidden=(500, 500), features=2000, rectified=True), (1, 28, 28))
    assert linear(backbone) == [(784, 500), (500, 500), (500, 2000)]
    decoder = backbone.decoder(10)
    assert linear(decoder) == [(10, 2000), (2000, 500), (500, 500), (500, 784)]
    assert decoder(torch.randn(3, 10)).shape == (3, 1, 28, 28)
    assert isinstance(list(decoder.modules())[-2], nn.Linear), "the pixels are not rectified"


def test_the_decoder_has_the_hidden_layers_turned_round():
    decoder = Mlp(Mlp.Options(hidden=(7, 5), features=3), (1, 4, 4)).decoder(2)
    assert linear(decoder) == [(2, 3), (3, 5), (5, 7), (7, 16)]


def test_only_a_rectified_output_has_no_negative_features():
    images = torch.rand(20, 1, 4, 4)
    for rectified in (False, True):
        features = Mlp(Mlp.Options(features=50, rectified=rectified), (1, 4, 4))(images)
        assert features.shape == (20, 50) and bool((features >= 0).all()) == rectified


def test_a_decoder_is_new_every_time_and_no_part_of_the_backbone():
    backbone = Mlp(Mlp.Options(), (1, 4, 4))
    before = len(list(backbone.parameters()))
    one, other = backbone.decoder(3), backbone.decoder(3)
    assert len(list(backbone.parameters())) == before
    assert not torch.equal(next(one.parameters()), next(other.parameters()))
