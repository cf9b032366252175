"""Each algorithm's clusters are scored on test images, and those with known classes alone count."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from gedi_nesy_plugins.evaluators.clustering import Clustering

from gedi_nesy import ConfigError
from gedi_nesy.data.dataset import to_pixels
from gedi_nesy.evaluators import EvaluatorContext

QUICK = {"k_means_starts": 4, "gaussian_mixture_starts": 2}


def evaluate(method, task, **options):
    evaluator = Clustering(Clustering.Options(**(QUICK | options)), EvaluatorContext())
    evaluator.check(method, task)
    return evaluator.evaluate(method, task)


def test_every_algorithm_finds_classes_that_are_plain_to_see(energy, labelled_task):
    task = labelled_task(torch.arange(200) % 4, torch.arange(80) % 4)
    found = evaluate(energy, task)
    kinds = ("argmax", "k_means", "gaussian_mixture")
    assert found.numbers == {f"{kind}_{score}": 1.0 for kind in kinds for score in ("nmi", "ari", "accuracy")}
    assert set(found.definitions) == set(found.numbers)
    assert "best of 4 starts" in found.definitions["k_means_nmi"]


def test_accuracy_is_that_of_the_best_renaming(labelled_task):
    chance = np.random.default_rng(0)
    labels, clusters = chance.integers(0, 4, 100), chance.integers(0, 4, 100)

    class Told(torch.nn.Module):
        def class_log_probs(self, images):
            assert len(images) == 100 and to_pixels(images).dtype == torch.uint8
            return torch.nn.functional.one_hot(torch.from_numpy(clusters), 4).float()

    found = evaluate(Told(), labelled_task([0], labels))
    best = max(np.mean(np.array(order)[clusters] == labels) for order in itertools.permutations(range(4)))
    assert found.numbers["argmax_accuracy"] == pytest.approx(best)
    assert set(found.numbers) == {"argmax_nmi", "argmax_ari", "argmax_accuracy"}


def test_clusters_are_fitted_to_training_images_without_labels(flat, labelled_task):
    """No training image has a class, and those of the test split decide nothing."""
    task = labelled_task([-1] * 40, [0, -1, -1])
    task.dataset.train.pixels[:] = labelled_task(torch.arange(40) % 4, [0]).dataset.train.pixels
    assert evaluate(flat(), task).numbers["k_means_accuracy"] == 1.0


@pytest.mark.parametrize("clusters, accuracy", [(1, 0.25), (2, 0.5), (None, 1.0)])
def test_the_number_of_clusters_is_an_option(flat, forty, clusters, accuracy):
    found = evaluate(flat(), forty, algorithms=("k_means",), clusters=clusters)
    assert found.numbers["k_means_accuracy"] == accuracy


def test_a_constant_embedding_scores_as_one_cluster(flat, forty):
    numbers = evaluate(flat(0.0), forty).numbers
    assert numbers["k_means_nmi"] == numbers["gaussian_mixture_nmi"] == 0.0
    assert numbers["k_means_accuracy"] == numbers["gaussian_mixture_accuracy"] == 0.25


def test_fewer_training_images_than_classes_are_as_many_clusters(flat, labelled_task):
    task = labelled_task([0, 1], torch.arange(40) % 4, noise=1)
    found = evaluate(flat(), task)
    assert found.numbers["k_means_accuracy"] == 0.5
    assert "with 2 clusters fitted" in found.definitions["gaussian_mixture_nmi"]


def test_one_class_of_test_images_has_no_information_to_share(flat, labelled_task):
    numbers = evaluate(flat(), labelled_task(torch.arange(40) % 4, [2] * 20)).numbers
    assert numbers["k_means_nmi"] in (0.0, 1.0) and 0 < numbers["k_means_accuracy"] <= 1


def test_an_algorithm_that_the_method_cannot_have_is_named(flat, forty):
    with pytest.raises(ConfigError, match=r"Flat offers embed, so it cannot be used with argmax") as error:
        evaluate(flat(), forty, algorithms=("argmax", "k_means"))
    assert error.value.key == "evaluators"
    with pytest.raises(ConfigError, match="Identity offers nothing, so it cannot be used with any"):
        evaluate(torch.nn.Identity(), forty)


def test_without_classes_of_test_images_it_says_so(flat, labelled_task):
    with pytest.raises(ConfigError, match="clustering needs classes of test images"):
        evaluate(flat(), labelled_task([0, 1, 2, 3], [-1]))
