"""Every config of the repository is valid, builds, and takes two steps."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_two_steps_of_every_config(path, cli, tmp_path, monkeypatch):
    """On mnist5k with few examples and a thin network, so that the paper's sizes fit a test."""
    monkeypatch.chdir(tmp_path)
    small = [
        "data={name: mnist5k}",
        "backbone.width=4",
        "task.examples=4",
        "task.test_examples=4",
        "training.batch_size=2",
    ]
    small += [
        "training.epochs=1",
        "method.sgld.steps=1",
        "method.buffer_size=20",
        "method.sample_steps=1",
        "training.restart=null",
        "starts={}",
    ]
    code, out, err = cli("train", path, "--run-id", "r", *small)
    assert code == 0, err
    assert "trained 1 epochs" in out


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_config_is_sound_as_it_stands(path, cli, monkeypatch):
    monkeypatch.delenv("GEDI_NESY_DATA", raising=False)
    code, _, err = cli(
        "config",
        "check",
        path,
        *(["data={name: mnist5k}", "task.examples=100", "task.test_examples=100"] if "paper" in path.parts else []),
    )
    assert code == 0, err
