"""Alignment of the views that training uses."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.evaluators.alignment import Alignment

from gedi_nesy import ConfigError, View
from gedi_nesy.evaluators import EvaluatorContext


class Noise(View):
    """Noise of a given size."""

    def __call__(self, images, generator):
        return images + self.options * torch.randn(images.shape, generator=generator)


def evaluate(method, task, noise, **options):
    context = EvaluatorContext(pipelines=((),) if noise is None else ((Noise(noise),),))
    evaluator = Alignment(Alignment.Options(**options), context)
    evaluator.check(method, task)
    return evaluator.evaluate(method, task)


def test_views_without_change_are_fully_aligned(flat, forty):
    found = evaluate(flat(), forty, 0.0)
    assert found.numbers["same_image_cosine"] == pytest.approx(1)
    assert found.numbers["other_image_cosine"] < 0.9
    gap = found.numbers["same_image_cosine"] - found.numbers["other_image_cosine"]
    assert found.numbers["alignment_gap"] == pytest.approx(gap)
    assert set(found.definitions) == set(found.numbers)


def test_views_that_drown_the_image_have_no_gap(flat, forty):
    assert abs(evaluate(flat(), forty, 1e3).numbers["alignment_gap"]) < 0.05


def test_the_matrix_shows_the_views_of_some_images_side_by_side(flat, forty):
    found = evaluate(flat(), forty, 0.1, images=20, views=3, shown=4)
    matrix = torch.tensor(found.tables["alignment"])
    assert matrix.shape == (12, 12) and torch.allclose(matrix.diagonal(), torch.ones(12).to(matrix))
    assert "(3 each) of 20 test images" in found.definitions["same_image_cosine"]


def test_without_views_there_is_nothing_to_align(flat, forty):
    with pytest.raises(ConfigError, match="compares random views, and `views` is empty") as error:
        evaluate(flat(), forty, None)
    assert error.value.key == "evaluators"
