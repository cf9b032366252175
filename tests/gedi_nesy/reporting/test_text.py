"""Keys as words."""

from __future__ import annotations

import pytest

from gedi_nesy.reporting.text import words


@pytest.mark.parametrize(
    ("name", "plain", "heading"),
    [
        ("matched_accuracy", "matched accuracy", "Matched accuracy"),
        ("knn_cosine_k", "kNN cosine k", "kNN cosine k"),
        ("mlp_probe", "MLP probe", "MLP probe"),
        ("mean_ari", "mean ARI", "Mean ARI"),
        ("", "", ""),
    ],
)
def test_keys_read_as_people_write_them(name, plain, heading):
    assert words(name) == plain and words(name, capital=True) == heading
