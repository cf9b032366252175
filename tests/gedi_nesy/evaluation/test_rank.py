"""Effective rank on embeddings whose spectrum is known."""

from __future__ import annotations

import math

import pytest
import torch

from gedi_nesy.evaluation.rank import effective_rank, mean_cosine, spectrum


def with_spectrum(deviations, count=64, seed=0):
    """Centred embeddings with exactly these deviations along rotated axes."""
    generator = torch.Generator().manual_seed(seed)
    size = len(deviations)
    noise = torch.randn(count, size, generator=generator, dtype=torch.float64)
    axes, _ = torch.linalg.qr(noise - noise.mean(dim=0))
    rotation, _ = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))
    return axes * math.sqrt(count) * torch.tensor(deviations) @ rotation


@pytest.mark.parametrize("shift", [0.0, 30.0])
def test_the_spectrum_is_that_of_the_centred_embeddings(shift):
    features = with_spectrum([3.0, 2.0, 0.5, 0.0]) + shift
    assert torch.allclose(spectrum(features), torch.tensor([3.0, 2.0, 0.5, 0.0]).double(), atol=1e-5)
    centred = features - features.mean(dim=0)
    assert torch.allclose(spectrum(features), torch.linalg.svdvals(centred) / math.sqrt(64), atol=1e-5)


def test_a_direction_without_variance_is_exactly_zero():
    assert (spectrum(with_spectrum([3.0, 2.0, 0.0, 0.0])) == 0).tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    "deviations, rank", [([1.0, 1.0, 1.0], 3), ([5.0, 0.0, 0.0], 1), ([2.0, 2.0, 0.0], 2), ([3.0, 1.0], None)]
)
def test_rank_is_the_exponential_of_the_entropy(deviations, rank):
    shares = [value / sum(deviations) for value in deviations]
    expected = math.exp(-sum(p * math.log(p) for p in shares if p))
    found = effective_rank(spectrum(with_spectrum(deviations)))
    assert found == pytest.approx(expected, abs=1e-4)
    assert rank is None or found == pytest.approx(rank, abs=1e-4)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_a_constant_embedding_has_rank_zero(value):
    features = torch.full((500, 8), value)
    assert effective_rank(spectrum(features)) == 0.0
    assert (spectrum(features) == 0).all()


def test_one_image_has_rank_zero():
    assert effective_rank(spectrum(torch.randn(1, 4))) == 0.0


def test_mean_cosine_is_that_of_all_pairs():
    features = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    pairs = [
        torch.nn.functional.cosine_similarity(features[i], features[j], dim=0).item()
        for i in range(20)
        for j in range(20)
        if i != j
    ]
    assert mean_cosine(features) == pytest.approx(sum(pairs) / len(pairs), abs=1e-6)


def test_mean_cosine_of_a_collapse_is_one_and_of_zeros_is_zero():
    assert mean_cosine(torch.ones(5, 3)) == pytest.approx(1.0)
    assert mean_cosine(torch.zeros(5, 3)) == 0.0
    assert mean_cosine(torch.ones(1, 3)) == 1.0
