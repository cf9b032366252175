"""A config in several settings with several seeds: what is trained, on what it is compared, and what is shown."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest
import yaml

from gedi_nesy.errors import UserError
from gedi_nesy.reporting.text import NOTHING
from gedi_nesy.reproduction.sweep import plan_sweep

SMALL = ("training.epochs=1", "task.examples=10", "task.test_examples=2", "evaluators=[classification]")


def results_of(folder):
    return json.loads((Path(folder) / "results.json").read_text())


def config_of(folder):
    return yaml.safe_load((Path(folder) / "config.yaml").read_text())


def test_every_combination_is_trained_with_every_seed_and_compared_on_held_out_training_images(tiny_config, cli):
    command = ("sweep", tiny_config, "training.learning_rate=1e-3,3e-2", "weights.prior=1,10", "--seeds", "2", *SMALL)
    code, out, err = cli(*command)
    assert code == 0, err
    assert "tiny: 4 settings, seeds 0 to 1\nvalidation=0.2: settings are compared on training images" in err
    folders = sorted(Path("runs/tiny").iterdir())
    tried = {
        (config["training"]["learning_rate"], config["weights"]["prior"], config["seed"])
        for config in map(config_of, folders)
    }
    assert tried == {(rate, prior, seed) for rate in (1e-3, 3e-2) for prior in (1, 10) for seed in (0, 1)}
    assert all(results_of(folder)["validation"] for folder in folders)
    head, *rows = [line.split() for line in out.splitlines()[:5]]
    assert head == ["learning_rate", "prior", "runs", "accuracy", "matched_accuracy", "nmi"]
    for (rate, prior), row in zip(((1e-3, 1), (1e-3, 10), (3e-2, 1), (3e-2, 10)), rows, strict=True):
        own = [
            folder
            for folder in folders
            if config_of(folder)["training"]["learning_rate"] == rate and config_of(folder)["weights"]["prior"] == prior
        ]
        values = [results_of(folder)["numbers"]["classification"]["accuracy"] for folder in own]
        assert [float(row[0]), float(row[1]), *row[2:5]] == [rate, prior, "2", "of", "2"]
        assert float(row[5]) == pytest.approx(statistics.mean(values), abs=6e-4)
        assert row[6] == "±" and float(row[7]) == pytest.approx(statistics.stdev(values), abs=6e-4)
    assert "of training images held out (validation=0.2), not of test images" in out
    (page,) = Path("runs/sweeps").iterdir()
    assert f"8 finished runs side by side: {page}" in out and "Over seeds" in page.read_text()
    again = cli(*command)
    assert (again[0], again[1], again[2]) == (0, out, ""), "nothing is trained twice"


def test_seeds_alone_choose_nothing_and_are_evaluated_on_test_images(tiny_config, cli):
    code, out, err = cli("sweep", tiny_config, "--seeds", "2", "--json", *SMALL)
    assert code == 0 and "validation" not in err, err
    told = json.loads(out)
    (found,) = told["settings"]
    assert told["validation"] is None and not found["others"]
    assert (found["values"], found["wanted"], len(found["runs"])) == ({}, 2, 2)
    values = [results_of(run)["numbers"]["classification"]["nmi"] for run in found["runs"]]
    number = found["numbers"]["classification.nmi"]
    assert number == {
        "mean": pytest.approx(statistics.mean(values)),
        "deviation": pytest.approx(statistics.stdev(values)),
        "count": 2,
    }
    assert [results_of(run)["validation"] for run in found["runs"]] == [None, None]


@pytest.mark.parametrize(
    ("changes", "share"),
    [
        (["training.epochs=1,2"], 0.2),
        (["training.epochs=1,2", "validation=0.4"], 0.4),
        (["training.epochs=1,2", "validation=null"], None),
        (["training.epochs=1,2", "--on-test"], None),
        (["training.epochs=1"], None),
    ],
)
def test_which_images_settings_are_compared_on(tiny_config, cli, changes, share):
    """Those that the caller says, else training images as soon as something can be chosen."""
    code, out, err = cli("sweep", tiny_config, *SMALL[1:], *changes, "--seeds", "1", "--json")
    assert code == 0, err
    told = json.loads(out)
    shares = {config_of(run)["validation"] for found in told["settings"] for run in found["runs"]}
    assert shares == {share} and told["validation"] == share


def test_a_config_that_holds_out_keeps_doing_so_and_it_is_said(tiny_config, cli):
    """Also of seeds alone, whose numbers would pass for those of test images."""
    tiny_config.write_text(tiny_config.read_text() + "validation: 0.3\n")
    assert not plan_sweep(str(tiny_config), ["training.epochs=1,2"], 1, on_test=False).holds_out
    code, out, err = cli("sweep", tiny_config, "--seeds", "1", *SMALL)
    assert code == 0 and "of training images held out (validation=0.3), not of test images" in out, err
    code, _, err = cli("sweep", tiny_config, "--on-test", *SMALL)
    assert code == 2 and "--on-test and validation: 0.3 contradict each other" in err
    assert cli("sweep", tiny_config, "--seeds", "1", *SMALL, "validation=null")[1].splitlines()[-1] == "of test images"


def settings(config, *changes):
    return plan_sweep(str(config), changes, 3, on_test=True).settings


def test_commas_within_brackets_and_quotes_are_part_of_a_value(tiny_config):
    values = [
        each.values
        for each in settings(
            tiny_config, "weights={gen: 1, prior: 2},{gen: 2, prior: 1}", "evaluators=[classification, constraint]"
        )
    ]
    assert values == [{"weights": {"gen": 1, "prior": 2}}, {"weights": {"gen": 2, "prior": 1}}]
    (only,) = settings(tiny_config, "task.query=sum_holds(A, B, C)")
    assert only.values == {} and only.label == "tiny" and len(only.jobs) == 3
    with pytest.raises(UserError, match="name"):
        settings(tiny_config, "name='a,b'")
    assert [each.label for each in settings(tiny_config, "training.ema=null,0.5")] == ["ema null", "ema 0.5"]


def test_keys_are_called_by_as_much_as_tells_them_apart(tiny_config):
    made = settings(tiny_config, "weights.gen=1,2", "starts.gen=0.1", "ends.gen=0.8,0.9", "training.epochs=1,2")
    assert made[0].label == "weights.gen 1, ends.gen 0.8, epochs 1" and len({each.label for each in made}) == 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["evaluators=[classification],[constraint]"], "trains the same as"),
        (["training.learning_rate=1e-3,0.001"], "learning_rate 0.001 trains the same as learning_rate 0.001"),
        (["device=cpu,auto"], "device auto trains the same as device cpu"),
        (["validation=0.1,0.2"], "validation=0.1,0.2: settings are compared on one share"),
        (["seed=1,2"], "seed is no setting: --seeds says how many there are"),
        (["compare=null"], "compare is no setting"),
        (["training.epochs=1", "training.epochs=2"], "training.epochs is there twice"),
    ],
)
def test_what_is_no_setting_is_refused(tiny_config, changes, message):
    with pytest.raises(UserError, match=message):
        settings(tiny_config, *changes)


def test_numbers_are_those_of_the_evaluators_asked_for_and_say_of_how_many_runs(tiny_config, cli):
    """The runs are shared with a sweep that looked with other evaluators, and one has lost a number."""
    other = [*SMALL[:-1], "evaluators=[constraint]"]
    assert cli("sweep", tiny_config, "--seeds", "3", *SMALL)[0] == 0
    code, out, err = cli("sweep", tiny_config, "--seeds", "3", *other)
    assert code == 0 and out.split()[:4] == ["runs", "satisfaction", "query_probability", "satisfaction_train"], err
    results = next(Path("runs/tiny").glob("*-seed1")) / "results.json"
    told = json.loads(results.read_text())
    told["numbers"]["constraint"]["satisfaction"] = None
    results.write_text(json.dumps(told))
    code, out, _ = cli("sweep", tiny_config, "--seeds", "3", *other)
    row = out.splitlines()[1]
    assert code == 0 and row.count("(of 2)") == 1 and row.startswith("3 of 3")


def test_all_that_is_wrong_is_said_before_anything_is_trained(tiny_config, cli):
    code, out, err = cli(
        "sweep", tiny_config, "training.learning_rate=1e-3,-1", "method.temperature=0,1", "--seeds", "1"
    )
    assert code == 2 and not out and not Path("runs/tiny").exists()
    assert "training.learning_rate" in err and "method.temperature" in err
    code, _, err = cli("sweep", tiny_config, "training.epochs")
    assert code == 2 and 'a change has the form key=value or key=value,value, not "training.epochs"' in err
    code, _, err = cli("sweep", tiny_config, "--engine-option", "timeout_min=5")
    assert code == 2 and "--engine-option timeout_min is for --engine submitit" in err


def test_what_fails_has_no_numbers_and_the_others_have_theirs(tiny_config, cli):
    """That there are too few images is found out when the data are there."""
    code, out, err = cli(
        "sweep", tiny_config, SMALL[0], SMALL[1], SMALL[3], "task.test_examples=2,5000", "--seeds", "1"
    )
    assert code == 1 and "1 run failed; the same command tries again" in err
    assert "test_examples 5000, seed 0: failed" in err
    rows = [line.split() for line in out.splitlines()[1:3]]
    assert rows[0][:4] == ["2", "1", "of", "1"] and len(rows[0]) == 7
    assert rows[1] == ["5000", "0", "of", "1", NOTHING, NOTHING, NOTHING]
    assert "test_examples 5000, seed 0: missing" in out, "its folder was not made"
    assert "side by side" not in out and "±" not in out


def test_other_sweeps_have_other_pages(tiny_config, cli):
    for epochs in ("1,2", "2,3"):
        assert cli("sweep", tiny_config, *SMALL[1:], f"training.epochs={epochs}", "--seeds", "1")[0] == 0
    assert len(list(Path("runs/sweeps").iterdir())) == 2


def test_what_there_is_to_do_can_be_listed(tiny_config, cli):
    changes = ("training.epochs=1,2", *SMALL[1:], "--seeds", "1")
    before = cli("sweep", tiny_config, *changes, "--list")[1]
    assert before.count(": missing") == 2 and not Path("runs").exists()
    assert cli("sweep", tiny_config, *changes)[0] == 0
    after = cli("sweep", tiny_config, *changes, "--list")[1]
    assert after.count(": finished") == 2 and "epochs 1, seed 0: finished" in after


def test_what_evaluators_do_without_is_said(tiny_config, cli, tmp_path):
    """Before anything is trained; the evaluator's other numbers are there."""
    knn = f"evaluators=[{{name: knn, transfer: [{{name: cifar10, root: {tmp_path}}}]}}]"
    code, out, err = cli("sweep", tiny_config, *SMALL[:-1], knn, "--seeds", "1")
    assert code == 0 and "evaluator knn: cifar10 is not here" in " ".join(err.split())
    assert out.split()[:3] == ["runs", "knn_euclidean", "knn_cosine"]
