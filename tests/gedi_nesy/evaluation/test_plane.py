"""Planes keep what they promise: variance, or neighbours; and a collapsed embedding breaks nothing."""

from __future__ import annotations

import pytest
import torch
from sklearn.decomposition import PCA

from gedi_nesy.evaluation.plane import neighbour_plane, principal_plane, trustworthiness


def clusters(count=60):
    """Three groups far apart in ten dimensions."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.eye(10)[:3] * 20
    return centres[torch.arange(count) % 3] + torch.randn(count, 10, generator=generator)


def test_the_principal_plane_is_scikit_learns_up_to_signs():
    places, expected = principal_plane(clusters()), PCA(2).fit_transform(clusters().numpy())
    assert places.abs().numpy() == pytest.approx(abs(expected), abs=1e-4)


def test_the_principal_plane_does_not_depend_on_the_signs_that_a_library_chooses():
    features = clusters()
    assert torch.allclose(principal_plane(features), principal_plane(features.flip(0)).flip(0), atol=1e-8)


def test_an_embedding_with_one_feature_lies_on_a_line():
    places = principal_plane(torch.tensor([[1.0], [2.0], [4.0]]))
    assert places[:, 0].diff().tolist() == pytest.approx([1, 2]), "the coefficient is positive"
    assert places[:, 1].tolist() == [0, 0, 0]


def test_neighbours_stay_neighbours():
    features = clusters()
    places = neighbour_plane(features, seed=3)
    distances = torch.cdist(places, places).fill_diagonal_(torch.inf)
    assert (distances.argmin(dim=1) % 3 == torch.arange(60) % 3).all()
    assert torch.equal(places, neighbour_plane(features, seed=3))


@pytest.mark.parametrize(("count", "perplexity"), [(60, 59 / 3), (120, 30.0)])
def test_the_layout_begins_with_the_principal_plane_made_small(monkeypatch, count, perplexity):
    asked = {}

    class Recorder:
        def __init__(self, **options):
            asked.update(options)

        def fit_transform(self, features):
            return features[:, :2]

    monkeypatch.setattr("sklearn.manifold.TSNE", Recorder)
    neighbour_plane(clusters(count), seed=2**32 + 3)
    assert (asked["perplexity"], asked["random_state"]) == (perplexity, 3)
    start, plane = torch.from_numpy(asked["init"]).double(), principal_plane(clusters(count))
    torch.testing.assert_close(start, plane / plane[:, 0].std(correction=0) * 1e-4, rtol=1e-5, atol=1e-10)


@pytest.mark.parametrize("features", [torch.ones(12, 4), torch.randn(3, 4), torch.randn(5, 1)])
def test_few_and_collapsed_embeddings_have_a_plane(features):
    places = neighbour_plane(features, seed=0)
    assert places.shape == (len(features), 2) and torch.isfinite(places).all()


def test_a_faithful_map_can_be_trusted_and_a_shuffled_one_cannot():
    features = torch.rand(200, 2, generator=torch.Generator().manual_seed(1))
    assert trustworthiness(features, features.double()) == 1.0
    shuffled = features[torch.randperm(200, generator=torch.Generator().manual_seed(2))]
    assert trustworthiness(features, shuffled.double()) == pytest.approx(0.5, abs=0.1)


def test_of_four_images_the_nearest_one_is_looked_at():
    """By the formula: 1 - 2 / (n k (2n - 3k - 1)) times how far each nearest one lies behind: 1 + 2 + 2 + 1."""
    features, places = (torch.tensor(line)[:, None] for line in ([0.0, 1.0, 10.0, 11.0], [0.0, 10.0, 1.0, 11.0]))
    assert trustworthiness(features, places.double()) == pytest.approx(1 - 2 / (4 * 1 * (8 - 3 - 1)) * 6)


def test_two_images_can_only_be_neighbours():
    assert trustworthiness(torch.ones(2, 2), torch.ones(2, 2, dtype=torch.float64)) == 1.0
