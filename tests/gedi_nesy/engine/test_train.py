"""The loop: divergence, roll back, restart, late starts, the learning rate, a full disk."""

from __future__ import annotations

import errno
import json
import math
from pathlib import Path

import pytest
import torch

from gedi_nesy.config.loader import load_tree
from gedi_nesy.config.validate import validate
from gedi_nesy.engine import checkpoint
from gedi_nesy.engine.build import build_run
from gedi_nesy.engine.recovery import why_stuck
from gedi_nesy.engine.run_folder import RunFolder
from gedi_nesy.engine.train import _clip, _step, learning_rate
from gedi_nesy.errors import ConfigError
from gedi_nesy.plugin_manager import load_plugins

RUN = Path("runs/tiny/r")


def build(config, *overrides):
    plugins = load_plugins()
    return build_run(validate(load_tree(str(config), overrides), plugins), plugins, RunFolder(RUN))


def results():
    return json.loads((RUN / "results.json").read_text())


def trained_images():
    training = results()["training"]
    return training["images_per_second"] * training["seconds"]


def metrics():
    return [json.loads(line) for line in (RUN / "metrics.jsonl").read_text().splitlines()]


def test_a_non_finite_term_stops_with_step_term_and_last_checkpoint(tiny_config, cli):
    code, _, err = cli("train", tiny_config, "--run-id", "r", "training.learning_rate=1e18", "training.epochs=8")
    assert code == 1 and "training diverged at step" in err and "Traceback" not in err
    assert any(f"{term} is" in err for term in ("gen", "energy", "nesy", "prior"))
    newest = checkpoint.newest(RUN / "checkpoints")
    assert f"Last good checkpoint: {newest or 'none yet'}" in err


def test_an_exploding_term_counts_as_divergence(tiny_config, cli):
    code, _, err = cli("train", tiny_config, "--run-id", "r", "training.max_term=0.5")
    assert code == 1 and "at step 0" in err and "training.max_term is 0.5" in err and "none yet" in err


def test_roll_back_goes_to_the_checkpoint_with_half_the_rate(tiny_config, cli, tmp_path):
    plugin = tmp_path / "bomb.py"
    plugin.write_text(
        "import torch\nfrom gedi_nesy import hookimpl\nfired = []\n"
        "@hookimpl\ndef step_finished(run, step):\n"
        "    if step == 6 and not fired:\n"
        "        fired.append(1)\n"
        "        with torch.no_grad():\n            next(run.method.parameters()).fill_(float('nan'))\n"
    )
    text = tiny_config.read_text().replace("plugins: [", f"plugins: [{plugin}, ")
    tiny_config.write_text(text)
    code, out, err = cli("train", tiny_config, "--run-id", "r", "training.on_divergence=rollback")
    assert code == 0, err
    assert "diverged at step 6, rolled back to step 4, learning rate times 0.5" in out
    assert results()["notes"] == ["diverged at step 6, rolled back to step 4, learning rate times 0.5 from there"]
    steps = [line["step"] for line in metrics() if "terms" in line]
    assert steps == list(range(1, 17))
    rates = {line["step"]: line["learning_rate"] for line in metrics() if "terms" in line}
    assert rates[16] == pytest.approx(rates[1] / 2)
    assert trained_images() == pytest.approx((6 + 12) * 30), "also those of the steps that were undone"


def test_rolling_back_forever_is_given_up(tiny_config, cli):
    code, _, err = cli(
        "train", tiny_config, "--run-id", "r", "training.on_divergence=rollback", "training.max_term=0.5"
    )
    assert code == 1 and "no checkpoint to go back to" in err


def test_a_stuck_run_starts_again_with_other_weights_and_notes_it(tiny_config, cli):
    restart = "training.restart={term: nesy, above: 0.0, after: 0.5, attempts: 3}"
    code, out, err = cli("train", tiny_config, "--run-id", "r", restart)
    assert code == 0, err
    notes = results()["notes"]
    assert [note[:9] for note in notes] == ["attempt 1", "attempt 2"] and "nesy is" in notes[0] and notes[0] in out
    assert [line["step"] for line in metrics() if "terms" in line] == list(range(1, 17))
    assert trained_images() == pytest.approx((8 + 8 + 16) * 30), "also those of the attempts that were given up"


def test_attempts_differ_in_weights_and_not_in_data(tiny_config):
    from gedi_nesy.engine.build import reset

    run, other = build(tiny_config), build(tiny_config)
    other.attempt = 2
    reset(other)
    weights, others = run.method.state_dict(), other.method.state_dict()
    assert not weights["clusters.weight"].equal(others["clusters.weight"])
    assert run.task.train_examples.slots.equal(other.task.train_examples.slots)


@pytest.mark.parametrize(("after", "epochs", "epoch"), [(0.07, 100, 7), (0.55, 100, 55), (0.28, 25, 7), (0.5, 3, 2)])
def test_the_epoch_to_decide_is_the_share_of_all_epochs(tiny_config, after, epochs, epoch):
    """0.07 times 100 is 7.000000000000001 in floating point."""
    restart = f"training.restart={{term: nesy, above: 0.0, after: {after}}}"
    run = build(tiny_config, restart, f"training.epochs={epochs}")
    decided = []
    for run.epoch in range(1, epochs + 1):
        decided += [run.epoch] if why_stuck(run) else []
    assert decided == [epoch]


def test_a_satisfied_run_is_not_restarted(tiny_config, cli):
    restart = "training.restart={term: nesy, above: 100, after: 0.5}"
    assert cli("train", tiny_config, "--run-id", "r", restart)[0] == 0
    assert results()["notes"] == []


def test_a_term_comes_in_at_its_start(tiny_config, cli):
    assert cli("train", tiny_config, "--run-id", "r", "starts.gen=0.5")[0] == 0
    have_gen = [line["step"] for line in metrics() if "gen" in line.get("terms", {})]
    assert have_gen == list(range(9, 17))


def test_a_term_goes_out_at_its_end_and_another_takes_over(tiny_config, cli):
    stages = ["ends.gen=0.5", "starts.nesy=0.5", "starts.prior=0.5", "weights={gen: 1, energy: 0, prior: 10, nesy: 5}"]
    assert cli("train", tiny_config, "--run-id", "r", *stages)[0] == 0
    terms = {line["step"]: set(line["terms"]) for line in metrics() if "terms" in line}
    assert [step for step, names in terms.items() if "gen" in names] == list(range(1, 9))
    assert [step for step, names in terms.items() if names == {"prior", "nesy"}] == list(range(9, 17))


def test_the_learning_rate_warms_up_and_falls_along_a_cosine(tiny_config):
    run = build(tiny_config, "training.warmup=0.25", "training.schedule=cosine", "training.learning_rate=1.0")
    rates = []
    for step in range(run.num_steps):
        run.step = step
        rates.append(learning_rate(run))
    assert rates[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert rates[4:] == pytest.approx([0.5 * (1 + math.cos(math.pi * k / 12)) for k in range(12)])


def test_the_learning_rate_falls_at_each_milestone(tiny_config):
    """JEM's recipe: times 0.3 after 160 and 180 of 200 epochs."""
    steps = ["training.schedule=steps", "training.milestones=[0.8, 0.9]", "training.milestone_factor=0.3"]
    run = build(tiny_config, *steps, "training.epochs=10", "training.learning_rate=1.0", "training.warmup=0.05")
    rates = []
    for step in range(run.num_steps):
        run.step = step
        rates.append(learning_rate(run))
    assert len(rates) == 40 and rates[:2] == pytest.approx([1 / 3, 2 / 3])
    assert rates[2:] == pytest.approx([1.0] * 30 + [0.3] * 4 + [0.09] * 4)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["training.schedule=steps"], 'milestones and schedule "steps" belong together'),
        (["training.milestones=[0.5]"], 'milestones and schedule "steps" belong together'),
        (["training.schedule=steps", "training.milestones=[0.9, 0.8]"], "in ascending order"),
    ],
)
def test_milestones_without_sense_are_errors(tiny_config, overrides, message):
    with pytest.raises(ConfigError, match=message):
        build(tiny_config, *overrides)


def test_an_accumulated_step_is_one_on_the_mean_gradient_of_its_batches(tiny_config):
    """prior is computed from the mean over a batch: the batches keep theirs."""
    settings = [
        "weights.gen=0",
        "views=[]",
        "training.optimizer=sgd",
        "training.learning_rate=1.0",
        "training.betas=[0, 0]",
    ]
    run, other = build(tiny_config, *settings, "training.accumulate=2"), build(tiny_config, *settings)
    selections = list(run.task.epoch(10, torch.Generator().manual_seed(0)))[:2]
    batches = [(selection, run.task.train_pixels[selection.images]) for selection in selections]
    start = [parameter.detach().clone() for parameter in other.method.parameters()]
    moved = []
    terms = []
    for batch in batches:
        terms.append(_step(other, [batch]))
        moved.append([parameter.detach().clone() for parameter in other.method.parameters()])
        with torch.no_grad():
            for parameter, value in zip(other.method.parameters(), start, strict=True):
                parameter.copy_(value)
    accumulated = _step(run, batches)
    assert accumulated == {name: pytest.approx((terms[0][name] + terms[1][name]) / 2) for name in terms[0]}
    assert run.step == 1
    for parameter, first, second in zip(run.method.parameters(), *moved, strict=True):
        torch.testing.assert_close(parameter.detach(), (first + second) / 2)


def test_the_last_step_of_an_epoch_takes_the_batches_that_are_left(tiny_config, cli):
    assert cli("train", tiny_config, "--run-id", "r", "training.accumulate=3", "training.epochs=2")[0] == 0
    lines = [line for line in metrics() if "terms" in line]
    assert [(line["step"], line["epoch"]) for line in lines] == [(1, 0.5), (2, 1.0), (3, 1.5), (4, 2.0)]
    assert trained_images() == pytest.approx(2 * 4 * 30), "8 batches of 10 examples with 3 images each"


def test_a_gradient_is_clipped_to_the_limit_and_its_own_norm_is_what_is_looked_at():
    parameter = torch.nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([3.0, 4.0])
    assert float(_clip([parameter], None)) == 5 and parameter.grad.tolist() == [3, 4]
    assert float(_clip([parameter], 1.0)) == 5 and parameter.grad.tolist() == pytest.approx([0.6, 0.8])


def test_seeds_change_everything_and_the_same_seed_nothing(tiny_config):
    one, again, other = build(tiny_config), build(tiny_config), build(tiny_config, "seed=1")
    for run, is_equal in ((again, True), (other, False)):
        assert one.task.train_examples.slots.equal(run.task.train_examples.slots) is is_equal
        assert (
            all(a.equal(b) for a, b in zip(one.method.parameters(), run.method.parameters(), strict=True)) is is_equal
        )


def test_a_full_disk_loses_nothing_and_says_how_to_go_on(tiny_config, cli, monkeypatch):
    from gedi_nesy import files

    assert cli("train", tiny_config, "--run-id", "whole")[0] == 0
    real, writes = files.os.fsync, []

    def full(descriptor):
        writes.append(descriptor)
        if len(writes) > 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(files.os, "fsync", full)
    code, _, err = cli("train", tiny_config, "--run-id", "r")
    assert code == 2 and "No space left on device" in err and "--resume" in err and "Traceback" not in err
    assert not list(RUN.rglob("*.tmp"))
    monkeypatch.setattr(files.os, "fsync", real)
    assert cli("train", tiny_config, "--run-id", "r", "--resume")[0] == 0
    assert results()["numbers"] == json.loads(Path("runs/tiny/whole/results.json").read_text())["numbers"]


def test_only_two_checkpoints_and_the_best_are_kept(tiny_config, cli):
    assert cli("train", tiny_config, "--run-id", "r")[0] == 0
    names = sorted(path.name for path in (RUN / "checkpoints").iterdir())
    assert names == [
                "step-01-000000012.safetensors", "step-01-000000012.sha256",
        "step-01-000000016.safetensors", "step-01-000000016.sha256",
    ]  # fmt: skip


def test_hooks_are_called_in_order(tiny_config, cli, tmp_path, monkeypatch):
    plugin = tmp_path / "watch.py"
    hooks = {
        "run_started": "run", "step_finished": "run, step, terms", "epoch_finished": "run, epoch, terms",
        "checkpoint_saving": "run, extra", "evaluated": "run, results", "run_finished": "run, results",
    }  # fmt: skip
    lines = [f"@hookimpl\ndef {name}({arguments}): log.append('{name}')" for name, arguments in hooks.items()]
    plugin.write_text("import builtins\nfrom gedi_nesy import hookimpl\nlog = builtins.hook_log\n" + "\n".join(lines))
    monkeypatch.setattr("builtins.hook_log", [], raising=False)
    tiny_config.write_text(tiny_config.read_text().replace("plugins: [", f"plugins: [{plugin}, "))
    assert cli("train", tiny_config, "--run-id", "r", "training.epochs=1")[0] == 0
    import builtins

    assert builtins.hook_log == [
        "run_started",
        *["step_finished"] * 4,
        "epoch_finished",
        "checkpoint_saving",
        "evaluated",
        "run_finished",
    ]


def test_a_failed_run_calls_its_hook(tiny_config, cli, tmp_path):
    plugin, log = tmp_path / "watch.py", tmp_path / "log.txt"
    plugin.write_text(
        "import pathlib\nfrom gedi_nesy import hookimpl\n@hookimpl\n"
        f"def run_failed(error): pathlib.Path({str(log)!r}).write_text(str(error))"
    )
    tiny_config.write_text(tiny_config.read_text().replace("plugins: [", f"plugins: [{plugin}, "))
    cli("train", tiny_config, "--run-id", "r", "training.max_term=0.5")
    assert "training diverged" in log.read_text()


def test_gradients_are_clipped_to_the_norm(tiny_config, cli, monkeypatch):
    import torch

    norms = []
    real = torch.nn.utils.clip_grad_norm_
    monkeypatch.setattr(
        torch.nn.utils, "clip_grad_norm_", lambda parameters, norm: norms.append(norm) or real(parameters, norm)
    )
    assert cli("train", tiny_config, "--run-id", "r", "training.clip_norm=0.5")[0] == 0
    assert norms == [0.5] * 16


def test_weights_that_are_not_finite_are_neither_saved_nor_reported(tiny_config, cli, tmp_path):
    plugin = tmp_path / "bomb.py"
    plugin.write_text(
        "import torch\nfrom gedi_nesy import hookimpl\n@hookimpl\ndef step_finished(run, step):\n"
        "    if step == 16:\n"
        "        with torch.no_grad():\n            next(run.method.parameters()).fill_(float('nan'))\n"
    )
    tiny_config.write_text(tiny_config.read_text().replace("plugins: [", f"plugins: [{plugin}, "))
    code, _, err = cli("train", tiny_config, "--run-id", "r")
    assert code == 1 and "training diverged at step 16: the weights" in err and "are not finite" in err
    assert checkpoint.newest(RUN / "checkpoints").name == "step-01-000000012.safetensors"
    assert not (RUN / "results.json").exists()


def test_the_best_checkpoint_survives_a_full_disk(tiny_config, cli, monkeypatch):
    from gedi_nesy import files

    assert cli("train", tiny_config, "--run-id", "r", "training.epochs=8", "training.learning_rate=2e-2")[0] == 0
    best = checkpoint.best(RunFolder(RUN))
    assert checkpoint.read(best).values["extra"]["best"]["file"] == best.name
    before = best.read_bytes()
    real = files.os.fsync

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    assert cli("train", tiny_config, "--run-id", "other")[0] == 2
    assert not Path("runs/tiny/other").exists() and not list(Path("runs/tiny").glob(".*"))
    monkeypatch.setattr(files.os, "fsync", real)
    assert best.read_bytes() == before and cli("evaluate", RUN, "--checkpoint", "best")[0] == 0


def test_the_best_checkpoint_is_the_one_nearest_to_the_known_minima(tiny_config, cli):
    assert cli("train", tiny_config, "--run-id", "r", "training.epochs=6", "weights={prior: 10, nesy: 5}")[0] == 0
    epochs = [line for line in metrics() if "epoch_terms" in line]
    distance = {
        line["step"]: 10 * line["diagnosis"]["distances"]["prior"] + 5 * line["epoch_terms"]["nesy"] for line in epochs
    }
    expected = min(distance, key=lambda step: (distance[step], -step))
    assert checkpoint.best(RunFolder(RUN)).name == f"step-01-{expected:09d}.safetensors"


def test_a_run_without_a_known_minimum_has_no_best(tiny_config, cli):
    assert (
        cli(
            "train",
            tiny_config,
            "--run-id",
            "r",
            "weights={gen: 1, energy: 0}",
            "task={name: pretraining}",
            "evaluators=[]",
        )[0]
        == 0
    )
    code, _, err = cli("evaluate", RUN, "--checkpoint", "best")
    assert code == 2 and "has no best checkpoint" in err


def test_what_would_fail_after_training_is_said_before(tiny_config, cli):
    for override, message in (
        ("compare={table: nope, row: a, column: b}", "is not a published table"),
        ("compare={table: gedi-table6, row: '7', column: GEDI & NeSy}", "100, 1000, 10000"),
        ("task={name: pretraining}", "the evaluator constraint needs a task with a constraint"),
        ("evaluators=[classification, classification]", "evaluators names classification twice"),
        (
            "training.restart={term: nesy, above: 1, after: 0.5} weights={prior: 1}",
            "training.restart decides by nesy, and its weight is 0",
        ),
        (
            "training.restart={term: prior, above: 1, after: 0.5}",
            'training.restart.term is "prior": must be a term of the task, nesy',
        ),
    ):
        weights = ["weights={prior: 1}"] if "weights" in override or "pretraining" in override else []
        code, _, err = cli("train", tiny_config, override.split(" weights=")[0], *weights)
        assert code == 2 and message in err, err
        assert not Path("runs").exists()


def test_energy_before_gen_is_an_error_and_no_traceback(tiny_config, cli):
    code, _, err = cli("train", tiny_config, "weights={gen: 1, energy: 0.1}", "starts={gen: 0.5}")
    assert code == 2 and "no loss term can be computed at step 0 with energy" in err
