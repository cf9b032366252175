"""Reconstruction errors against a literal formula on the pixels."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.evaluators.reconstruction import Reconstruction
from torch import nn

from gedi_nesy import ConfigError, DivergenceError


class Dimmed(nn.Module):
    """Codes are pixels, and decoding takes this much off each, in units of 0 to 255."""

    def __init__(self, off):
        super().__init__()
        self.off = off

    def encode(self, images):
        return images.flatten(1)

    def decode(self, latents):
        return latents.view(-1, 1, 2, 2) - self.off / 127.5


def evaluate(method, task, **options):
    evaluator = Reconstruction(Reconstruction.Options(**options))
    evaluator.check(method, task)
    return evaluator.evaluate(method, task)


def test_errors_are_those_of_pixels_between_0_and_1(forty):
    found = evaluate(Dimmed(off=51), forty)
    assert found.numbers["mean_squared_error"] == pytest.approx(0.2**2, rel=1e-6)
    assert found.numbers["reconstruction_error"] == pytest.approx(0.5 * 4 * 0.2**2, rel=1e-6)
    assert set(found.definitions) == set(found.numbers)


def test_a_perfect_method_has_no_error_and_its_images_are_the_originals(forty):
    found = evaluate(Dimmed(off=0), forty, shown=5)
    assert found.numbers == pytest.approx({"reconstruction_error": 0.0, "mean_squared_error": 0.0}, abs=1e-12)
    grid = found.images["test"]
    assert grid.rows == ("original", "reconstruction") and grid.columns == 5
    assert torch.equal(grid.pixels[:5], grid.pixels[5:])


def test_a_posterior_is_seen_through_its_mean(linear_gaussian, forty):
    method = linear_gaussian()
    images = forty.dataset.test.pixels.float() / 127.5 - 1
    error = (method.decode(method.posterior(images).mean) - images).square().sum(dim=(1, 2, 3)).mean() / 4
    assert evaluate(method, forty).numbers["reconstruction_error"] == pytest.approx(float(error) / 2, rel=1e-5)


def test_more_images_to_show_than_there_are_shows_all(labelled_task):
    assert len(evaluate(Dimmed(off=0), labelled_task([0], [0, 1, 2])).images["test"].pixels) == 6


def test_a_method_that_cannot_decode_is_named(flat, forty):
    with pytest.raises(ConfigError, match="needs decode, and posterior or encode; the method offers embed") as error:
        evaluate(flat(), forty)
    assert error.value.key == "evaluators"


def test_a_damaged_method_is_no_number(forty):
    with pytest.raises(DivergenceError, match="reconstructions are not finite"):
        evaluate(Dimmed(off=float("nan")), forty)
