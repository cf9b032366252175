"""Every config of the repository is valid and builds; those with a constraint take two steps, the others in test_pretraining."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from stand_ins import COLOURS

from gedi_nesy.config.loader import load_tree
from gedi_nesy.config.validate import validate
from gedi_nesy.plugin_manager import load_plugins

ROOT = Path(__file__).parent.parent.parent
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))
WITH_CONSTRAINT = [path for path in CONFIGS if load_tree(str(path)).data["task"]["name"] == "constraint"]
# The circuit for all 19,999 sums of four-digit numbers takes twenty seconds to ground.
SMALLER = {"four_digit_addition": ["task.lengths={First: [2], Second: [2]}"]}
# What makes a training small, where the chosen plugin has the option.
SMALL_OPTIONS = {
    "backbone": {"width": 4},
    "task": {"examples": 4, "test_examples": 4},
    "method": {"sgld": "{steps: 1}", "buffer_size": 20, "sample_steps": 1},
}
STAND_INS = {"mnist": ["data={name: mnist5k}"], "cifar10": COLOURS}
SMALL_EVALUATORS = {"embedding_map": {"images": 20}, "chains": {"steps": 2}}


def stand_in(path):
    """The data of the paper's configs is not there in a test: others of the same shape and number of classes."""
    return STAND_INS.get(load_tree(str(path)).data["data"]["name"], [])


def small(path):
    """Overrides for two steps on a few examples, with a thin network."""
    config = validate(load_tree(str(path), stand_in(path)), load_plugins())
    overrides = [*stand_in(path), *SMALLER.get(path.stem, []), "training.epochs=1", "training.batch_size=2"]
    for section, options in SMALL_OPTIONS.items():
        known = type(getattr(config, section).options).model_fields
        overrides += [f"{section}.{name}={value}" for name, value in options.items() if name in known]
    evaluators = [component.flat() | SMALL_EVALUATORS.get(component.name, {}) for component in config.evaluators]
    return [*overrides, f"evaluators={json.dumps(evaluators)}", "training.restart=null", "starts={}"]


@pytest.mark.parametrize("path", WITH_CONSTRAINT, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_two_steps_of_every_config(path, cli, tmp_path, monkeypatch):
    """With few examples and a thin network, so that the paper's sizes fit a test."""
    monkeypatch.chdir(tmp_path)
    code, out, err = cli("train", path, "--run-id", "r", *small(path))
    assert code == 0, err
    assert "trained 1 epoch in" in out


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_config_is_valid_with_its_evaluators(path):
    """Names, options, terms and the published cell; no file of images is read."""
    assert validate(load_tree(str(path)), load_plugins()).training.epochs > 0


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_config_is_sound_as_it_stands(path, cli, monkeypatch):
    monkeypatch.delenv("GEDI_NESY_DATA", raising=False)
    few = SMALLER.get(path.stem, [])
    if "paper" in path.parts:
        few = [*stand_in(path), "evaluators=[]"]
        few += ["task.examples=100", "task.test_examples=100"] if path in WITH_CONSTRAINT else []
    code, _, err = cli("config", "check", path, *few)
    assert code == 0, err
