"""Plans: every run once, chosen rows and columns, and what is in the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gedi_nesy.errors import UserError
from gedi_nesy.plugin_manager import load_plugins
from gedi_nesy.reproduction import plan as module
from gedi_nesy.reproduction.naming import _chosen, command, table_name
from gedi_nesy.reproduction.plan import make_plan
from gedi_nesy.reproduction.recipe import load_recipe, recipe_names


def test_a_run_for_each_place_and_seed(recipe_file: Path) -> None:
    plan = make_plan(load_recipe(str(recipe_file)), "small", seeds=2)
    assert [(place.row, place.column) for place in plan.places] == [
        ("20", "with"), ("20", "without"), ("40", "with"), ("40", "without"),
    ]  # fmt: skip
    assert len(plan.jobs()) == 8 and {job.seed for job in plan.jobs()} == {0, 1}
    assert plan.about == "scale small: one epoch on drawn bars; 2 seeds instead of 1"


def test_the_number_of_seeds_is_said_as_it_is() -> None:
    recipe = load_recipe("gedi-table2")
    chosen = {"rows": ["Moons"], "columns": ["GEDI"]}
    assert make_plan(recipe, "small", **chosen).about.endswith("than table 7's; 2 seeds instead of 5")
    assert make_plan(recipe, "small", seeds=1, **chosen).about.endswith("; 1 seed instead of 5")
    assert make_plan(recipe, "full", **chosen).about.endswith("; 5 seeds")
    for name in recipe_names():
        for scale in load_recipe(name).scales.values():
            assert "seed" not in scale.about


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


def test_faults_of_a_recipe_are_said_at_once_each_once_with_its_place(recipe_file: Path) -> None:
    text = recipe_file.read_text()
    for old, new in [
        ("training.epochs: 1", "training.epoch: 1"),
        ("accuracy: classification.accuracy", "accuracy: clasification.accuracy"),
        ('rows: ["20"]', 'rows: ["21"]'),
        ("set: {weights: {gen: 1, prior: 10}}", "config: tiney.yaml"),
    ]:
        assert old in text
        text = text.replace(old, new)
    recipe_file.write_text(text)
    with pytest.raises(UserError) as error:
        make_plan(load_recipe(str(recipe_file)), "small")
    lines = str(error.value).splitlines()
    assert [line.partition("  ")[0] for line in lines] == [
        f"{recipe_file}:{place}" for place in ("4:15", "5:11", "7:5", "10:5")
    ]
    assert 'Did you mean "classification"?' in lines[0]
    assert 'training.epoch is not an option of a config. Did you mean "epochs"?' in lines[1]
    assert lines[2].endswith('rows: "21" is not one of table bars_table. Known: 20, 40.')
    assert 'config "tiney.yaml" is neither a file nor a bundled name.' in lines[3]


def test_a_number_must_be_of_an_evaluator_that_the_run_has(recipe_file: Path) -> None:
    recipe_file.write_text(recipe_file.read_text().replace("classification.accuracy", "clasification.accuracy"))
    with pytest.raises(UserError) as error:
        make_plan(load_recipe(str(recipe_file)), "small")
    assert str(error.value) == (
        f'{recipe_file}:4:15  numbers.accuracy is "clasification.accuracy": tiny.yaml is not evaluated with "clasification". '
        'Did you mean "classification"? Its evaluators: classification, constraint.'
    )


def test_a_device_that_is_none_is_said_without_a_pattern(recipe_file: Path) -> None:
    recipe = load_recipe(str(recipe_file))
    for device, changes in (("tpu", None), (None, {"device": "tpu"})):
        with pytest.raises(UserError, match=r'^device is "tpu": must be auto, cpu, cuda, or one GPU such as cuda:0'):
            make_plan(recipe, "small", device=device, changes=changes)


@pytest.mark.parametrize(
    ("chosen", "name", "words"),
    [
        ({}, "bars-small", ""),
        ({"rows": ["40", "20"], "seeds": 1}, "bars-small", ""),
        ({"rows": ["20"]}, "bars-small-rows-20", " --rows 20"),
        ({"columns": ["with"], "seeds": 3}, "bars-small-columns-with-seeds-3", " --seeds 3 --columns with"),
        ({"device": "cuda:1"}, "bars-small-device-cuda-1", " --device cuda:1"),
        ({"changes": {"training.epochs": 2}}, "bars-small-set-f53dbf", " --set training.epochs=2"),
    ],
)
def test_a_part_of_a_table_has_a_name_of_its_own(recipe_file: Path, chosen: Any, name: str, words: str) -> None:
    plan = make_plan(load_recipe(str(recipe_file)), "small", **chosen)
    assert table_name(plan) == name
    again = command(plan, Path("runs"), Path("runs/tables"))
    assert again == f"gedi-nesy reproduce {recipe_file} --scale small{words}"
    assert command(plan, Path("here"), Path("there")).endswith(" --runs here --out there")


def test_long_and_unclear_choices_are_told_apart_by_a_digest() -> None:
    assert _chosen("rows", ("a+",), ("a+", "a-")) != _chosen("rows", ("a-",), ("a+", "a-"))
    (name,) = _chosen("rows", tuple(f"a rather long name {number}" for number in range(3)), map(str, range(9)))
    assert name.startswith("rows-3-") and len(name) == 13


def test_plugins_are_loaded_once_for_all_configs(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    monkeypatch.setattr("gedi_nesy.reproduction.job.load_plugins", lambda: pytest.fail("loaded for a config"))
    monkeypatch.setattr(module, "load_plugins", lambda: loaded.append(1) or load_plugins())
    module._installed.cache_clear()
    for seeds in (1, 2):
        make_plan(load_recipe("gedi-table2"), "small", seeds=seeds, rows=["Moons"])
    assert len(loaded) == 1
