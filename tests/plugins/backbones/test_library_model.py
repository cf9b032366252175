"""Networks of torchvision and timm by name."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch
import torchvision.models
from gedi_nesy_plugins.backbones.library_model import LibraryModel
from torch import nn

from gedi_nesy import ConfigError


def make(shape=(3, 32, 32), **options):
    return LibraryModel(LibraryModel.Options(**options), shape).eval()


@pytest.mark.parametrize(
    ("model", "features"), [("mobilenet_v3_small", 1024), ("shufflenet_v2_x0_5", 1024), ("resnet18", 512)]
)
def test_a_torchvision_model_ends_before_its_last_linear_layer(model, features):
    backbone = make(model=model)
    assert backbone.num_features == features
    assert backbone(torch.randn(2, 3, 32, 32)).shape == (2, features)


def test_a_model_with_further_outputs_in_training_has_features_alone():
    assert make(model="googlenet").train()(torch.randn(2, 3, 32, 32)).shape == (2, 1024)


def test_the_attempt_in_training_changes_neither_statistics_nor_what_is_drawn_next():
    """Dropout draws, and the heads of methods are drawn after their backbone."""
    torch.manual_seed(0)
    backbone = LibraryModel(LibraryModel.Options(model="mobilenet_v3_small"), (3, 32, 32))
    drawn = torch.get_rng_state()
    torch.manual_seed(0)
    plain = torchvision.models.mobilenet_v3_small(weights=None)
    assert torch.equal(drawn, torch.get_rng_state())
    assert all(module.training for module in backbone.modules())
    buffers = dict(plain.named_buffers())
    assert all(torch.equal(buffer, buffers[name]) for name, buffer in backbone.layers.named_buffers())


def test_grey_images_are_shown_in_three_equal_channels():
    backbone = make((1, 32, 32), model="resnet18")
    grey = torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(backbone(grey), backbone.layers[1](torch.cat([grey, grey, grey], dim=1)))


def test_arguments_reach_the_builder():
    assert make(model="vit_b_32", arguments={"image_size": 32}).num_features == 768


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "resnet19"}, 'no model "resnet19". Did you mean "resnet18"?'),
        ({"model": "squeezenet1_0"}, "it has no linear layer to leave out"),
        ({"model": "vit_b_32"}, "cannot be built for images of 3x32x32"),
        ({"model": "resnet18", "arguments": {"layrs": 3}}, "layrs"),
        (
            {"model": "googlenet", "arguments": {"aux_logits": True}},
            "in training it gives GoogLeNetOutputs, not one tensor",
        ),
    ],
)
def test_what_cannot_be_built_is_said_before_training(options, message):
    with pytest.raises(ConfigError) as error:
        make(**options)
    assert message in str(error.value) and error.value.key == "backbone.model"


@pytest.mark.parametrize("argument", ["weights", "pretrained"])
def test_trained_weights_are_told_where_they_come_from(argument):
    with pytest.raises(ConfigError) as error:
        make(model="resnet18", arguments={argument: "DEFAULT"})
    assert error.value.key == "backbone.arguments"
    assert f"backbone.arguments.{argument}: trained weights come from a file that start_from.path names" in str(
        error.value
    )


def test_a_missing_timm_gets_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ConfigError, match="pip install timm"):
        make(library="timm", model="resnet18")


def test_timm_builds_without_classes_for_the_images_channels(monkeypatch):
    asked = {}

    def create_model(name, **arguments):
        asked.update(arguments, name=name)
        return nn.Sequential(nn.Flatten(), nn.Linear(16, 6))

    monkeypatch.setitem(sys.modules, "timm", SimpleNamespace(list_models=lambda: ["vit"], create_model=create_model))
    backbone = make((1, 4, 4), library="timm", model="vit", arguments={"img_size": 4})
    assert asked == {"name": "vit", "pretrained": False, "num_classes": 0, "in_chans": 1, "img_size": 4}
    assert backbone.num_features == 6


def test_a_real_timm_model_has_features():
    pytest.importorskip("timm")
    assert make(library="timm", model="resnet18").num_features == 512
