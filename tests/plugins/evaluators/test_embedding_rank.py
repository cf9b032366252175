"""Rank of the test images' embeddings, labels or not."""

from __future__ import annotations

import pytest
from gedi_nesy_plugins.evaluators.embedding_rank import EmbeddingRank


def evaluate(method, task):
    evaluator = EmbeddingRank(EmbeddingRank.Options())
    evaluator.check(method, task)
    return evaluator.evaluate(method, task)


def test_pixels_that_differ_in_every_direction_have_full_rank(flat, forty):
    found = evaluate(flat(), forty)
    assert 3 < found.numbers["effective_rank"] <= 4 and found.numbers["dead_directions"] == 0
    assert len(found.tables["spectrum"]) == 4 and set(found.definitions) == set(found.numbers)


def test_a_constant_embedding_is_a_collapse(forty):
    class Constant:
        def embed(self, images):
            return images.flatten(start_dim=1) * 0 + 0.3

    assert evaluate(Constant(), forty).numbers == {
        "effective_rank": 0.0,
        "dead_directions": 1.0,
        "mean_cosine": pytest.approx(1.0),
    }


def test_no_label_is_needed(flat, labelled_task):
    assert evaluate(flat(), labelled_task([-1], [-1] * 9)).numbers["effective_rank"] > 1
