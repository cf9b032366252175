"""k is chosen on training images only, and the accuracy is that of scikit-learn's classifier with this k."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.evaluators.knn import NearestNeighbours
from pydantic import ValidationError
from sklearn.neighbors import KNeighborsClassifier

from gedi_nesy import ConfigError
from gedi_nesy.data.dataset import ImageDataset, Images
from gedi_nesy.evaluators import EvaluatorContext, embed


def evaluate(method, task, seed=0, **options):
    evaluator = NearestNeighbours(NearestNeighbours.Options(**options), EvaluatorContext(seed=seed))
    evaluator.check(method, task)
    return evaluator.evaluate(method, task)


@pytest.fixture
def noisy(labelled_task):
    """300 images whose classes overlap, so that k matters."""
    return labelled_task(torch.arange(300) % 4, torch.arange(200) % 4, noise=90)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_accuracy_is_that_of_scikit_learn_with_the_k_chosen(flat, noisy, metric):
    found = evaluate(flat(), noisy, metrics=(metric,))
    k = int(found.numbers[f"knn_{metric}_k"])
    data = noisy.dataset
    train, test = (embed(flat(), images.pixels).double().numpy() for images in (data.train, data.test))
    oracle = KNeighborsClassifier(k, metric=metric, algorithm="brute").fit(train, data.train.labels)
    assert found.numbers[f"knn_{metric}"] == pytest.approx(oracle.score(test, data.test.labels), abs=0.011)
    assert set(found.definitions) == set(found.numbers)


def test_k_is_the_smallest_that_is_best_on_the_held_out_part(flat, noisy):
    found = evaluate(flat(), noisy)
    for metric in ("euclidean", "cosine"):
        curve = found.tables[f"knn_{metric}"]["validation_accuracy_by_k"]
        assert len(curve) == 15 and len(set(curve)) > 1
        assert found.numbers[f"knn_{metric}_k"] == 1 + curve.index(max(curve))


def test_the_test_split_does_not_choose_k(flat, noisy):
    """Labels of test images that are all wrong change the accuracy and nothing else."""
    data = noisy.dataset
    noisy.dataset = ImageDataset(data.train, Images(data.test.pixels, (data.test.labels + 1) % 4), data.classes)
    wrong = evaluate(flat(), noisy)
    noisy.dataset = data
    right = evaluate(flat(), noisy)
    assert wrong.tables == right.tables
    assert wrong.numbers["knn_euclidean_k"] == right.numbers["knn_euclidean_k"]
    assert wrong.numbers["knn_euclidean"] < right.numbers["knn_euclidean"]


def test_the_run_s_seed_decides_what_is_held_out(flat, noisy):
    first, again, other = (evaluate(flat(), noisy, seed).tables for seed in (0, 0, 1))
    assert first == again != other


def test_images_whose_class_is_not_known_do_not_count(flat, labelled_task):
    task = labelled_task([0, 1, 2, 3] * 5 + [-1] * 9, [-1, 0, 1, 2, 3])
    found = evaluate(flat(), task)
    assert found.numbers["knn_euclidean"] == 1.0
    assert "20 training images" in found.definitions["knn_euclidean"]
    assert len(found.tables["knn_euclidean"]["validation_accuracy_by_k"]) == 15


@pytest.mark.parametrize("labels", [[2] * 10, [0, 1]], ids=["one class", "fewer images than neighbours"])
def test_degenerate_training_splits_have_an_accuracy(flat, labelled_task, labels):
    found = evaluate(flat(), labelled_task(labels, [2, 2, 0, 0]))
    assert found.numbers["knn_euclidean"] in (0.5, 0.25)


def test_a_constant_embedding_is_at_chance(flat, forty):
    found = evaluate(flat(0.0), forty)
    assert found.numbers["knn_euclidean"] == found.numbers["knn_cosine"] == 0.25


def test_without_labels_of_training_images_it_says_so(flat, labelled_task):
    with pytest.raises(ConfigError, match="the evaluator knn needs classes of training images"):
        evaluate(flat(), labelled_task([-1, -1], [0, 1]))
    with pytest.raises(ConfigError, match="knn needs classes of at least 2 training images, and 1 is known"):
        evaluate(flat(), labelled_task([1, -1], [0, 1]))


@pytest.mark.parametrize("options", [{"metrics": ()}, {"max_neighbours": 0}, {"validation": 1.0}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValidationError):
        NearestNeighbours.Options(**options)


def test_k_is_a_choice_and_an_integer(flat, noisy):
    found = evaluate(flat(), noisy)
    assert found.choices == {"knn_euclidean_k", "knn_cosine_k"}
    assert all(isinstance(found.numbers[name], int) for name in found.choices)
