"""GEDI's table 8: eight convolutions of one width, no norm, features of an image that do not depend on its neighbours."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.backbones.resnet8 import ResNet8
from torch import nn
from torch.nn import functional

from gedi_nesy import ConfigError


def layer_by_layer(weights, images):
    """Table 8 as it is printed, from the weights of ours: every convolution by itself, then the average."""

    def convolved(hidden, layer):
        return functional.conv2d(hidden, weights[f"{layer}.weight"], weights[f"{layer}.bias"], padding="same")

    def residual(hidden, block):
        for layer in (f"{block}.0", f"{block}.1"):
            hidden = convolved(functional.leaky_relu(hidden, 0.2), layer)
        return hidden

    def pooled(hidden):
        height, width = hidden.shape[2] // 2, hidden.shape[3] // 2
        return hidden[..., : 2 * height, : 2 * width].unflatten(3, (width, 2)).unflatten(2, (height, 2)).mean((3, 5))

    hidden = convolved(functional.leaky_relu(convolved(images, "block1.0"), 0.2), "block1.1")
    hidden = pooled(hidden) + convolved(pooled(images), "shortcut1")
    hidden = pooled(residual(hidden, "block2")) + pooled(hidden)
    for block in ("block3", "block4"):
        hidden = residual(hidden, block) + hidden
    return hidden.mean((2, 3))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (2, 13, 7), (1, 4, 5)])
def test_its_features_and_gradients_are_those_of_the_table_layer_by_layer(shape):
    backbone = ResNet8(ResNet8.Options(width=6), shape).double()
    weights = {name: value.detach().clone().requires_grad_() for name, value in backbone.named_parameters()}
    images = torch.randn(3, *shape, dtype=torch.float64)
    ours, theirs = (images.clone().requires_grad_() for _ in range(2))
    direction = torch.randn(3, 6, dtype=torch.float64)
    features = backbone(ours)
    torch.testing.assert_close(features, layer_by_layer(weights, theirs))
    (features * direction).sum().backward()
    (layer_by_layer(weights, theirs) * direction).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    for name, parameter in backbone.named_parameters():
        torch.testing.assert_close(parameter.grad, weights[name].grad, msg=name)


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
