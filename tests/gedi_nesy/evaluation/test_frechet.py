"""Fréchet distances against scipy's matrix root, torchmetrics and the Wasserstein distance of known Gaussians."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from torchmetrics.image.fid import _compute_fid

from gedi_nesy import DataError, DivergenceError
from gedi_nesy.evaluation.frechet import Moments, frechet_distance, moments


def features(count, size, seed, offset=0.0):
    mixing = torch.randn(size, size, generator=torch.Generator().manual_seed(seed + 1))
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed)) @ mixing + offset


def of(rows):
    return moments(lambda chunk: chunk, torch.split(rows, 7))


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_moments_in_chunks_are_those_of_numpy(offset):
    rows = features(50, 5, seed=0, offset=offset)
    found = of(rows)
    assert np.allclose(found.mean, rows.double().numpy().mean(axis=0))
    assert np.allclose(found.covariance, np.cov(rows.double().numpy(), rowvar=False), atol=1e-9)


@pytest.mark.parametrize("count", [200, 6])
def test_the_distance_is_that_of_scipy_and_torchmetrics(count):
    """With six rows of ten features the covariances are singular."""
    first, second = of(features(count, 10, seed=1)), of(features(count, 10, seed=5, offset=0.3))
    root = scipy.linalg.sqrtm((first.covariance @ second.covariance).numpy())
    trace = torch.trace(first.covariance + second.covariance) - 2 * np.trace(root).real
    expected = float((first.mean - second.mean).square().sum() + trace)
    found = frechet_distance(first, second)
    assert found == pytest.approx(expected, rel=1e-4)
    theirs = _compute_fid(first.mean, first.covariance, second.mean, second.covariance)
    assert found == pytest.approx(float(theirs), rel=1e-4)
    assert found == pytest.approx(frechet_distance(second, first))


def test_gaussians_with_parallel_axes_have_a_closed_form():
    first = Moments(torch.zeros(3).double(), torch.tensor([1.0, 4.0, 9.0]).double().diag())
    second = Moments(torch.ones(3).double(), torch.tensor([4.0, 4.0, 0.0]).double().diag())
    assert frechet_distance(first, second) == pytest.approx(3 + (1 - 2) ** 2 + 0 + 3**2)


def test_the_same_images_have_no_distance_and_constant_ones_that_of_their_means():
    rows = features(40, 6, seed=2)
    assert frechet_distance(of(rows), of(rows)) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(of(torch.zeros(5, 4)), of(torch.ones(3, 4))) == pytest.approx(4.0)


def test_what_has_no_covariance_says_so():
    with pytest.raises(DataError, match="1 images have no covariance"):
        of(torch.ones(1, 3))
    with pytest.raises(DataError, match="0 images"):
        moments(lambda chunk: chunk, [])
    with pytest.raises(DivergenceError, match="not finite"):
        of(torch.full((3, 2), torch.nan))
