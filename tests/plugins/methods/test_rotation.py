"""Rotation: every image in its four turns, each with its number."""

from __future__ import annotations

import math

import pytest
import torch
from gedi_nesy_plugins.methods.rotation import Rotation

from gedi_nesy import ConfigError
from gedi_nesy.testing import make_batch, make_method

ALL = frozenset({"rotation"})


def quarter_turn(image):
    """Counter-clockwise: the last column becomes the first row."""
    return image.transpose(-1, -2).flip(-2)


@torch.no_grad()
def test_the_term_is_the_cross_entropy_of_the_turns():
    method, images = make_method(Rotation), make_batch().images[0]
    total, turned = 0.0, images
    for turns in range(4):
        logits = method.classifier(method.backbone(turned))
        total -= sum(math.log(float(row.softmax(dim=0)[turns])) for row in logits)
        turned = torch.stack([quarter_turn(image) for image in turned])
    torch.testing.assert_close(turned, images)
    assert float(method.losses(make_batch(), ALL).terms["rotation"]) == pytest.approx(total / 24, rel=1e-5)


@torch.no_grad()
def test_chance_is_that_of_a_classifier_that_knows_nothing():
    method = make_method(Rotation)
    torch.nn.init.zeros_(method.classifier.weight)
    torch.nn.init.zeros_(method.classifier.bias)
    term = method.terms()["rotation"]
    assert float(method.losses(make_batch(), ALL).terms["rotation"]) == pytest.approx(term.chance)


def test_images_that_are_not_square_are_refused():
    with pytest.raises(ConfigError, match="rotation needs square images, these are 8 by 6"):
        make_method(Rotation, shape=(1, 8, 6))
