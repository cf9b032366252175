"""The command runs on finished, half done and damaged folders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gedi_nesy.cli.listing import Standing
from gedi_nesy.engine.state import State


def make_run(name, run_id, *, accuracy=None, state=None, started="2026-01-01T10:00:00", **config):
    folder = Path("runs") / name / run_id
    folder.mkdir(parents=True)
    settings = {"name": name, "seed": 0, "method": {"name": "gedi", "temperature": 1.0}, **config}
    (folder / "config.yaml").write_text(json.dumps(settings))
    (folder / "environment.json").write_text(json.dumps({"started": started}))
    if accuracy is not None:
        numbers = {"classification": {"accuracy": accuracy, "nmi": accuracy / 2}, "knn": {"knn_cosine": None}}
        (folder / "results.json").write_text(json.dumps({"numbers": numbers, "training": {"seconds": 100 * accuracy}}))
    if state:
        (folder / "state.json").write_text(json.dumps(state))
    return folder


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_run("sums", "a", accuracy=0.5, started="2026-01-03T10:00:00")
    make_run("sums", "b", accuracy=0.9, seed=1, weights={"nesy": 25})
    make_run("toys", "c", state={"state": "diverged", "error": "training diverged at step 4:\ninv is nan"})
    make_run("toys", "d")
    (Path("runs") / "toys" / ".e.12.tmp").mkdir()
    (Path("runs") / "tables").mkdir()
    (Path("runs") / "tables" / "x.csv").touch()


def names(out):
    return [line.split()[0].removeprefix("runs/") for line in out.splitlines()[1:]]


def test_every_run_with_its_state_and_numbers(runs, cli):
    code, out, _ = cli("runs")
    assert code == 0
    assert names(out) == ["sums/b", "toys/c", "toys/d", "sums/a"], "oldest first"
    by_name = dict(zip(names(out), out.splitlines()[1:], strict=True))
    assert "2026-01-03 10:00" in by_name["sums/a"] and "finished" in by_name["sums/a"]
    assert "accuracy 0.5, nmi 0.25, knn_cosine \u2013" in by_name["sums/a"]
    assert "diverged" in by_name["toys/c"] and "training diverged at step 4: inv is nan" in by_name["toys/c"]
    assert "killed" in by_name["toys/d"] and "there is no results.json" in by_name["toys/d"]


def test_sorting_and_filtering(runs, cli):
    assert names(cli("runs", "--sort", "nmi")[1]) == ["sums/b", "sums/a", "toys/c", "toys/d"]
    assert names(cli("runs", "--sort", "classification.nmi", "--lowest-first")[1])[:2] == ["sums/a", "sums/b"]
    assert cli("runs", "--sort", "nmi")[1].splitlines()[1].split("  ")[-1].startswith("nmi 0.45")
    assert names(cli("runs", "--sort", "seconds")[1])[:2] == ["sums/a", "sums/b"]
    assert names(cli("runs", "--name", "toy")[1]) == ["toys/c", "toys/d"]
    assert names(cli("runs", "--name", "*/b")[1]) == ["sums/b"]
    assert names(cli("runs", "--state", "diverged")[1]) == ["toys/c"]
    code, _, err = cli("runs", "--state", "bogus")
    assert code == 2 and "'bogus' is not one of" in err and all(f"'{state}'" in err for state in Standing)
    assert set(Standing) == {*State, "damaged"}
    code, _, err = cli("runs", "--sort", "acuracy")
    assert code == 2 and 'no run here has a number "acuracy". Did you mean "accuracy"?' in err


def test_json_has_everything_but_the_configs(runs, cli):
    lines = json.loads(cli("runs", "--json", "--name", "sums/b")[1])
    assert [line["seed"] for line in lines] == [1] and lines[0]["numbers"]["classification.accuracy"] == 0.9
    assert "config" not in lines[0]


def test_compare_shows_what_differs_and_all_numbers(runs, cli):
    code, out, _ = cli("runs", "compare", "runs/sums/a", "runs/sums/b")
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert ["seed", "0", "1"] in rows and ["weights.nesy", "\u2013", "25"] in rows
    assert ["classification.accuracy", "0.5", "0.9"] in rows
    assert not any(row[:1] == ["method.temperature"] for row in rows), "the same in both"
    plain = json.loads(cli("runs", "compare", "runs/sums/a", "runs/toys/d", "--json")[1])
    assert plain["numbers"]["classification.nmi"] == [0.25, None]
    code, _, err = cli("runs", "compare", "runs/nowhere", "runs/sums/a")
    assert code == 2 and "runs/nowhere is no run folder" in err


def test_compare_gives_means_over_seeds(runs, cli):
    folder = make_run("sums", "g", accuracy=0.7, seed=2)
    results = json.loads((folder / "results.json").read_text())
    for run in (folder, Path("runs/sums/a")):
        (run / "results.json").write_text(
            json.dumps(results | {"main": ["classification.accuracy", "classification.nmi"]})
        )
        results["numbers"]["classification"] = {"accuracy": 0.5, "nmi": 0.25, "nmi_k": 3}
    code, out, _ = cli("runs", "compare", "runs/sums/a", "runs/sums/b", "runs/sums/g")
    assert code == 0 and "mean ± standard deviation (n \u2212 1) of A (seed 0), C (seed 2)" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["classification.accuracy", "0.600", "±", "0.141"] in rows
    of_setting = [row for row in rows if row[:1] == ["classification.nmi_k"]]
    assert of_setting and "±" not in of_setting[0] and len(of_setting) == 1, "a setting has no mean"
    plain = json.loads(cli("runs", "compare", "runs/sums/a", "runs/sums/g", "--json")[1])["over_seeds"]
    assert [group["seeds"] for group in plain] == [[0, 2]] and plain[0]["runs"] == ["runs/sums/a", "runs/sums/g"]
    assert plain[0]["numbers"]["classification.nmi"] == {
        "mean": pytest.approx(0.3),
        "deviation": pytest.approx(0.0707, abs=1e-4),
        "count": 2,
    }


def test_lists_of_configs_are_compared_item_by_item(runs, cli):
    knn = {"name": "knn", "max_neighbours": 15}
    make_run("sums", "e", evaluators=[knn, {"name": "linear_probe", "epochs": 3}])
    make_run("sums", "f", evaluators=[{**knn, "max_neighbours": 5}], rate=1e-3)
    rows = [line.split() for line in cli("runs", "compare", "runs/sums/e", "runs/sums/f")[1].splitlines()]
    assert ["evaluators.linear_probe", "present", "\u2013"] in rows and ["rate", "\u2013", "0.001"] in rows
    assert ["evaluators.knn.max_neighbours", "15", "5"] in rows
    assert len(rows) == 9, rows  # two runs, a heading and a line for each of three keys, two for numbers


@pytest.mark.parametrize("given", [["runs/sums"], ["runs/sums/a", "runs/sums/a"]])
def test_one_run_is_no_comparison(runs, cli, given):
    code, out, err = cli("runs", "compare", *given)
    assert code == 2 and not out and "a comparison takes two different runs or more, not runs/sums/a" in err


def test_main_numbers_come_first_and_choices_not_at_all(runs, cli):
    file = Path("runs/sums/b/results.json")
    numbers = {"knn": {"knn_cosine_k": 5, "knn_cosine": 0.5}, "classification": {"nmi": 1.0}}
    file.write_text(json.dumps({"numbers": numbers, "main": ["classification.nmi", "knn.knn_cosine"]}))
    assert cli("runs", "--name", "sums/b")[1].splitlines()[1].endswith("  nmi 1, knn_cosine 0.5")
    assert (
        cli("runs", "--name", "sums/b", "--sort", "knn_cosine_k")[1]
        .splitlines()[1]
        .endswith("  knn_cosine_k 5, nmi 1, knn_cosine 0.5")
    )


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("config.yaml", None, "no config.yaml"),
        ("config.yaml", "a: [", "config.yaml is damaged"),
        ("config.yaml", "[1]", "it holds no mapping"),
        ("config.yaml", "method: 3\nseed: x", ""),
        ("results.json", "{", "results.json is damaged"),
        ("results.json", '{"numbers": [1], "training": 4}', ""),
        ("results.json", '{"numbers": {"a": {"b": "text"}}}', ""),
        ("environment.json", "\x00", "environment.json is damaged"),
        ("state.json", "{{", ""),
    ],
)
def test_a_damaged_folder_is_listed_with_what_is_wrong(runs, cli, file, text, words):
    path = Path("runs/sums/b") / file
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_text(text)
    code, out, err = cli("runs", "--name", "sums/b")
    assert code == 0 and not err and "sums/b" in out and words in out
    assert cli("runs", "--json")[0] == 0


def test_no_runs(tmp_path, monkeypatch, cli):
    monkeypatch.chdir(tmp_path)
    assert cli("runs")[1] == "no runs in runs\n"
    assert cli("runs", "--json")[1] == "[]\n"


def test_listing_does_without_torch(runs):
    script = (
        "import sys\nfrom gedi_nesy.cli import main\n"
        "try:\n    main(['runs'])\nexcept SystemExit as end:\n    assert not end.code\nprint('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=dict(os.environ))
    assert done.stdout.splitlines()[-1] == "False", done.stderr
