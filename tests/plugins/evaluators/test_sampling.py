"""Samples of a class look like the class: for decoders and for energies."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.evaluators.sampling import Sampling
from torch import nn

from gedi_nesy import ConfigError
from gedi_nesy.evaluators import EvaluatorContext
from gedi_nesy.types import Term


class Pixels(nn.Module):
    """Codes are pixels."""

    def encode(self, images):
        return images.flatten(1)

    def decode(self, latents):
        return latents.view(-1, 1, 2, 2).clamp(-1, 1)


class Peaks(nn.Module):
    """An energy with a Gaussian peak for each class at the corner where its pixel is bright."""

    def joint(self, images):
        centres = torch.eye(4) * 1.6 - 0.8
        return -4 * (images.flatten(1)[:, None] - centres).square().sum(dim=2)

    def log_density(self, images):
        return self.joint(images).logsumexp(dim=1)

    def class_log_probs(self, images):
        return self.joint(images).log_softmax(dim=1)

    def sample(self, count, generator):
        return torch.zeros(count, 1, 2, 2)


def evaluate(method, task, terms=(), **options):
    context = EvaluatorContext(terms={name: Term("") for name in terms})
    evaluator = Sampling(Sampling.Options(**options), context)
    evaluator.check(method, task)
    return evaluator.evaluate(method, task)


def brightest(grid):
    return grid.pixels.flatten(1).int().argmax(dim=1).view(len(grid.rows), grid.columns)


def test_each_row_shows_its_class(forty):
    found = evaluate(Pixels(), forty, shown=6)
    grid = found.images["classes"]
    assert grid.rows == ("a", "b", "c", "d") and grid.columns == 6
    assert torch.equal(brightest(grid), torch.arange(4)[:, None].expand(4, 6))
    assert found.numbers["samples_recognised"] > 0.95
    assert set(found.definitions) == set(found.numbers)


def test_samples_have_the_mean_and_covariance_of_their_class(labelled_task):
    task = labelled_task([0] * 500, [0])
    pixels = task.dataset.train.pixels.flatten(1).double()
    drawn = evaluate(Pixels(), task, shown=4000).images["classes"].pixels.flatten(1).double()
    assert torch.allclose(drawn.mean(dim=0), pixels.mean(dim=0), atol=1.0)
    assert torch.allclose(torch.cov(drawn.T), torch.cov(pixels.T), atol=12.0)


def test_a_class_without_training_images_has_no_row(labelled_task):
    assert evaluate(Pixels(), labelled_task([0, 2, 2, -1], [0])).images["classes"].rows == ("a", "c")


def test_a_collapsed_code_is_sampled_and_not_recognised(labelled_task):
    class Collapsed(Pixels):
        def encode(self, images):
            return torch.zeros(len(images), 4)

    assert evaluate(Collapsed(), labelled_task([0, 1, 2, 3], [0])).numbers["samples_recognised"] == 0.25


def test_an_energy_is_followed_to_each_class(forty):
    quiet = {"steps": 200, "step_size": 0.02, "noise_std": 0.01}
    found = evaluate(Peaks(), forty, shown=3, sgld=quiet)
    assert torch.equal(brightest(found.images["classes"]), torch.arange(4)[:, None].expand(4, 3))
    assert found.numbers == {"samples_recognised": 1.0}
    assert "200 more moves" in found.definitions["samples_recognised"]


@pytest.mark.parametrize(("terms", "names"), [(["gen"], [f"cluster {k}" for k in range(4)]), (["gen", "nesy"], "abcd")])
def test_rows_of_an_energy_have_names_of_classes_only_where_training_knew_them(forty, terms, names):
    forty.TERMS = {"nesy": ""}
    assert evaluate(Peaks(), forty, terms, shown=1, sgld={"steps": 1}).images["classes"].rows == tuple(names)


def test_a_method_without_either_is_named(flat, forty):
    with pytest.raises(ConfigError, match="sampling needs decode with posterior or encode, or else class_log_probs"):
        evaluate(flat(), forty)
