"""What TensorBoard's own reader finds after a training, and what is said where TensorBoard is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest


def events(run):
    """Scalars and images by name."""
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = reader.EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0, "images": 0})
    found.Reload()
    tags = found.Tags()
    scalars = {tag: [(event.step, event.value) for event in found.Scalars(tag)] for tag in tags["scalars"]}
    return scalars, {tag: found.Images(tag) for tag in tags["images"]}


@pytest.fixture
def run(tiny_config, cli):
    pytest.importorskip("tensorboard")
    code, _, err = cli("train", tiny_config, "--run-id", "r", "--tensorboard")
    assert code == 0, err
    return Path("runs/tiny/r")


def test_scalars_are_those_of_the_metrics(run):
    scalars, _ = events(run)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for part, group in (("terms", "step"), ("epoch_terms", "epoch")):
        for name in ("nesy", "prior"):
            logged = [(line["step"], line[part][name]) for line in lines if part in line]
            assert scalars[f"{group}/{name}"] == [(step, pytest.approx(value, rel=1e-5)) for step, value in logged]
    assert scalars["step/learning_rate"][0][1] == pytest.approx(1e-3)
    numbers = json.loads((run / "results.json").read_text())["numbers"]
    assert scalars["classification/accuracy"] == [(16, pytest.approx(numbers["classification"]["accuracy"]))]


def test_samples_are_there_as_images(run):
    _, images = events(run)
    assert images["samples/final"][0].encoded_image_string.startswith(b"\x89PNG")


def test_a_run_that_did_not_ask_for_it_writes_nothing(tiny_config, cli):
    assert cli("train", tiny_config, "--run-id", "r", "training.epochs=1")[0] == 0
    assert not Path("runs/tiny/r/tensorboard").exists()


def test_a_resumed_run_may_begin_to_be_watched(tiny_config, cli):
    pytest.importorskip("tensorboard")
    assert cli("train", tiny_config, "--run-id", "r")[0] == 0
    run = Path("runs/tiny/r")
    code, _, err = cli("train", run, "--resume", "--tensorboard")
    assert code == 0, err
    assert "classification/accuracy" in events(run)[0]


def test_without_the_package_nothing_begins_and_the_extra_is_named(tiny_config, cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    code, _, err = cli("train", tiny_config, "watchers=[tensorboard]")
    assert code == 2
    assert "watcher tensorboard needs the package tensorboard" in err and "pip install 'gedi-nesy[tensorboard]'" in err
    assert not Path("runs").exists()


def test_watchers_of_the_config_stay_beside_the_flag(tiny_config, cli, tmp_path):
    pytest.importorskip("tensorboard")
    (tmp_path / "counting.py").write_text(
        "from pathlib import Path\n"
        "from gedi_nesy import Watcher, hookimpl\n"
        "@hookimpl\n"
        "def register(registry):\n"
        "    registry.add_watcher('counting', Counting)\n"
        "class Counting(Watcher):\n"
        "    @hookimpl\n"
        "    def epoch_finished(self, run, epoch):\n"
        "        Path('epochs').write_text(str(epoch))\n"
    )
    text = tiny_config.read_text().replace("plugins: [", "plugins: [counting.py, ")
    tiny_config.write_text(text + "watchers: [counting]\n")
    assert cli("train", tiny_config, "--run-id", "r", "--tensorboard")[0] == 0
    assert Path("epochs").read_text() == "4"
    assert Path("runs/tiny/r/tensorboard").is_dir()
