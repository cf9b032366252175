"""Table 5 of SimVAE: sizes, channels, and the decoder that leads back."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.backbones.simvae_resnet import SimVaeResNet
from torch import nn


def shapes(module, images, kind):
    """Channels and side of the output of every submodule of a kind."""
    found = []
    for layer in module.modules():
        if type(layer).__name__ == kind:
            layer.register_forward_hook(lambda layer, inputs, output: found.append((output.shape[1], output.shape[-1])))
    module(images)
    return found


@pytest.mark.parametrize("side", [32, 64])
def test_stages_have_the_channels_and_sizes_of_the_table(side):
    backbone = SimVaeResNet(SimVaeResNet.Options(), (3, side, side))
    assert backbone.num_features == 4096
    blocks = shapes(backbone, torch.zeros(2, 3, side, side), "_Residual")
    assert blocks[::2] == blocks[1::2] == [(32, 32), (64, 16), (128, 8), (256, 4)]


@pytest.mark.parametrize("side", [32, 64])
def test_the_decoder_has_the_channels_and_sizes_of_the_table(side):
    decoder = SimVaeResNet(SimVaeResNet.Options(), (3, side, side)).decoder(64)
    blocks = shapes(decoder, torch.zeros(2, 64), "_Residual")
    assert blocks[::2] == blocks[1::2] == [(128, 8), (64, 16), (32, 32), (16, side)]
    last = list(decoder.children())[-1]
    assert (last.kernel_size, last.out_channels) == ((5, 5), 3)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 48, 33), (3, 64, 64)])
def test_there_and_back_is_the_images_shape(shape):
    backbone = SimVaeResNet(SimVaeResNet.Options(), shape)
    features = backbone(torch.randn(2, *shape))
    assert features.shape == (2, backbone.num_features)
    assert backbone.decoder(5)(torch.randn(2, 5)).shape == (2, *shape)


def test_a_stage_has_the_two_blocks_of_resnet_18():
    backbone = SimVaeResNet(SimVaeResNet.Options(), (3, 32, 32))
    convolutions = [
        layer for layer in backbone.modules() if isinstance(layer, nn.Conv2d) and layer.kernel_size != (1, 1)
    ]
    assert len(convolutions) == 17, "17 convolutions and the linear layer are 18"
