"""GEDI's table 8: eight convolutions of one width, no norm, features of an image that do not depend on its neighbours."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.backbones.resnet8 import ResNet8
from torch import nn

from gedi_nesy import ConfigError


@pytest.mark.parametrize(("shape", "width"), [((1, 28, 28), 16), ((3, 32, 32), 8)])
def test_it_has_eight_convolutions_of_one_width_and_a_1x1_shortcut(shape, width):
    backbone = ResNet8(ResNet8.Options(width=width), shape)
    kernels = [(layer.kernel_size, layer.out_channels) for layer in backbone.modules() if isinstance(layer, nn.Conv2d)]
    assert sorted(kernels) == [((1, 1), width)] + [((3, 3), width)] * 8
    assert backbone(torch.randn(2, *shape)).shape == (2, width) == (2, backbone.num_features)


def test_the_features_of_an_image_do_not_depend_on_the_batch():
    backbone, images = ResNet8(ResNet8.Options(width=8), (3, 32, 32)).train(), torch.randn(4, 3, 32, 32)
    torch.testing.assert_close(backbone(images)[:1], backbone(images[:1]))


def test_batch_norm_follows_each_3x3_convolution_when_asked_for():
    backbone = ResNet8(ResNet8.Options(width=8, batch_norm=True), (1, 28, 28)).train()
    norms = [layer for layer in backbone.modules() if isinstance(layer, nn.BatchNorm2d)]
    images = torch.randn(6, 1, 28, 28)
    assert len(norms) == 8 and backbone(images).shape == (6, 8)
    assert not torch.allclose(backbone(images)[:1], backbone(images[:2])[:1], atol=1e-3)


def test_images_that_vanish_when_halved_are_refused():
    assert ResNet8(ResNet8.Options(width=2), (1, 4, 5))(torch.randn(2, 1, 4, 5)).shape == (2, 2)
    with pytest.raises(
        ConfigError, match="resnet8 cannot take images of 5 by 3: it wants 4 by 4 at least, mlp takes any"
    ):
        ResNet8(ResNet8.Options(), (1, 5, 3))
