"""The command reproduce, from a recipe to the table."""

from __future__ import annotations

import json
from pathlib import Path


def test_a_table_is_run_once_and_printed_beside_the_paper(recipe_file, cli):
    code, out, err = cli("reproduce", recipe_file, "--scale", "small", "--rows", "20")
    assert code == 0, err
    assert "2 runs to do" in err and "[2/2] 20, " in err and "finished after" in err
    assert "With the constraint" in out and "10.0 ± 0.0" in out and "one epoch on drawn bars" in out
    assert {path.suffix for path in Path("runs/tables").iterdir()} == {".json", ".csv", ".md", ".html"}
    before = {path: path.stat().st_mtime_ns for path in Path("runs").rglob("results.json")}
    assert len(before) == 2

    code, out, err = cli("reproduce", recipe_file, "--scale", "small", "--rows", "20,40", "--columns", "with", "--json")
    assert code == 0 and "1 run to do" in err
    assert {path: path.stat().st_mtime_ns for path in before} == before, "finished runs are left alone"
    entries = json.loads(out)["entries"]
    assert [(entry["row"], entry["column"]) for entry in entries] == [("20", "with")] * 2 + [("40", "with")] * 2
    assert all(entry["ours"] is not None for entry in entries)


def test_list_runs_nothing(recipe_file, cli):
    code, out, _ = cli("reproduce", recipe_file, "--scale", "small", "--list")
    assert code == 0 and not Path("runs").exists()
    assert "20, with, seed 0: missing  [runs/tiny/" in out
    assert "0 of 4 runs finished; 4 missing; 4 to do here, about 0 minutes on one core" in out


def test_changes_of_the_callers_own_are_other_runs_and_are_said(recipe_file, cli):
    arguments = ["reproduce", recipe_file, "--scale", "small", "--list", "--rows", "20"]
    _, plain, _ = cli(*arguments)
    code, out, _ = cli(*arguments, "--set", "training.batch_size=20", "--set", "data.root=x")
    assert code == 0 and out.splitlines()[0].endswith(
        'one epoch on drawn bars; 1 seed; training.batch_size=20; data.root="x"'
    )
    assert not set(plain.splitlines()) & set(out.splitlines()[:-1])
    code, _, err = cli(*arguments, "--set", "seed=3")
    assert code == 2 and "choose how many with --seeds" in err


def test_a_change_that_a_config_does_not_take_is_an_error_and_writes_nothing(recipe_file, cli):
    arguments = ["reproduce", recipe_file, "--scale", "small", "--set", "training.batch_size=20"]
    for change, words in [
        ("trainng.epochs=1", 'trainng is not an option of a config. Did you mean "training"?'),
        ("training.epochs=many", "must be a valid integer"),
    ]:
        code, _, err = cli(*arguments, "--set", change)
        key, _, value = change.partition("=")
        assert code == 2 and err.count(words) == 1, err
        assert f"--set {key}=" in err and value in err and "does not fit tiny.yaml, which 20, with needs" in err
        assert "batch_size" not in err and not Path("runs").exists()


def test_divergence_in_one_cell_leaves_the_others_alone(recipe_file, cli):
    text = recipe_file.read_text().replace(
        "set: {task.examples: 20}", "set: {task.examples: 20, training.max_term: 1e-9}"
    )
    recipe_file.write_text(text)
    code, out, err = cli("reproduce", recipe_file, "--scale", "small", "--columns", "with")
    assert code == 0, err
    assert "[1] seed 0: diverged: training diverged at step 0" in out
    assert "20, with, seed 0: diverged" in err and "40, with, seed 0: finished" in err


def test_tables_are_listed_with_what_can_be_run(cli, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GEDI_NESY_DATA", str(tmp_path))
    code, out, _ = cli("reproduce")
    assert code == 0
    lines = out.splitlines()
    (line,) = (line for line in lines if line.startswith("gedi-table6 "))
    assert line.split()[:5] == ["gedi-table6", "0/9", "GPU,", "mnist", "0/6"]
    assert sum("gedi-nesy data fetch mnist" in line for line in lines) == 1
    assert (
        max(len(line) for line in lines[: lines.index(next(line for line in lines if line.startswith("full, small")))])
        <= 120
    )
    code, out, _ = cli("reproduce", "gedi-table6", "--list")
    assert out.count("mnist is not here") == 1 and "seed 0: missing, GPU, mnist not here  [runs/" in out


def test_what_is_unknown_is_said(recipe_file, cli):
    code, _, err = cli("reproduce", "gedi-tabel6")
    assert code == 2 and 'Did you mean "gedi-table6"?' in err
    code, _, err = cli("reproduce", recipe_file, "--scale", "medium")
    assert code == 2 and "Known: small, none" in err
    code, _, err = cli("reproduce", recipe_file, "--scale", "small", "--engine-option", "timeout_min=3")
    assert code == 2 and "--engine-option timeout_min is for --engine submitit" in err
    code, _, err = cli("reproduce", recipe_file, "--scale", "small", "--engine-option", "fast")
    assert code == 2 and 'the form key=value, not "fast"' in err
    code, _, err = cli("reproduce", "gedi-table2", "--columns", "Gedi")
    assert code == 2 and 'Did you mean "GEDI"?' in err


def test_a_device_that_is_not_here_is_said_before_anything_is_written(recipe_file, cli, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for device, words in (
        ("tpu", 'error: device is "tpu": must be auto, cpu, cuda'),
        ("cuda", 'error: device "cuda" is not there'),
    ):
        code, out, err = cli("reproduce", recipe_file, "--scale", "small", "--device", device)
        assert (code, out) == (2, "") and err.startswith(words) and len(err.splitlines()) == 1
        assert not Path("runs").exists()


def test_a_folder_that_cannot_be_used_is_said_before_anything_is_run(recipe_file, cli):
    Path("file").touch()
    for option in ("--out", "--runs"):
        code, out, err = cli("reproduce", recipe_file, "--scale", "small", option, "file")
        expected = f"error: {option} file is no folder to write to: there is a file in its place. Name another\n"
        assert (code, out, err) == (2, "", expected)
    assert not list(Path("runs").rglob("config.yaml"))


def test_a_run_that_fails_is_told_by_the_exit_status(recipe_file, cli, monkeypatch):
    def fail(job, runs):
        raise RuntimeError("no luck")

    monkeypatch.setattr("gedi_nesy.reproduction.execution._train", fail)
    code, out, err = cli("reproduce", recipe_file, "--scale", "small", "--rows", "20", "--columns", "with")
    assert code == 1 and "RuntimeError: no luck" in out
    assert err.endswith("1 run failed; the same command tries again\n")


def test_a_number_that_a_run_does_not_have_is_told_with_the_nearest(recipe_file, cli):
    recipe_file.write_text(recipe_file.read_text().replace("classification.accuracy", "classification.acuracy"))
    code, out, _ = cli("reproduce", recipe_file, "--scale", "small", "--rows", "20", "--columns", "with")
    assert code == 0
    assert 'no number "classification.acuracy". Did you mean "classification.accuracy"? It has:' in " ".join(
        out.split()
    )
