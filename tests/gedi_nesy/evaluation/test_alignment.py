"""The alignment matrix against cosines of single pairs."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cosine_similarity

from gedi_nesy.evaluation.alignment import alignment


def test_means_and_matrix_agree_with_single_pairs():
    features = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    found = alignment(features)
    same, other = [], []
    for a in range(12):
        for b in range(12):
            image_a, view_a, image_b, view_b = *divmod(a, 3), *divmod(b, 3)
            cosine = cosine_similarity(features[view_a, image_a], features[view_b, image_b], dim=0).item()
            assert found.matrix[a, b] == pytest.approx(cosine, abs=1e-6)
            if a != b:
                (same if image_a == image_b else other).append(cosine)
    assert found.same == pytest.approx(sum(same) / len(same), abs=1e-6)
    assert found.other == pytest.approx(sum(other) / len(other), abs=1e-6)


def test_views_that_agree_on_orthogonal_images_are_aligned():
    found = alignment(torch.eye(4)[None].expand(2, -1, -1) * 7)
    assert (found.same, found.other) == (pytest.approx(1), pytest.approx(0))


def test_a_collapsed_embedding_tells_no_image_from_another():
    found = alignment(torch.ones(2, 3, 4))
    assert found.same - found.other == pytest.approx(0)
