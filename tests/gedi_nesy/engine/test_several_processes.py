"""Training in two processes: one run folder, exact resumption, decisions made together, one message when it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from two_processes import blind_command_line, both, command_line, stale_command_line

from gedi_nesy.engine import checkpoint

# Nothing random but the order of examples, and examples with one to three images.
LISTS = """\
plugins: [{plugin}]
data: {{name: bars}}
backbone: {{name: mlp, hidden: [16], features: 8}}
method: {{name: gedi, prior_form: entropy}}
task:
  name: constraint
  program: parity
  query: parity(Bits, Parity)
  arguments: {{Bits: images, Parity: label}}
  networks: {{bit_net: ["0", "1"]}}
  lengths: {{Bits: [1, 2, 3]}}
  examples: 30
  test_examples: 6
weights: {{inv: 5, prior: 10, nesy: 5}}
num_views: 2
training: {{epochs: 3, batch_size: 10, accumulate: 2, optimizer: sgd, learning_rate: 1e-2, log_every: 1}}
"""
OVERRIDES = (
    "evaluators=[constraint, {name: sampling, shown: 2, sgld: {steps: 1, step_size: 0.1, noise_std: 0.1}}]",
    "training.epochs=3",
)


def train(folder, run_id, *more, environment=None):
    arguments = ("train", "tiny.yaml", "--run-id", run_id, *OVERRIDES, *more)
    return both(folder, command_line, *arguments, environment=environment)


def state(folder, run_id):
    run = folder / "runs/tiny" / run_id
    results = json.loads((run / "results.json").read_text())
    metrics = lines_of(run)
    for line in metrics:
        line.pop("seconds", None)
    tensors = checkpoint.read(checkpoint.newest(run / "checkpoints")).tensors
    return results["numbers"], results["notes"], metrics, {name: value.tolist() for name, value in tensors.items()}


def lines_of(run):
    return [json.loads(line) for line in (Path(run) / "metrics.jsonl").read_text().splitlines()]


def codes(outcomes):
    return [outcome.exit_code for outcome in outcomes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_text):
    path = tmp_path_factory.mktemp("two")
    (path / "tiny.yaml").write_text(tiny_text)
    return path


@pytest.fixture(scope="module")
def whole(folder):
    outcomes = train(folder, "whole")
    assert codes(outcomes) == [0, 0], outcomes
    return outcomes


def test_the_main_process_alone_writes_and_speaks(folder, whole):
    assert "run folder runs/tiny/whole" in whole[0].out and "query_probability" in whole[0].out
    assert whole[1].out == whole[0].err == whole[1].err == ""
    assert json.loads((folder / "runs/tiny/whole/environment.json").read_text())["processes"] == 2
    assert [line["step"] for line in state(folder, "whole")[2] if "terms" in line] == list(range(1, 13))


def test_each_process_has_chains_and_random_states_of_its_own(folder, whole):
    tensors = checkpoint.read(checkpoint.newest(folder / "runs/tiny/whole/checkpoints")).tensors
    first, second = tensors["method/buffer.images"].chunk(2)
    assert len(first) == 8 and not torch.equal(first, second)
    for name, is_own in {"views": True, "method": True, "torch": True, "order": False}.items():
        first, second = tensors[f"generator/{name}"].chunk(2)
        assert torch.equal(first, second) != is_own, name


def test_torchrun_gives_the_same_run(folder, whole):
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "gedi_nesy",
    ]
    arguments = ["train", "tiny.yaml", "--run-id", "torchrun", *OVERRIDES]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run([*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("run folder") == 1
    assert state(folder, "torchrun") == state(folder, "whole")


def test_killed_in_mid_epoch_and_resumed_equals_uninterrupted(folder, whole):
    outcomes = train(folder, "killed", environment={"TINY_KILL_AT": "6"})
    assert codes(outcomes) == [-9, 1]
    assert "process 1 waited for another one, which has ended or does not answer" in outcomes[1].err
    assert "Traceback" not in outcomes[1].err
    outcomes = train(folder, "killed", "--resume")
    assert codes(outcomes) == [0, 0], outcomes
    assert "going on after epoch 1 of 3, step 4" in outcomes[0].out
    assert state(folder, "killed") == state(folder, "whole")


def test_batches_of_lists_of_any_length_train_the_weights_that_one_process_trains(folder, cli, monkeypatch):
    monkeypatch.chdir(folder)
    Path("lists.yaml").write_text(LISTS.format(plugin=Path(__file__).parents[2] / "tiny_plugin.py"))
    code, _, err = cli("train", "lists.yaml", "--run-id", "one")
    assert code == 0, err
    outcomes = both(folder, command_line, "train", "lists.yaml", "--run-id", "two")
    assert codes(outcomes) == [0, 0], outcomes
    one, two = (checkpoint.read(checkpoint.newest(Path("runs/lists") / run / "checkpoints")) for run in ("one", "two"))
    for name, tensor in one.tensors.items():
        if name.startswith("method/"):
            torch.testing.assert_close(two.tensors[name], tensor)
    terms = [[line["terms"] for line in lines_of(f"runs/lists/{run}") if "terms" in line] for run in ("one", "two")]
    for first, second in zip(*terms, strict=True):
        assert first == pytest.approx(second, rel=1e-5)


def test_another_number_of_processes_cannot_go_on_but_evaluates(folder, whole, cli, monkeypatch):
    monkeypatch.chdir(folder)
    code, _, err = cli("train", "runs/tiny/whole", "--resume")
    said = "runs/tiny/whole was trained by 2 processes (torchrun) and cannot be resumed by 1 process: start 2 again"
    assert code == 2 and err == f"error: {said}\n"
    code, out, err = cli("evaluate", "runs/tiny/whole")
    assert code == 0 and "query_probability" in out, err


def test_numbers_and_samples_after_training_are_those_of_a_later_evaluation(folder, whole, cli, monkeypatch):
    """Samples start at the chains of all processes in both."""
    monkeypatch.chdir(folder)
    pictures = [Path("runs/tiny/whole/samples/final.png"), *Path("runs/tiny/whole/figures").glob("sampling-*.png")]
    numbers, before = state(folder, "whole")[0], [path.read_bytes() for path in pictures]
    assert len(pictures) == 2
    for path in pictures:
        path.unlink()
    code, _, err = cli("evaluate", "runs/tiny/whole")
    assert code == 0, err
    assert [path.read_bytes() for path in pictures] == before
    assert state(folder, "whole")[0] == numbers


def test_a_process_that_misses_the_newest_checkpoint_in_its_view_restores_the_one_of_the_main_process(folder, whole):
    outcomes = both(folder, stale_command_line, "train", "runs/tiny/whole", "--resume")
    assert codes(outcomes) == [0, 0], outcomes
    assert "training is finished already" in outcomes[0].out


def test_a_process_that_cannot_read_the_chosen_checkpoint_ends_the_run(folder, whole):
    outcomes = both(folder, blind_command_line, "train", "runs/tiny/whole", "--resume")
    assert 0 not in codes(outcomes)
    said = outcomes[0].err + outcomes[1].err
    assert "cannot be read: No such file or directory. The main process goes on from it, process 1 cannot" in said


def test_interrupted_by_ctrl_c_says_so_once(folder, tmp_path):
    plugin = tmp_path / "ctrl_c.py"
    plugin.write_text(
        "import os, signal\nfrom pathlib import Path\nfrom gedi_nesy import hookimpl\n"
        # A shell has what it starts in the background ignore the signal.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "@hookimpl\ndef step_finished(step):\n"
        "    if step == 5:\n"
        "        for rank in (1, 0):\n            os.kill(int(Path(f'pid-{rank}').read_text()), signal.SIGINT)\n"
    )
    outcomes = train(folder, "interrupted", with_plugin(folder, plugin))
    assert 130 in codes(outcomes) and 0 not in codes(outcomes)
    said = outcomes[0].err + outcomes[1].err
    assert said == "interrupted; go on with: gedi-nesy train runs/tiny/interrupted --resume\n"


def test_numbers_that_break_in_one_process_are_rolled_back_in_all(folder, tmp_path):
    plugin = tmp_path / "bomb.py"
    plugin.write_text(
        "import torch\nfrom gedi_nesy import hookimpl\nfired = []\n"
        "@hookimpl\ndef step_finished(run, step):\n"
        "    if step == 6 and not fired:\n"
        "        fired.append(1)\n"
        "        with torch.no_grad():\n            next(run.method.parameters()).fill_(float('nan'))\n"
    )
    outcomes = train(folder, "bomb", with_plugin(folder, plugin), "training.on_divergence=rollback")
    assert codes(outcomes) == [0, 0], outcomes
    assert state(folder, "bomb")[1] == ["diverged at step 6, rolled back to step 4, learning rate times 0.5 from there"]


def test_divergence_is_said_once(folder):
    outcomes = train(folder, "diverged", "training.max_term=0.5")
    assert codes(outcomes) == [1, 1]
    assert (outcomes[0].err + outcomes[1].err).count("training diverged at step 0") == 1


def test_all_start_again_together(folder):
    outcomes = train(folder, "again", "training.restart={term: nesy, above: 0.0, after: 0.5, attempts: 2}")
    assert codes(outcomes) == [0, 0], outcomes
    (note,) = state(folder, "again")[1]
    assert note.startswith("attempt 1 was given up: nesy is")


def test_a_whole_method_is_taken_with_each_process_its_part_of_the_chains(folder, whole):
    start = ("start_from.path=runs/tiny/whole", "start_from.take=method", "training.epochs=1")
    outcomes = train(folder, "taken", *start, "training.learning_rate=1e-9", "method.sgld.step_size=1e-9")
    assert codes(outcomes) == [0, 0], outcomes
    saved = [checkpoint.newest(folder / "runs/tiny" / run / "checkpoints") for run in ("whole", "taken")]
    before, after = (checkpoint.read(file).tensors["method/buffer.images"] for file in saved)
    unchanged = torch.isclose(before, after, atol=0.1).flatten(1).all(dim=1)
    assert len(before) == len(after) and unchanged.sum() > len(before) / 2
    (note,) = state(folder, "taken")[1]
    assert note.startswith("the method started with the weights of")


def test_a_fault_of_one_process_ends_all_with_its_message(folder, tmp_path):
    plugin = tmp_path / "lost.py"
    plugin.write_text(
        "import os\nfrom gedi_nesy import DataError, View, hookimpl\n"
        "class Lost(View):\n"
        "    def __call__(self, images, generator):\n"
        "        if os.environ['RANK'] == '1' and len(images) > 1:\n            raise DataError('the disk is gone')\n"
        "        return images\n"
        "@hookimpl\ndef register(registry):\n    registry.add_view('lost', Lost)\n"
    )
    outcomes = train(folder, "lost", with_plugin(folder, plugin), "views=[lost]")
    assert codes(outcomes) == [1, 2]
    assert outcomes[1].err == "error: the disk is gone\n" and outcomes[0].err == ""


def test_a_batch_that_cannot_be_shared_is_refused_before_anything_is_written(folder):
    outcomes = train(folder, "odd", "training.batch_size=5")
    assert codes(outcomes) == [2, 2]
    said = outcomes[0].err + outcomes[1].err
    assert said.count("training.batch_size is 5, which 2 processes cannot share evenly") == 1
    assert not Path(folder / "runs/tiny/odd").exists()


def with_plugin(folder, plugin):
    """An override that loads a plugin file beside the tests' own."""
    return f"plugins=[{Path(__file__).parents[2] / 'tiny_plugin.py'}, {plugin}]"
