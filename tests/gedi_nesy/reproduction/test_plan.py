"""Plans: every run once, chosen rows and columns, and what is in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from gedi_nesy.errors import UserError
from gedi_nesy.reproduction import plan as module
from gedi_nesy.reproduction.plan import make_plan
from gedi_nesy.reproduction.recipe import load_recipe


def test_a_run_for_each_place_and_seed(recipe_file: Path) -> None:
    plan = make_plan(load_recipe(str(recipe_file)), "small", seeds=2)
    assert [(place.row, place.column) for place in plan.places] == [
        ("20", "with"), ("20", "without"), ("40", "with"), ("40", "without"),
    ]  # fmt: skip
    assert len(plan.jobs()) == 8 and {job.seed for job in plan.jobs()} == {0, 1}
    assert plan.about == "scale small: one epoch on drawn bars"


def test_places_with_the_same_training_share_its_run(recipe_file: Path) -> None:
    recipe_file.write_text(recipe_file.read_text().replace("set: {weights: {gen: 1, prior: 10}}", "set: {}"))
    plan = make_plan(load_recipe(str(recipe_file)), "small")
    assert len(plan.places) == 4 and len(plan.jobs()) == 2


def test_only_what_is_chosen(recipe_file: Path) -> None:
    recipe = load_recipe(str(recipe_file))
    plan = make_plan(recipe, "small", rows=["40"], columns=["with"])
    assert (plan.rows, plan.columns, len(plan.jobs())) == (("40",), ("with",), 1)
    with pytest.raises(UserError, match=r'"30" is not a row of table "bars_table". Known: 20, 40'):
        make_plan(recipe, "small", rows=["30"])
    with pytest.raises(UserError, match=r'"wiht" is not a column .* Did you mean "with"'):
        make_plan(recipe, "small", columns=["wiht"])


def test_what_is_in_the_way_is_said(recipe_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skipped = make_plan(load_recipe(str(recipe_file)), "none")
    assert {place.obstacle for place in skipped.places} == {"nothing is run on this scale"} and not skipped.jobs()

    monkeypatch.setattr(module, "_has_gpu", lambda: False)
    recipe_file.write_text(recipe_file.read_text().replace("minutes: 0.1", "device: gpu"))
    recipe = load_recipe(str(recipe_file))
    plan = make_plan(recipe, "small")
    assert plan.places[0].obstacle == "needs a GPU; --device cpu trains it here all the same"
    assert len(plan.jobs()) == 4, "what has been trained elsewhere still counts"
    on_cpu = make_plan(recipe, "small", device="cpu")
    assert on_cpu.places[0].obstacle is None
    assert make_plan(recipe, "small", changes={"device": "cpu"}).places[0].obstacle is None
    assert [job.identity for job in on_cpu.jobs()] == [job.identity for job in plan.jobs()]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("training.epochs: 1", "training.epoch: 1", 'training.epoch is not an option .* Did you mean "epochs"'),
        ("config: tiny.yaml", "config: tiney.yaml", 'config "tiney.yaml" is neither a file nor a bundled name'),
    ],
)
def test_a_config_that_does_not_hold_concerns_its_own_cells(recipe_file: Path, old: str, new: str, words: str) -> None:
    import re

    recipe_file.write_text(recipe_file.read_text().replace(old, new))
    plan = make_plan(load_recipe(str(recipe_file)), "small")
    assert re.search(words, plan.places[0].obstacle or "")
