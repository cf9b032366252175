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


@pytest.mark.parametrize("number", [4, 5, 10, 11, 12])
def test_gedi_has_the_papers_number_of_clusters(number: int) -> None:
    recipe = load_recipe(f"gedi-table{number}")
    for row in recipe.table.rows:
        for column in recipe.table.columns:
            on_cifar100 = number == 12 or (number in (4, 10) and "CIFAR-100" in (row, column))
            assert dict(recipe.place("full", row, column).set)["task.clusters"] == (256 if on_cifar100 else 128)


@pytest.mark.parametrize(
    ("table", "row", "column", "epochs"),
    [
        ("aavae-table1", "AAVAE", "STL-10", 10),
        ("aavae-table1", "AAVAE", "Imagenet", 10),
        ("aavae-table2", "AAVAE", "1%", 10),
        ("aavae-figure4", "batch size 128", "CIFAR-10", 5),
        ("aavae-figure4", "batch size 1024", "CIFAR-10", 40),
    ],
)
def test_aavae_warms_up_as_appendix_a1_says(table: str, row: str, column: str, epochs: int) -> None:
    changes = dict(load_recipe(table).place("full", row, column).set)
    # What no rule changes is that of paper/cifar10_aavae.
    assert changes.get("training.warmup", 0.003125) * changes.get("training.epochs", 3200) == pytest.approx(epochs)
    if table != "aavae-figure4":
        assert (changes["training.batch_size"], changes["training.learning_rate"]) == (512, 5e-4)
