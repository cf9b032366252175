"""A run's identity follows what it trains, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gedi_nesy.reproduction.job import prepare


def identity(config: Path, **changes: Any) -> str:
    return prepare(str(config), {key.replace("__", "."): value for key, value in changes.items()}).identity


def test_identity_follows_the_resolved_config(tiny_config: Path) -> None:
    plain = identity(tiny_config)
    assert len(plain) == 12
    assert identity(tiny_config, training__batch_size=10) == plain, "a default or equal value changes nothing"
    assert identity(tiny_config, training__batch_size=20) != plain
    assert identity(tiny_config, evaluators=["classification"]) == plain, "a run can be evaluated again"


def test_identity_leaves_out_what_decides_no_number(tiny_config: Path) -> None:
    plain = identity(tiny_config)
    compare = {"table": "gedi-table6", "row": "100", "column": "No GEDI"}
    assert identity(tiny_config, device="cpu", training__log_every=7, compare=compare, seed=9) == plain


def test_identity_follows_the_files_a_config_names(tiny_config: Path) -> None:
    program = tiny_config.parent / "sums.pl"
    text = "nn(mnist_net, [X], Y, [0,1,2,3,4,5,6,7,8,9]) :: digit(X, Y).\n"
    text += "sum_holds(A, B, C) :- digit(A, X), digit(B, Y), Z is X + Y, digit(C, Z).\n"
    program.write_text(text)
    tiny_config.write_text(tiny_config.read_text().replace("program: mnist_addition", "program: sums.pl"))
    before = identity(tiny_config)
    program.write_text(text + "% a remark\n")
    assert identity(tiny_config) != before


def test_seeds_have_folders_of_their_own(tiny_config: Path) -> None:
    training = prepare(str(tiny_config), {})
    assert training.job(3).folder(Path("runs")).path == Path("runs/tiny") / f"{training.identity}-seed3"
    assert training.absent is None and training.lacking == {}


def test_data_that_are_not_here_are_named(tiny_config: Path, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("GEDI_NESY_DATA", str(tmp_path / "nowhere"))
    absent = prepare(str(tiny_config), {"data": {"name": "mnist"}}).absent or ""
    assert absent.startswith("mnist is not here") and "nowhere" in absent and "data fetch" in absent


def test_evaluators_do_without_what_is_not_here_and_say_so(tiny_config: Path, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("GEDI_NESY_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    others = {"name": "ood", "datasets": [{"name": "kmnist"}, {"name": "bars"}]}
    training = prepare(str(tiny_config), {"evaluators": [others, "fid", "classification"]})
    kept = {evaluator["name"]: evaluator for evaluator in json.loads(training.evaluators)}
    assert set(kept) == {"ood", "classification"} and training.absent is None
    assert [data["name"] for data in kept["ood"]["datasets"]] == ["bars"]
    assert training.lacking["ood"].startswith("kmnist is not here")
    assert "FID needs pt_inception" in training.lacking["fid"]


def test_probes_do_without_transfer_data_that_are_not_here(tiny_config: Path, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("GEDI_NESY_DATA", str(tmp_path / "nowhere"))
    others = [{"name": "kmnist"}, {"name": "bars"}]
    evaluators = [{"name": "knn", "transfer": others}, {"name": "linear_probe", "transfer": others[:1]}]
    training = prepare(str(tiny_config), {"evaluators": evaluators})
    kept = {evaluator["name"]: evaluator for evaluator in json.loads(training.evaluators)}
    assert [data["name"] for data in kept["knn"]["transfer"]] == ["bars"] and kept["linear_probe"]["transfer"] == []
    assert (
        training.lacking["knn"] == training.lacking["linear_probe"] and "kmnist is not here" in training.lacking["knn"]
    )
