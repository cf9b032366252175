"""Methods with a prior over latents sample from it."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.methods.aavae import AaVae
from gedi_nesy_plugins.methods.simvae import SimVae
from gedi_nesy_plugins.methods.vae import Vae

from gedi_nesy.testing import make_method


@pytest.mark.parametrize(
    ("kind", "options", "variance"), [(Vae, {}, 1.0), (AaVae, {}, 1.0), (SimVae, {"prior_variance": 0.5}, 1.5)]
)
def test_samples_are_decoded_from_draws_of_the_prior_in_evaluation_mode(monkeypatch, kind, options, variance):
    """A variance estimated from 40,000 numbers has a relative standard error of 0.7%."""
    method, seen = make_method(kind, latents=2, **options), []
    monkeypatch.setattr(method, "decode", lambda latents: seen.append((latents, method.training)) or latents)
    method.sample(20_000, torch.Generator().manual_seed(0))
    ((latents, training),) = seen
    assert not training and method.training
    assert latents.shape == (20_000, 2) and latents.mean().abs() < 0.03
    assert float(latents.var()) == pytest.approx(variance, rel=0.05)
