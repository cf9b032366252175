"""A run that was killed ends with the very same numbers as one that was not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
import torch

from gedi_nesy.config.loader import load_tree
from gedi_nesy.config.validate import validate
from gedi_nesy.data.host_tensor import with_pixels
from gedi_nesy.engine import checkpoint
from gedi_nesy.engine.build import build_run
from gedi_nesy.engine.run_folder import RunFolder
from gedi_nesy.engine.state import State, _process_started, _write
from gedi_nesy.engine.train import _step
from gedi_nesy.errors import RunError
from gedi_nesy.plugin_manager import load_plugins


def outcome(run_id):
    """Everything that must be equal: numbers, terms, metrics without wall-clock times, and all tensors of the checkpoint."""
    folder = RunFolder(_folder(run_id))
    results = json.loads(folder.results.read_text())
    metrics = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    for line in metrics:
        line.pop("seconds", None)
    tensors = checkpoint.read(checkpoint.newest(folder.checkpoints)).tensors
    return (
        checkpoint.read(checkpoint.newest(folder.checkpoints)).values["images"],
        results["numbers"],
        results["terms"],
        results["diagnosis"],
        metrics,
        {name: value.tolist() for name, value in tensors.items()},
    )


def _folder(run_id):
    from pathlib import Path

    return Path("runs/tiny") / run_id


@pytest.fixture
def uninterrupted(tiny_config, cli):
    code, _, err = cli("train", tiny_config, "--run-id", "whole")
    assert code == 0, err
    return outcome("whole")


def stop(cli, config, run_id, step, monkeypatch):
    """Train until the process "dies" at a step: the files are all that is left."""
    monkeypatch.setenv("TINY_STOP_AT", str(step))
    with pytest.raises(BaseException) as caught:
        cli("train", config, "--run-id", run_id)
    assert type(caught.value).__name__ == "Stopped"
    monkeypatch.delenv("TINY_STOP_AT")


def test_killed_by_the_system_and_resumed_equals_uninterrupted(tiny_config, uninterrupted):
    """A real SIGKILL in mid-epoch, in a process of its own; the whole run was in this one."""
    command = [sys.executable, "-m", "gedi_nesy", "train", str(tiny_config), "--run-id", "killed"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    killed = subprocess.run(command, env=environment | {"TINY_KILL_AT": "7"}, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    resumed = subprocess.run([*command, "--resume"], env=environment, capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr
    assert outcome("killed") == uninterrupted


@pytest.mark.parametrize("step", [2, 4, 16])
def test_stopped_anywhere_and_resumed_equals_uninterrupted(tiny_config, uninterrupted, cli, monkeypatch, step):
    """4 steps an epoch, a checkpoint after each: before the first one, at its very step, and at the last step of all."""
    stop(cli, tiny_config, "stopped", step, monkeypatch)
    assert cli("train", tiny_config, "--run-id", "stopped", "--resume")[0] == 0
    assert outcome("stopped") == uninterrupted


def test_the_newest_run_is_resumed_and_a_run_folder_can_be_named(tiny_config, uninterrupted, cli, monkeypatch):
    stop(cli, tiny_config, "x", 6, monkeypatch)
    assert cli("train", "runs/tiny/x", "--resume")[0] == 0
    assert outcome("x") == uninterrupted
    code, out, _ = cli("train", tiny_config, "--resume")
    assert code == 0 and "runs/tiny/x" in out
    code, _, err = cli("train", "runs/tiny/x")
    assert code == 2 and "add --resume to go on with it" in err


def damage(path):
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)


def test_a_damaged_newest_checkpoint_falls_back_and_says_so(tiny_config, uninterrupted, cli, monkeypatch):
    stop(cli, tiny_config, "damaged", 14, monkeypatch)
    newest = checkpoint.newest(_folder("damaged") / "checkpoints")
    damage(newest)
    code, out, _ = cli("train", tiny_config, "--run-id", "damaged", "--resume")
    assert code == 0 and f"checkpoint {newest} is damaged" in out and "went back to the one before" in out
    assert outcome("damaged") == uninterrupted


def test_an_interrupted_loop_over_seeds_goes_on_where_each_seed_stood(tiny_config, uninterrupted, cli, monkeypatch):
    """The newest run of the name is of another seed."""
    stop(cli, tiny_config, "zero", 10, monkeypatch)
    assert cli("train", tiny_config, "--run-id", "one", "--seed", "1")[0] == 0
    code, out, err = cli("train", tiny_config, "--seed", "0", "--resume")
    assert code == 0 and "run folder runs/tiny/zero" in out, err
    assert outcome("zero") == uninterrupted
    code, _, err = cli("train", tiny_config, "--seed", "2", "--resume")
    assert code == 2 and "Changed: seed (1 then, 2 now)" in err


def test_with_every_checkpoint_damaged_the_run_is_not_resumed_in_silence(tiny_config, cli, monkeypatch):
    stop(cli, tiny_config, "lost", 14, monkeypatch)
    for path in (_folder("lost") / "checkpoints").glob("step-*.safetensors"):
        damage(path)
    code, _, err = cli("train", tiny_config, "--run-id", "lost", "--resume")
    assert code == 2 and "no sound checkpoint is left" in err


def test_resuming_with_another_config_names_the_difference(tiny_config, uninterrupted, cli):
    code, _, err = cli("train", tiny_config, "--run-id", "whole", "--resume", "training.learning_rate=2e-3")
    assert (
        code == 2
        and "Changed: training.learning_rate (0.001 then, 0.002 now). Undo" in err
        and err.count("error:") == 1
    )


def test_a_checkpoint_of_another_version_says_so_also_where_only_its_weights_are_read(uninterrupted):
    from gedi_nesy.engine.start import reopen

    run, _ = reopen(_folder("whole"))
    saved = checkpoint.read(checkpoint.newest(run.folder.checkpoints))
    del saved.values["images"]
    for how in (checkpoint.restore, checkpoint.restore_weights):
        with pytest.raises(RunError, match="lacks 'images': another version of gedi-nesy wrote it"):
            how(run, saved)


def test_resuming_a_finished_run_changes_nothing(tiny_config, uninterrupted, cli):
    assert cli("train", tiny_config, "--run-id", "whole", "--resume")[0] == 0
    assert outcome("whole") == uninterrupted


def test_a_run_folder_that_exists_is_not_overwritten(tiny_config, uninterrupted, cli):
    code, _, err = cli("train", tiny_config, "--run-id", "whole")
    assert code == 2 and "runs/tiny/whole exists already" in err and "--resume" in err


def test_keys_that_only_steer_may_change_on_resume(tiny_config, uninterrupted, cli, monkeypatch):
    stop(cli, tiny_config, "steered", 10, monkeypatch)
    code, _, err = cli(
        "train", tiny_config, "--run-id", "steered", "--resume", "training.on_divergence=rollback", "device=cpu"
    )
    assert code == 0, err
    assert outcome("steered") == uninterrupted


def test_resuming_with_another_program_is_refused(tiny_config, uninterrupted, cli):
    code, _, err = cli(
        "train",
        tiny_config,
        "--run-id",
        "whole",
        "--resume",
        "task.program=addition_with_label",
        "task.query=addition(A, B, C)",
    )
    assert code == 2 and "task.program (mnist_addition.pl then, addition_with_label.pl now)" in err


def test_resuming_with_a_changed_program_is_refused(tiny_config, cli, tmp_path):
    from gedi_nesy.config.locate import find_program

    own = tmp_path / "own.pl"
    own.write_text(find_program("mnist_addition").read_text())
    tiny_config.write_text(tiny_config.read_text().replace("program: mnist_addition", "program: own.pl"))
    assert cli("train", tiny_config, "--run-id", "r")[0] == 0
    own.write_text(own.read_text() + "% changed\n")
    code, _, err = cli("train", tiny_config, "--run-id", "r", "--resume")
    assert code == 2 and "Changed: own.pl. " in err


def test_a_damaged_checksum_counts_as_a_damaged_checkpoint(tiny_config, uninterrupted, cli, monkeypatch):
    stop(cli, tiny_config, "sum", 14, monkeypatch)
    newest = checkpoint.newest(_folder("sum") / "checkpoints")
    newest.with_suffix(".sha256").write_bytes(b"\xff\xfe\x00")
    code, out, _ = cli("train", tiny_config, "--run-id", "sum", "--resume")
    assert code == 0 and "is damaged" in out and outcome("sum") == uninterrupted


def test_reading_a_run_says_that_its_newest_checkpoint_is_damaged(tiny_config, uninterrupted, cli):
    damage(checkpoint.newest(_folder("whole") / "checkpoints"))
    code, _, err = cli("evaluate", "runs/tiny/whole")
    assert code == 0 and "is damaged" in err and "reading the one before" in err


def test_leftovers_of_a_killed_save_are_swept_on_resume(tiny_config, cli, monkeypatch):
    stop(cli, tiny_config, "left", 14, monkeypatch)
    leftover = _folder("left") / "checkpoints" / ".step-01-000000016.safetensors.1.tmp"
    leftover.write_bytes(b"half")
    assert cli("evaluate", "runs/tiny/left")[0] == 0
    assert leftover.exists(), "evaluating must not touch what a living process may be writing"
    assert cli("train", tiny_config, "--run-id", "left", "--resume")[0] == 0
    assert not leftover.exists()


def test_the_newest_run_is_the_one_started_last(tiny_config, cli):
    for name in ("z", "a"):
        assert cli("train", tiny_config, "--run-id", name, "training.epochs=1")[0] == 0
    code, out, _ = cli("evaluate", "runs/tiny")
    assert code == 0 and "runs/tiny/a/report.html" in out


def test_another_kind_of_device_goes_on_with_fresh_random_numbers(tiny_config, uninterrupted):
    from gedi_nesy.engine.start import reopen

    run, _ = reopen(_folder("whole"))
    saved = checkpoint.read(checkpoint.newest(run.folder.checkpoints))
    saved.values["device"] = "cuda"
    saved.tensors["generator/views"] = saved.tensors["generator/views"][:16]
    checkpoint.restore(run, saved)
    assert run.notes[-1] == "moved from cuda to cpu at step 16" and run.epoch == 4


def change(run_id, **values):
    """Other values in the environment that a run was started in."""
    file = RunFolder(_folder(run_id)).environment
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_a_run_that_is_being_trained_is_not_resumed_beside_it(tiny_config, cli, monkeypatch):
    stop(cli, tiny_config, "busy", 10, monkeypatch)
    leftover = _folder("busy") / "checkpoints" / ".step-01-000000016.safetensors.1.tmp"
    leftover.write_bytes(b"half")
    folder, other = RunFolder(_folder("busy")), os.getppid()
    _write(folder, State.running)
    told = json.loads(folder.state.read_text()) | {"process": other, "process_started": _process_started(other)}
    folder.state.write_text(json.dumps(told))
    code, _, err = cli("train", tiny_config, "--run-id", "busy", "--resume")
    assert code == 2 and f"runs/tiny/busy is being trained by process {other} on " in err
    assert leftover.exists()
    folder.state.write_text(json.dumps(told | {"host": "another"}))
    assert cli("train", tiny_config, "--run-id", "busy", "--resume")[0] == 0, "another host may be gone"


def test_a_run_whose_training_data_have_changed_is_not_resumed(tiny_config, uninterrupted, cli):
    known = RunFolder(_folder("whole")).training_data
    assert len(known) == 16
    change("whole", training_data="0123")
    code, _, err = cli("train", tiny_config, "--run-id", "whole", "--resume")
    assert code == 2 and "runs/tiny/whole was started with other training data" in err
    change("whole", training_data="")
    assert cli("train", tiny_config, "--run-id", "whole", "--resume")[0] == 0, "an older run says nothing about them"


def test_a_run_from_before_an_option_existed_is_resumed(tiny_config, uninterrupted, cli):
    config = RunFolder(_folder("whole")).config
    assert config.read_text().count("  tf32: true\n") == 1
    config.write_text(config.read_text().replace("  tf32: true\n", ""))
    assert cli("train", tiny_config, "--run-id", "whole", "--resume")[0] == 0
    config.write_text(config.read_text() + "]")
    code, _, err = cli("train", tiny_config, "--run-id", "whole", "--resume")
    assert code == 2 and "runs/tiny/whole/config.yaml" in err and "not valid YAML" in err


def test_files_that_a_program_loads_are_kept_with_the_run(tiny_config, cli, tmp_path):
    from gedi_nesy.config.locate import find_program

    (tmp_path / "own.pl").write_text(":- consult('facts.pl').\n" + find_program("mnist_addition").read_text())
    (tmp_path / "facts.pl").write_text("known(1).\n")
    own = "program: own.pl\n  allow_python: true"
    tiny_config.write_text(tiny_config.read_text().replace("program: mnist_addition", own))
    assert cli("train", tiny_config, "--run-id", "r", "training.epochs=1")[0] == 0
    (tmp_path / "facts.pl").write_text("known(2).\n")
    code, _, err = cli("train", tiny_config, "--run-id", "r", "--resume", "training.epochs=1")
    assert code == 2 and "Changed: facts.pl. " in err
    (tmp_path / "facts.pl").unlink()
    code, _, err = cli("evaluate", "runs/tiny/r")
    assert code == 0, err
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "facts.pl").write_text("known(1).\n")
    (tmp_path / "own.pl").write_text((tmp_path / "own.pl").read_text().replace("facts.pl", "more/facts.pl"))
    code, _, err = cli("train", tiny_config, "--run-id", "s")
    assert code == 2 and "put it beside the program" in err and not _folder("s").exists()


def step(run):
    selection = next(iter(run.task.epoch(10, torch.Generator().manual_seed(0))))
    _step(run, list(with_pixels(run.task.train_pixels, [selection])))


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_convolutional_network_with_a_fused_optimiser_goes_on_alike(tiny_config, optimizer):
    """As on a GPU: weights are channels last, and fused kernels walk through memory as it lies."""
    kind = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[optimizer]
    overrides = [f"training.optimizer={optimizer}", "backbone={name: resnet8, width: 4}", "weights={nesy: 1}"]
    plugins = load_plugins()
    config = validate(load_tree(str(tiny_config), overrides), plugins)
    runs = []
    for name in ("whole", "resumed"):
        run = build_run(config, plugins, RunFolder(_folder(name)))
        run.optimizer = kind([{**group, "fused": True} for group in run.optimizer.param_groups])
        runs.append(run)
    whole, resumed = runs
    for _ in range(2):
        step(whole)
    path = checkpoint.save(whole, monitored=None)
    checkpoint.restore(resumed, checkpoint.read(path))
    for run in runs:
        step(run)
    for one, other in zip(whole.method.parameters(), resumed.method.parameters(), strict=True):
        assert torch.equal(one, other)
