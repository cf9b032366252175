"""Queues, momentum copies, centers and centroids are moved by the engine after each step and survive a death of the process."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gedi_nesy.engine import checkpoint

CONFIG = """\
name: state
plugins: [{plugin}]
data: {{name: bars}}
backbone: {{name: mlp, hidden: [16], features: 8}}
task: {{name: pretraining}}
method: {method}
weights: {weights}
num_views: 2
views: [{{name: gaussian_noise, std: 0.05}}]
training: {{epochs: 3, batch_size: 100, learning_rate: 1e-3, checkpoint_every: 1}}
"""
METHODS = {
    "moco": ("{name: moco, projector: [8, 4], queue_size: 250}", "{contrastive: 1}"),
    "swav": ("{name: swav, projector: [8, 4], queue_size: 250}", "{swap: 1}"),
    "dino": ("{name: dino, projector: [8, 4]}", "{distillation: 1}"),
    "deepcluster": ("{name: deepcluster, projector: [8, 4], memory: 250}", "{pseudo_label: 1}"),
    "corinfomax": ("{name: corinfomax, projector: [8, 4]}", "{volume: 1, invariance: 250}"),
    "w_mse": ("{name: w_mse, projector: [8, 4], group_size: 16}", "{distance: 1}"),
}


def tensors(run_id):
    return checkpoint.read(checkpoint.newest(Path("runs/state") / run_id / "checkpoints")).tensors


@pytest.mark.parametrize("name", METHODS)
def test_a_run_stopped_in_mid_epoch_ends_with_the_very_same_state(name, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plugin = Path(__file__).parents[2] / "tiny_plugin.py"
    method, weights = METHODS[name]
    Path("state.yaml").write_text(CONFIG.format(plugin=plugin, method=method, weights=weights))
    code, _, err = cli("train", "state.yaml", "--run-id", "whole")
    assert code == 0, err
    monkeypatch.setenv("TINY_STOP_AT", "9")  # of 18 steps, 6 an epoch
    with pytest.raises(BaseException) as caught:
        cli("train", "state.yaml", "--run-id", "stopped")
    assert type(caught.value).__name__ == "Stopped"
    monkeypatch.delenv("TINY_STOP_AT")
    assert cli("train", "state.yaml", "--run-id", "stopped", "--resume")[0] == 0
    whole, resumed = tensors("whole"), tensors("stopped")
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_the_engine_moves_the_state_once_a_step(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plugin = Path(__file__).parents[2] / "tiny_plugin.py"
    method, weights = METHODS["moco"]
    Path("state.yaml").write_text(CONFIG.format(plugin=plugin, method=method, weights=weights))
    assert cli("train", "state.yaml", "--run-id", "whole")[0] == 0
    assert int(tensors("whole")["method/queue.seen"]) == 18 * 100
