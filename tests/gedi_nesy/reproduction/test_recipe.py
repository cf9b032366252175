"""Recipes: rules add up, and whatever is wrong is said with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from gedi_nesy.errors import UserError
from gedi_nesy.reproduction.plan import make_plan
from gedi_nesy.reproduction.recipe import load_recipe, recipe_names


def test_later_rules_add_to_and_replace_what_earlier_ones_said(recipe_file: Path) -> None:
    recipe = load_recipe(str(recipe_file))
    merged = recipe.place("small", "20", "without")
    assert merged.config == "tiny.yaml" and merged.minutes == 0.1 and merged.skip is None
    assert dict(merged.set) == {
        "training.epochs": 1,
        "training.log_every": 5,
        "task.examples": 20,
        "weights": {"gen": 1, "prior": 10},
    }
    assert dict(recipe.place("small", "40", "with").set) == {"training.epochs": 1, "training.log_every": 5}
    assert recipe.place("none", "40", "with").skip == "nothing is run on this scale"


def test_a_key_set_again_is_applied_last(recipe_file: Path) -> None:
    text = recipe_file.read_text().replace("set: {task.examples: 20}", "set: {task.examples: 20, training.epochs: 3}")
    recipe_file.write_text(text)
    merged = load_recipe(str(recipe_file)).place("small", "20", "with")
    assert merged.set == (("training.log_every", 5), ("task.examples", 20), ("training.epochs", 3))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('rows: ["20"]', 'rows: ["21"]', r'bars.yaml:7:5 .*"21" is not one of table bars_table.* Known: 20, 40'),
        ("accuracy: classification", "acuracy: classification", r'"acuracy" is not one .* Did you mean "accuracy"'),
        (
            "minutes: 0.1",
            "minuets: 0.1",
            r'bars.yaml:6:5  rules.0.minuets is not an option of bars.yaml.* Did you mean "minutes"',
        ),
        ("seeds: 1", "seeds: 0", "scales.small.seeds"),
        ("table: bars_table.yaml", "table: bars", r'bars.yaml:1:1  table: "bars" is not a published table'),
        ("table: bars_table.yaml", "table: no.yaml", "bars.yaml:1:1  table: there is no file .*no.yaml"),
    ],
)
def test_faults_are_named_with_their_place(recipe_file: Path, old: str, new: str, words: str) -> None:
    recipe_file.write_text(recipe_file.read_text().replace(old, new, 1))
    with pytest.raises(UserError, match=words):
        make_plan(load_recipe(str(recipe_file)), "small")


def test_what_is_no_mapping_is_no_recipe(recipe_file: Path) -> None:
    recipe_file.write_text("- rules")
    with pytest.raises(UserError, match=r"bars.yaml:1:1  a recipe is a mapping of keys to values$"):
        load_recipe(str(recipe_file))


def test_unknown_recipes_and_scales_list_known_ones(recipe_file: Path) -> None:
    assert "gedi-table6" in recipe_names()
    with pytest.raises(
        UserError, match=r'no recipe "gedi-table66"\. Did you mean "gedi-table6"\? Known: .*gedi-table6'
    ):
        load_recipe("gedi-table66")
    with pytest.raises(UserError, match=r'"tiny" is not a scale of recipe "bars". Known: small, none'):
        load_recipe(str(recipe_file)).scale("tiny")
