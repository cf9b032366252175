"""Evaluations in the middle of training: they leave no trace in it, and their numbers become curves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from two_processes import both, command_line

from gedi_nesy.engine import checkpoint
from gedi_nesy.reporting.run_files import read_run

EVALUATORS = "evaluators=[classification, clustering, knn, {name: linear_probe, epochs: 2}]"
METHOD = "backbone={name: mlp, hidden: [16], features: 8}"


def tensors(run_id):
    return checkpoint.read(checkpoint.newest(Path("runs/tiny") / run_id / "checkpoints")).tensors


def lines(run_id):
    found = [json.loads(line) for line in (Path("runs/tiny") / run_id / "metrics.jsonl").read_text().splitlines()]
    return [line for line in found if "numbers" in line]


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def train(tiny_config, cli):
    def trained(run_id, *overrides):
        code, out, err = cli("train", tiny_config, "--run-id", run_id, EVALUATORS, METHOD, *overrides)
        assert code == 0, err
        return out

    return trained


def test_training_goes_on_as_if_nobody_had_looked(train):
    train("plain")
    out = train("watched", "training.evaluate_every=1")
    assert same(tensors("plain"), tensors("watched"))
    assert [line["epoch"] for line in lines("watched")] == [1, 2, 3] and not lines("plain")
    assert "after epoch 2: classification.accuracy " in out


def test_only_what_is_named_looks_and_choices_are_no_numbers(train):
    train("r", "training.evaluate_every=2", "training.evaluate_with=[knn]")
    (line,) = lines("r")
    assert line["epoch"] == 2 and line["numbers"].keys() == {"knn.knn_euclidean", "knn.knn_cosine"}


def test_a_number_on_the_way_is_that_of_a_run_which_ends_there(train):
    """A constant rate, so that a longer training begins as a shorter one."""
    train("long", "training.evaluate_every=2", "training.schedule=constant")
    train("short", "training.epochs=2", "training.schedule=constant")
    (line,) = lines("long")
    ended = json.loads(Path("runs/tiny/short/results.json").read_text())["numbers"]
    assert line["numbers"] and all(
        value == ended[place.split(".")[0]][place.split(".")[1]] for place, value in line["numbers"].items()
    )


def test_time_that_evaluators_take_is_no_time_of_training(train, monkeypatch):
    from gedi_nesy.engine import train as loop

    clock = {"now": 0.0}
    monkeypatch.setattr(loop.time, "perf_counter", lambda: clock["now"])

    def slow(run, terms):
        clock["now"] += 1000.0
        return {}, {}

    monkeypatch.setattr(loop, "evaluate_on_the_way", slow)
    train("r", "training.evaluate_every=1")
    assert json.loads(Path("runs/tiny/r/results.json").read_text())["training"]["seconds"] < 1000


def test_an_evaluator_that_fails_says_why_and_training_goes_on(train, monkeypatch):
    from gedi_nesy_plugins.evaluators.knn import NearestNeighbours

    from gedi_nesy.errors import DivergenceError

    def fails(self, method, task):
        raise DivergenceError("embeddings are not finite")

    monkeypatch.setattr(NearestNeighbours, "evaluate", fails)
    out = train("r", "training.evaluate_every=2", "training.evaluate_with=[knn]")
    assert "after epoch 2: no numbers of knn: embeddings are not finite" in out


def test_curves_end_with_the_final_numbers_in_report_and_comparison(train, cli):
    train("r", "training.evaluate_every=1", "training.evaluate_with=[classification]")
    train("other", "training.evaluate_every=2", "seed=1")
    found = read_run(Path("runs/tiny/r")).lines("numbers")
    results = json.loads(Path("runs/tiny/r/results.json").read_text())
    assert [line["epoch"] for line in found] == [1, 2, 3, 4]
    assert found[-1]["numbers"]["classification.accuracy"] == results["numbers"]["classification"]["accuracy"]
    assert found[-1]["numbers"].keys() == found[0]["numbers"].keys()
    page = Path("runs/tiny/r/report.html").read_text()
    assert page.index("On the way") < page.index("Loss terms") and "Nothing was chosen by it" in page
    assert cli("report", "runs/tiny/r", "runs/tiny/other")[0] == 0
    assert "On the way" in Path("comparison.html").read_text()


def test_a_plugin_sees_the_numbers(train, tiny_config, tmp_path):
    plugin = tmp_path / "watch.py"
    plugin.write_text(
        "from pathlib import Path\nfrom gedi_nesy import hookimpl\n@hookimpl\n"
        "def evaluated_on_the_way(epoch, numbers):\n    Path('seen').write_text(f'{epoch} {sorted(numbers)}')\n"
    )
    tiny_config.write_text(tiny_config.read_text().replace("plugins: [", f"plugins: [{plugin}, "))
    train("r", "training.evaluate_every=2", "training.evaluate_with=[knn]")
    assert Path("seen").read_text() == "2 ['knn.knn_cosine', 'knn.knn_euclidean']"


def test_two_processes_wait_for_the_one_that_looks(tiny_config):
    more = ("training.evaluate_every=1", "method.sample_steps=1", METHOD, EVALUATORS)
    for run_id, overrides in (("plain", more[1:]), ("watched", more)):
        done = both(tiny_config.parent, command_line, "train", "tiny.yaml", "--run-id", run_id, *overrides)
        assert [process.exit_code for process in done] == [0, 0], done
    assert same(tensors("plain"), tensors("watched"))
    assert [line["epoch"] for line in lines("watched")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["training.evaluate_with=[knn]"], "set evaluate_every to a number of epochs"),
        (
            ["training.evaluate_every=1", "training.evaluate_with=[classificaton]"],
            'training.evaluate_with names "classificaton", which is not among the evaluators of this config. '
            'Did you mean "classification"? It has: classification, constraint.',
        ),
        (["training.evaluate_every=0"], "training.evaluate_every is 0: must be greater than 0"),
    ],
)
def test_what_is_wrong_is_said(tiny_config, cli, overrides, message):
    code, _, err = cli("config", "check", tiny_config, *overrides)
    assert code == 2 and message in err
