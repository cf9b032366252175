"""What the autoencoder reconstructs, and its error pixel by pixel."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from gedi_nesy_plugins.methods.autoencoder import Autoencoder

from gedi_nesy.methods import capabilities
from gedi_nesy.testing import check_method, make_batch, make_method

ALL = frozenset(Autoencoder.TERMS)


@pytest.mark.parametrize("target", ["original", "view"])
def test_the_contract_holds(target):
    check_method(Autoencoder, latents=3, target=target)


@pytest.mark.parametrize("target", ["original", "view"])
def test_reconstruction_is_the_squared_error_of_every_view_and_pixel(target):
    method, batch = make_method(Autoencoder, latents=3, target=target).eval(), make_batch()
    errors = []
    for view in batch.images:
        wanted = batch.originals if target == "original" else view
        outputs = method.decoder(method.projection(method.backbone(view)))
        errors += [(one - other) ** 2 for one, other in zip(outputs.flatten(), wanted.flatten(), strict=True)]
    got = method.losses(batch, ALL).terms["reconstruction"]
    torch.testing.assert_close(got, sum(errors) / len(errors))


@pytest.mark.parametrize(("target", "is_seen"), [("original", True), ("view", False)])
def test_the_original_is_the_target_when_asked_for(target, is_seen):
    method, batch = make_method(Autoencoder, latents=3, target=target), make_batch()
    other = replace(batch, originals=batch.originals.flip(0))
    one, two = (method.losses(each, ALL).terms["reconstruction"] for each in (batch, other))
    assert bool(one != two) == is_seen


def test_it_embeds_and_decodes_and_has_no_posterior():
    assert capabilities(make_method(Autoencoder)) == ["decode", "embed", "encode"]
    assert make_method(Autoencoder).terms()["reconstruction"].known_minimum == 0.0
