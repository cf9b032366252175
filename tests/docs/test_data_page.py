"""docs/data.md names every data set, commands that exist and configs that are sound; its example works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from gedi_nesy.data.published import PublishedDataset
from gedi_nesy.plugin_manager import load_plugins

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "data.md").read_text()
DATASETS = {entry.name: entry.load() for entry in load_plugins().registry.entries("dataset")}


def test_every_data_set_has_a_row():
    rows = re.findall(r"^\| (`[^|]+) \|", PAGE, re.M)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert DATASETS.keys() <= named


@pytest.mark.parametrize("name", sorted(set(re.findall(r"gedi-nesy data fetch (\w+)", PAGE))))
def test_what_it_fetches_can_be_fetched(name):
    kind = DATASETS[name]
    assert issubclass(kind, PublishedDataset) and kind(kind.Options()).downloads()


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", PAGE, re.S))
def test_options_in_its_configs_exist(block):
    config = yaml.safe_load(block)
    given = [config["data"]] if "data" in config else config["evaluators"][0]["datasets"]
    for options in given:
        checked = DATASETS[options.pop("name")].Options(**options)
        assert checked.model_fields_set == options.keys()


def test_the_example_is_a_data_set_to_train_on(cli, tiny_text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = yaml.safe_load(tiny_text)
    config |= {
        "plugins": [str(DOCS / "examples/squares.py")],
        "data": {"name": "squares", "noise": 30},
        "task": {"name": "pretraining"},
        "weights": {"gen": 1, "prior": 10},
        "evaluators": ["linear_probe"],
    }
    config["training"]["epochs"] = 1
    (tmp_path / "squares.yaml").write_text(yaml.safe_dump(config))
    code, out, err = cli("train", "squares.yaml", "--run-id", "r")
    assert code == 0, err
    assert "linear_probe" in out
