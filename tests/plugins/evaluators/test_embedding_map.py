"""The map has a place, a class, a prediction and an image for each point."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.evaluators.embedding_map import EmbeddingMap

from gedi_nesy.evaluation.plane import principal_plane
from gedi_nesy.evaluators import EvaluatorContext, embed


def evaluate(method, task, **options):
    evaluator = EmbeddingMap(EmbeddingMap.Options(**options), EvaluatorContext(seed=5))
    evaluator.check(method, task)
    return evaluator.evaluate(method, task)


def test_points_images_and_classes_belong_together(energy, forty):
    found = evaluate(energy, forty, images=30, projection="pca")
    table, images = found.tables["embedding_map"], found.images["images"].pixels
    assert len(table["x"]) == len(table["labels"]) == len(images) == 30
    places = principal_plane(embed(energy, images))
    assert torch.tensor([table["x"], table["y"]]).T.numpy() == pytest.approx(places.numpy(), abs=1e-3)
    # A class is brighter in its own pixel, which is what the method predicts by.
    brightest = images.flatten(start_dim=1).argmax(dim=1).tolist()
    assert table["labels"] == table["predictions"] == brightest
    assert table["classes"] == list("abcd")
    assert table["outputs"] == ["cluster 0", "cluster 1", "cluster 2", "cluster 3"], (
        "nothing tells which class is which"
    )


def test_the_same_seed_draws_the_same_map(energy, forty):
    first, second = (evaluate(energy, forty, images=20).tables for _ in range(2))
    assert first == second


def test_a_method_without_classes_has_no_predictions(flat, forty):
    assert evaluate(flat(), forty).tables["embedding_map"]["predictions"] is None


def test_a_collapse_is_drawn_too(flat, forty):
    found = evaluate(flat(0.0), forty)
    assert len(found.tables["embedding_map"]["x"]) == 40
    assert set(found.numbers) == set(found.definitions) == {"trustworthiness"}
