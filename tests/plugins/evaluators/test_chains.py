"""Chains on a density whose moves are known: each step takes every pixel the same share of the way to grey."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from gedi_nesy_plugins.evaluators.chains import Chains, looked_at

from gedi_nesy import DivergenceError
from gedi_nesy.data.dataset import to_unit_range
from gedi_nesy.evaluators import EvaluatorContext
from gedi_nesy.samplers.sgld import SgldOptions


def evaluate(method, task, **options):
    evaluator = Chains(Chains.Options(**options), EvaluatorContext(seed=5))
    evaluator.check(method, task)
    return evaluator.evaluate(method, task)


@torch.no_grad()
def test_chains_follow_the_gradient_without_noise(energy, forty):
    """log p = -|x|^2 / 2 with step 0.1: x <- 0.9 x, so log p falls by 0.81 a step."""
    found = evaluate(energy, forty, chains=3, steps=7, sgld=SgldOptions(step_size=0.1, noise_std=0.0))
    table = found.tables["chains"]
    assert table["steps"] == [0, 1, 2, 5, 7]
    start = torch.tensor(table["log_density"][0])
    for step, densities in zip(table["steps"], table["log_density"], strict=True):
        assert densities == pytest.approx((start * 0.81**step).tolist(), rel=1e-5)
    data = energy.log_density(to_unit_range(forty.dataset.test.pixels)).mean()
    assert table["test_images"] == pytest.approx(float(data))
    assert found.numbers["chain_gap"] == pytest.approx(sum(table["log_density"][-1]) / 3 - float(data), rel=1e-5)


@torch.no_grad()
def test_test_images_are_taken_from_all_of_them(energy, forty, monkeypatch):
    """Data sets come sorted by class: the first ones are of one class only."""
    monkeypatch.setattr("gedi_nesy_plugins.evaluators.chains.CHUNK", len(forty.dataset.test) // 2)
    found = evaluate(energy, forty).tables["chains"]["test_images"]
    densities = energy.log_density(to_unit_range(forty.dataset.test.pixels))
    first = densities[: len(densities) // 2].mean()
    assert densities.min() < found < densities.max() and found != pytest.approx(float(first))


@torch.no_grad()
def test_the_methods_own_sampler_says_how_chains_move(energy, forty):
    energy.options = SimpleNamespace(sgld=SgldOptions(step_size=0.5, noise_std=0.0))
    before, after = evaluate(energy, forty, steps=1).tables["chains"]["log_density"]
    assert after == pytest.approx([value / 4 for value in before])


def test_a_row_of_images_for_each_step(energy, forty):
    grid = evaluate(energy, forty, chains=3, steps=5).images["steps"]
    assert grid.rows == ("step 0", "step 1", "step 2", "step 5")
    assert (len(grid.pixels), grid.columns) == (12, 3)


@pytest.mark.parametrize("last, steps", [(1, [0, 1]), (20, [0, 1, 2, 5, 10, 20]), (60, [0, 1, 2, 5, 10, 20, 50, 60])])
def test_looks_are_spread_over_orders_of_magnitude(last, steps):
    assert looked_at(last) == steps


def test_a_density_that_is_no_number_is_an_error(energy, forty):
    energy.log_density = lambda images: images.sum(dim=(1, 2, 3)) * torch.nan
    with pytest.raises(DivergenceError, match=r"log p\(x\) of test images is not finite"):
        evaluate(energy, forty)
