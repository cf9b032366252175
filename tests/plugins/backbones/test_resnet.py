"""torchvision's residual networks with each stem, and the inverted ones."""

from __future__ import annotations

import pytest
import torch
import torchvision.models
from gedi_nesy_plugins.backbones.resnet import ResNet
from torch import nn

from gedi_nesy.models.decoders import HasDecoder


def make(shape=(3, 32, 32), **options):
    return ResNet(ResNet.Options(**options), shape).eval()


@pytest.mark.parametrize(("depth", "features"), [(18, 512), (34, 512), (50, 2048)])
def test_features_are_those_of_torchvision_without_its_last_layer(depth, features):
    torch.manual_seed(0)
    backbone, images = make((3, 64, 64), depth=depth, stem="imagenet"), torch.randn(1, 3, 64, 64)
    reference = getattr(torchvision.models, f"resnet{depth}")().eval()
    reference.load_state_dict(
        backbone.layers.state_dict() | {k: v for k, v in reference.fc.named_parameters(prefix="fc")}
    )
    reference.fc = nn.Identity()
    assert backbone(images).shape == (1, features) == (1, backbone.num_features)
    torch.testing.assert_close(backbone(images), reference(images))


@pytest.mark.parametrize(("stem", "side"), [("cifar", 32), ("stl", 16), ("imagenet", 8)])
def test_a_stem_leaves_this_side_of_32_pixels_to_the_first_block(stem, side):
    backbone, seen = make(stem=stem), []
    backbone.layers.layer1.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].shape[-1]))
    backbone(torch.zeros(1, 3, 32, 32))
    assert seen == [side]


@pytest.mark.parametrize("stem", ["cifar", "stl", "imagenet"])
@pytest.mark.parametrize(("shape", "depth"), [((3, 32, 32), 50), ((1, 28, 28), 18), ((3, 40, 33), 18)])
def test_the_decoder_ends_at_the_images_shape(stem, shape, depth):
    backbone = make(shape, stem=stem, depth=depth)
    assert isinstance(backbone, HasDecoder)
    latents = torch.randn(2, 7, requires_grad=True)
    outputs = backbone.decoder(7)(latents)
    assert outputs.shape == (2, *shape)
    outputs.square().sum().backward()
    assert (latents.grad != 0).all()


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_the_decoder_has_the_blocks_of_its_own_depth_and_no_norm(depth):
    decoder = make(decoder_depth=depth).decoder(7)
    convolutions = [layer for layer in decoder.blocks.modules() if isinstance(layer, nn.Conv2d)]
    in_blocks = {18: 16, 34: 32, 50: 48}[depth]
    assert len([layer for layer in convolutions if layer.kernel_size == (3, 3)]) == (16 if depth != 34 else 32)
    shortcuts = {18: 4, 34: 4, 50: 4}[depth]
    assert len(convolutions) == in_blocks + shortcuts
    assert not [layer for layer in decoder.modules() if isinstance(layer, nn.BatchNorm2d)]


def test_nearest_doubling_is_what_grows_the_maps():
    decoder = make().decoder(7)
    sizes = [tuple(layer.size) for layer in decoder.blocks.modules() if isinstance(layer, nn.Upsample)]
    assert sorted(set(sizes)) == [(4, 4), (8, 8), (16, 16), (32, 32)]
