"""Every config without a constraint takes two steps with its own method, on images that cost nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from gedi_nesy.config.loader import load_tree

ROOT = Path(__file__).parent.parent.parent
CONFIGS = sorted(
    path for path in (ROOT / "configs").rglob("*.yaml") if load_tree(str(path)).data["task"]["name"] != "constraint"
)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_pretraining_config_takes_two_steps(path, cli, tmp_path, monkeypatch):
    """600 bars of 8x8 pixels stand in for grey images; drawn colour images stay."""
    monkeypatch.chdir(tmp_path)
    config = load_tree(str(path)).data
    has_colours = config["data"]["name"] == "terrain"
    bars = [f"plugins=[{ROOT / 'tests' / 'tiny_plugin.py'}]", "data={name: bars}", "training.batch_size=300"]
    few = ["training.batch_size=3000"] if has_colours else bars
    thin = ["backbone={name: resnet8, width: 4}"]
    few += thin if config["backbone"]["name"].startswith("resnet") else []
    if config["method"]["name"] in ("ebclr", "gedi"):
        few += ["method.sample_steps=1", "method.sgld.steps=1"]
    code, out, err = cli("train", path, "--run-id", "r", "training.epochs=1", "evaluators=[]", *few)
    assert code == 0, err
    assert "trained 1 epochs" in out
