"""Samples of a class look like the class: for decoders and for energies."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.evaluators.sampling import Sampling
from torch import nn

from gedi_nesy import ConfigError
from gedi_nesy.data.dataset import Images
from gedi_nesy.evaluation.sampling import class_gaussians, energy_samples, generated, most_likely
from gedi_nesy.evaluators import EvaluatorContext
from gedi_nesy.samplers.sgld import SgldOptions
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


def test_a_move_of_an_energy_is_along_the_gradient_of_the_joint_density():
    """log p(x, y) of the peaks is -4 |x - c_y|^2, whose gradient in the middle is 8 c_y."""
    labels = torch.tensor([2, 0])
    options = SgldOptions(steps=1, step_size=0.05, noise_std=0.0)
    moved = energy_samples(Peaks(), labels, options, torch.Generator()).flatten(1)
    torch.testing.assert_close(moved, 0.05 * 8 * (torch.eye(4)[labels] * 1.6 - 0.8))


def test_the_likeliest_class_is_named_by_its_label(labelled_task):
    train = labelled_task([1, 3] * 20, [0]).dataset.train
    gaussians = class_gaussians(Pixels(), train)
    assert most_likely(gaussians, train.pixels.flatten(1) / 127.5 - 1).tolist() == [1, 3] * 20


def test_generated_classes_are_as_frequent_as_among_the_training_images(labelled_task):
    """A share of 0.9 of 1,000 draws has a standard error of 0.01; images of unknown class count for nothing."""
    known = labelled_task([0] * 90 + [1] * 10, [0]).dataset.train
    train = Images(known.pixels.repeat(2, 1, 1, 1), torch.cat([known.labels, torch.full((100,), -1)]))
    drawn = torch.cat(list(generated(Pixels(), "class_conditional", train, 1000, torch.Generator().manual_seed(0))))
    assert len(drawn) == 1000
    assert abs((drawn.flatten(1).int().argmax(dim=1) == 0).double().mean() - 0.9) < 0.05
