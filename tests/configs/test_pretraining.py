"""Every config without a constraint takes two steps with its own method, on images that cost nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from stand_ins import BARS, COLOURS

from gedi_nesy.config.loader import load_tree

ROOT = Path(__file__).parent.parent.parent
CONFIGS = sorted(
    path for path in (ROOT / "configs").rglob("*.yaml") if load_tree(str(path)).data["task"]["name"] != "constraint"
)
# What each data set is trained on here: two steps an epoch, four of the drawn land.
STAND_INS = {
    "mnist": BARS,
    "mnist5k": BARS,
    "cifar10": COLOURS,
    "terrain": ["training.batch_size=3000"],
    "moons": ["training.batch_size=1000"],
    "circles": ["training.batch_size=1000"],
}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_pretraining_config_takes_two_steps(path, cli, tmp_path, monkeypatch):
    """Images keep their number of channels, so that views and networks are those of the config; points of the plane stay."""
    monkeypatch.chdir(tmp_path)
    config = load_tree(str(path)).data
    thin = ["backbone={name: resnet8, width: 4}"] if config["backbone"]["name"].startswith("resnet") else []
    few = STAND_INS[config["data"]["name"]] + thin
    if config["method"]["name"] in ("ebclr", "gedi"):
        few += ["method.sample_steps=1", "method.sgld.steps=1"]
    code, out, err = cli("train", path, "--run-id", "r", "training.epochs=1", "evaluators=[]", *few)
    assert code == 0, err
    assert "trained 1 epoch in" in out
