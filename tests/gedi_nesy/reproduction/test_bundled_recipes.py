"""Every bundled recipe: its configs hold, its numbers are ones that its evaluators give, and the small scale runs here."""

from __future__ import annotations

import json

import pytest

from gedi_nesy.reproduction.plan import make_plan
from gedi_nesy.reproduction.recipe import load_recipe, recipe_names

NOT_A_FAULT = ("needs ", " is not here", "not at this scale", "has no training images")


@pytest.mark.parametrize("name", recipe_names())
def test_every_place_can_be_run_or_says_what_it_lacks(name, monkeypatch, tmp_path):
    monkeypatch.setenv("GEDI_NESY_DATA", str(tmp_path))
    recipe = load_recipe(name)
    for scale in recipe.scales:
        skipped = {
            recipe.place(scale, row, column).skip for row in recipe.table.rows for column in recipe.table.columns
        }
        for place in make_plan(recipe, scale, seeds=1).places:
            known = place.obstacle is None or place.obstacle in skipped
            assert known or any(words in place.obstacle for words in NOT_A_FAULT), place.obstacle


def test_a_run_compares_with_the_number_that_the_table_takes() -> None:
    plan = make_plan(load_recipe("gedi-table3"), "small", rows=["Moons"], columns=["Barlow"], seeds=1)
    (job,) = plan.jobs()
    (compare,) = (
        json.loads(value) for key, _, value in (text.partition("=") for text in job.overrides) if key == "compare"
    )
    assert compare["numbers"] == {"nmi": "clustering.k_means_nmi"}
