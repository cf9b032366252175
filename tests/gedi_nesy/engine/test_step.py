"""One step of the loop, and what is made of the terms of many."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from gedi_nesy.config.loader import load_tree
from gedi_nesy.config.validate import validate
from gedi_nesy.engine.build import build_run
from gedi_nesy.engine.run_folder import RunFolder
from gedi_nesy.engine.train import _batch, _distance, _step
from gedi_nesy.plugin_manager import load_plugins

RUN = Path("runs/tiny/r")


def build(config, *overrides):
    plugins = load_plugins()
    return build_run(validate(load_tree(str(config), overrides), plugins), plugins, RunFolder(RUN))


def metrics():
    return [json.loads(line) for line in (RUN / "metrics.jsonl").read_text().splitlines()]


def a_batch(run):
    """Ten examples of a run and their pixels."""
    selection = next(iter(run.task.epoch(10, torch.Generator().manual_seed(0))))
    return selection, run.task.train_pixels[selection.images]


def test_a_step_tells_the_method_and_the_average_once_the_weights_have_moved(tiny_config):
    run = build(tiny_config, "training.ema=0.9")
    weight, seen = run.method.clusters.weight, []
    before, average = weight.detach().clone(), run.average.tensors["clusters.weight"]
    run.method.updated = lambda: seen.append(weight.detach().clone())
    _step(run, [a_batch(run)])
    assert len(seen) == 1 and torch.equal(seen[0], weight) and not torch.equal(weight, before)
    share = (1 + 1) / (10 + 1)  # after one step
    torch.testing.assert_close(average, share * before + (1 - share) * weight.detach())


def test_views_are_drawn_anew_for_each_batch_and_the_originals_are_the_pixels(tiny_config):
    run = build(tiny_config)
    selection, pixels = a_batch(run)
    first, second = (_batch(run, selection, pixels) for _ in range(2))
    assert not torch.equal(first.images, second.images)
    for batch in (first, second):
        torch.testing.assert_close(batch.originals, pixels.float() / 127.5 - 1)


def test_the_terms_of_an_epoch_are_means_over_its_steps(tiny_config, cli):
    assert cli("train", tiny_config, "--run-id", "r", "training.epochs=1")[0] == 0
    steps = [line["terms"] for line in metrics() if "terms" in line]
    (means,) = [line["epoch_terms"] for line in metrics() if "epoch_terms" in line]
    assert len(steps) == 4
    assert means == {name: pytest.approx(sum(step[name] for step in steps) / 4) for name in means}


def test_the_distance_is_the_weighted_sum_over_terms_that_are_always_there(tiny_config):
    weights, means = "weights={prior: 10, nesy: 5}", {"prior": -1.0, "nesy": 0.5}
    assert _distance(build(tiny_config, weights), means) == pytest.approx(10 * (math.log(10) - 1) + 5 * 0.5)
    assert _distance(build(tiny_config, weights, "starts.nesy=0.5"), means) == pytest.approx(10 * (math.log(10) - 1))
    assert _distance(build(tiny_config, weights, "ends.prior=0.5"), means) == pytest.approx(5 * 0.5)
