"""Votes of the nearest neighbours against scikit-learn's classifier."""

from __future__ import annotations

import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from gedi_nesy.evaluation.features import Labelled
from gedi_nesy.evaluation.neighbours import neighbour_votes


def drawn(count, features=6, classes=4, seed=0, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (count,), generator=generator)
    points = torch.randn(count, features, generator=generator) + torch.nn.functional.one_hot(labels, features)
    return Labelled(points + shift, labels)


def by_scikit_learn(queries, references, neighbours, metric):
    # In double precision, or scikit-learn's own rounding decides among neighbours that are almost equally near.
    points = references.features.double().numpy()
    classifier = KNeighborsClassifier(neighbours, metric=metric, algorithm="brute").fit(points, references.labels)
    return torch.from_numpy(classifier.predict(queries.double().numpy()))


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("shift", [0.0, 100.0], ids=["at the origin", "far away"])
def test_votes_are_those_of_scikit_learn_for_every_k(metric, shift):
    references, queries = drawn(700, shift=shift), drawn(1100, seed=1, shift=shift).features
    votes = neighbour_votes(queries, references, 15, metric)
    assert votes.shape == (15, 1100)
    for k in range(1, 16):
        assert torch.equal(votes[k - 1], by_scikit_learn(queries, references, k, metric)), k


def in_two_groups(count, between, within, seed):
    """Groups that lie far apart, and in each the classes close by each other."""
    generator = torch.Generator().manual_seed(seed)
    group, labels = torch.randint(2, (2, count), generator=generator)
    points = torch.randn(count, 8, generator=generator) * within / 5
    points[:, 0] += (group * 2 - 1) * between
    points[:, 1] += (labels * 2 - 1) * within
    return Labelled(points, labels)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize(("between", "within"), [(10, 1e-3), (1000, 0.05)])
def test_classes_within_tight_groups_far_from_each_other_are_told_apart(metric, between, within):
    references, queries = (in_two_groups(300, between, within, seed) for seed in (0, 1))
    assert torch.equal(neighbour_votes(queries.features, references, 1, metric)[0], queries.labels)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_fewer_references_than_neighbours_gives_fewer_rows(metric):
    references, queries = drawn(5), drawn(30, seed=1).features
    votes = neighbour_votes(queries, references, 15, metric)
    assert votes.shape == (5, 30)
    assert torch.equal(votes[4], by_scikit_learn(queries, references, 5, metric))


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_one_class_is_always_voted_for(metric):
    references = Labelled(torch.randn(20, 3, generator=torch.Generator().manual_seed(0)), torch.full((20,), 3))
    assert (neighbour_votes(torch.randn(7, 3), references, 15, metric) == 3).all()


@pytest.mark.parametrize("value", [0.0, 1.7])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_a_constant_embedding_leaves_the_majority_of_all(metric, value):
    references = Labelled(torch.full((9, 3), value), torch.tensor([2, 0, 1, 1, 2, 1, 0, 1, 2]))
    assert (neighbour_votes(torch.full((4, 3), value), references, 9, metric)[-1] == 1).all()


def test_a_tie_goes_to_the_lower_class_number():
    references = Labelled(torch.tensor([[1.0], [2.0]]), torch.tensor([4, 2]))
    assert neighbour_votes(torch.tensor([[0.0]]), references, 2, "euclidean").flatten().tolist() == [4, 2]


def test_cosine_does_not_look_at_lengths():
    references = Labelled(torch.tensor([[100.0, 1.0], [1.0, 1.2]]), torch.tensor([0, 1]))
    query = torch.tensor([[3.0, 0.5]])
    assert neighbour_votes(query, references, 1, "cosine").item() == 0
    assert neighbour_votes(query, references, 1, "euclidean").item() == 1


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_images_at_the_origin_are_no_trouble(metric):
    references, queries = drawn(40), drawn(30, seed=1).features
    references.features[:5], references.labels[:5], queries[:3] = 0.0, 1, 0.0
    votes = neighbour_votes(queries, references, 7, metric)[:, 3:]
    for k in range(1, 8):
        assert torch.equal(votes[k - 1], by_scikit_learn(queries[3:], references, k, metric)), k
