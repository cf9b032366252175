"""Expectation maximisation against scikit-learn's from the same start, on degenerate points too."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

from gedi_nesy.evaluation.mixture import fit_mixture


def cloud(count, size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (count,), generator=generator)
    centres = 1.5 * torch.randn(3, size, generator=generator)
    mixing = torch.randn(3, size, size, generator=generator)
    noise = torch.randn(count, size, generator=generator)
    points = centres[labels] + torch.einsum("ni,nij->nj", noise, mixing[labels]) / size
    return (points - points.mean(dim=0)) / points.std(), labels


def by_scikit_learn(points, clusters, count):
    """The same start, its parameters given."""
    start = [points[clusters == label].double().numpy() for label in range(count)]
    covariances = [np.cov(rows, rowvar=False, bias=True) + 1e-6 * np.eye(points.shape[1]) for rows in start]
    model = GaussianMixture(
        count,
        weights_init=[len(rows) / len(points) for rows in start],
        means_init=[rows.mean(axis=0) for rows in start],
        precisions_init=[np.linalg.inv(covariance) for covariance in covariances],
    )
    return model.fit(points.double().numpy())


@pytest.mark.parametrize("size", [1, 4, 8])
def test_the_end_is_that_of_scikit_learn_from_the_same_start(size):
    points, labels = cloud(600, size)
    clusters = torch.where(torch.arange(600) % 4 == 0, (labels + 1) % 3, labels)  # a start that is a quarter wrong
    ours, theirs = fit_mixture(points, clusters, 3), by_scikit_learn(points, clusters, 3)
    assert theirs.n_iter_ > 2
    assert ours.log_likelihood == pytest.approx(theirs.lower_bound_, abs=1e-4)
    assert np.allclose(ours.means, theirs.means_, atol=1e-3)
    assert np.allclose(ours.log_weights.exp(), theirs.weights_, atol=1e-3)
    assert np.array_equal(ours.assign(points), theirs.predict(points.double().numpy()))


def test_densities_are_those_of_scipy():
    points, labels = cloud(300, 3)
    mixture = fit_mixture(points, labels, 3)
    inverse = torch.linalg.inv(mixture.whitenings)
    covariances = inverse.transpose(1, 2) @ inverse
    for component, column in enumerate(mixture.log_joint(points).T):
        normal = multivariate_normal(mixture.means[component].numpy(), covariances[component].numpy())
        expected = normal.logpdf(points.double().numpy()) + float(mixture.log_weights[component])
        assert np.allclose(column, expected, atol=1e-3)


def test_a_component_that_starts_empty_and_points_on_a_line_are_no_trouble():
    points = torch.randn(50, 1, generator=torch.Generator().manual_seed(0)).expand(50, 3)
    mixture = fit_mixture(points, torch.zeros(50, dtype=torch.long), 2)
    assert torch.isfinite(mixture.log_joint(points)[:, 0]).all()
    assert (mixture.assign(points) == 0).all()


def test_all_points_alike_have_one_component():
    mixture = fit_mixture(torch.zeros(20, 4), torch.arange(20) % 3, 3)
    assert np.isfinite(mixture.log_likelihood) and len(mixture.assign(torch.zeros(5, 4)).unique()) == 1
