"""Every pretraining config takes two steps with its own method, on images that cost nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
CONFIGS = sorted((ROOT / "configs" / "pretraining").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_pretraining_config_takes_two_steps(path, cli, tmp_path, monkeypatch):
    """600 bars of 8x8 pixels stand in for grey images; drawn colour images stay."""
    monkeypatch.chdir(tmp_path)
    config = yaml.safe_load(path.read_text())
    has_colours = config.get("data", {}).get("name") == "terrain"
    bars = [f"plugins=[{ROOT / 'tests' / 'tiny_plugin.py'}]", "data={name: bars}", "training.batch_size=300"]
    few = ["training.batch_size=3000", "backbone.width=4"] if has_colours else bars
    if config.get("method", {}).get("name") == "ebclr":
        few.append("method.sample_steps=1")
    code, out, err = cli("train", path, "--run-id", "r", "training.epochs=1", *few)
    assert code == 0, err
    assert "trained 1 epochs" in out
