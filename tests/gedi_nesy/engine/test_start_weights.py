"""Starting with the weights of another run, or of a file: what is taken, what is kept of it, what does not fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gedi_nesy import load_method
from gedi_nesy.config.loader import load_tree
from gedi_nesy.config.validate import validate
from gedi_nesy.engine import checkpoint
from gedi_nesy.engine.build import build_run, reset
from gedi_nesy.engine.run_folder import RunFolder
from gedi_nesy.engine.start_weights import start_weights
from gedi_nesy.plugin_manager import load_plugins

FIRST = Path("runs/tiny/first")
FROM_FIRST = f"start_from.path={FIRST}"
SELF_SUPERVISED = (
    "method={name: byol, projector: [8], predictor: [8]}",
    "weights={prediction: 1}",
    "task={name: pretraining}",
    "num_views=2",
    "evaluators=[]",
)


@pytest.fixture
def first(tiny_config, cli):
    """A run that has been trained for an epoch."""
    code, _, err = cli("train", tiny_config, "--run-id", "first", "training.epochs=1")
    assert code == 0, err
    return tiny_config


def build(config, *overrides, folder=Path("runs/tiny/second")):
    """The run as it would start, nothing written."""
    plugins = load_plugins()
    checked = validate(load_tree(str(config), overrides), plugins)
    return build_run(checked, plugins, RunFolder(folder), start_weights(checked, RunFolder(folder)))


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def note(folder):
    (line,) = json.loads((Path(folder) / "results.json").read_text())["notes"]
    return line


def test_the_backbone_is_the_trained_one_and_the_rest_is_drawn_as_ever(first):
    plain, started, trained = build(first), build(first, FROM_FIRST), load_method(FIRST)
    assert same(started.method.backbone.state_dict(), trained.backbone.state_dict())
    assert not same(plain.method.backbone.state_dict(), trained.backbone.state_dict())
    assert same(plain.method.projector.state_dict(), started.method.projector.state_dict())
    assert same(plain.method.buffer.state_dict(), started.method.buffer.state_dict())


def test_another_method_and_its_momentum_copy_start_with_the_backbone(first):
    method, trained = build(first, FROM_FIRST, *SELF_SUPERVISED).method, load_method(FIRST)
    assert same(method.backbone.state_dict(), trained.backbone.state_dict())
    assert same(method.target.parts[0].state_dict(), trained.backbone.state_dict())


def test_a_whole_method_can_be_taken(first):
    method, trained = build(first, FROM_FIRST, "start_from.take=method").method, load_method(FIRST)
    assert same(method.state_dict(), trained.state_dict())


def test_the_average_is_taken_where_a_run_kept_one(tiny_config, cli):
    assert cli("train", tiny_config, "--run-id", "first", "training.epochs=1", "training.ema=0.9")[0] == 0
    saved = checkpoint.read(checkpoint.newest(FIRST / "checkpoints")).tensors
    average = saved["average/backbone.layers.1.weight"]
    assert not torch.equal(average, saved["method/backbone.layers.1.weight"])
    assert torch.equal(build(tiny_config, FROM_FIRST).method.backbone.layers[1].weight, average)


def test_a_file_of_backbone_weights(first):
    save_file(load_method(FIRST).backbone.state_dict(), "backbone.safetensors")
    method = build(first, "start_from.path=backbone.safetensors").method
    assert same(method.backbone.state_dict(), load_method(FIRST).backbone.state_dict())


def test_a_checkpoint_of_ones_choice(tiny_config, cli):
    assert cli("train", tiny_config, "--run-id", "first", "training.epochs=2")[0] == 0
    early, late = sorted((FIRST / "checkpoints").glob("step-*.safetensors"))
    for file in (early, late):
        saved = checkpoint.read(file).under("method/backbone.")
        assert same(build(tiny_config, f"start_from.path={file}").method.backbone.state_dict(), saved)


def test_the_copy_that_another_run_kept_is_a_file_of_weights(first, cli):
    assert cli("train", first, "--run-id", "second", FROM_FIRST, "training.epochs=1")[0] == 0
    method = build(
        first, "start_from.path=runs/tiny/second/checkpoints/start.safetensors", folder=Path("runs/tiny/3")
    ).method
    assert same(method.backbone.state_dict(), load_method(FIRST).backbone.state_dict())


def test_the_run_tells_where_its_weights_come_from_and_is_trained_with_them(first, cli):
    code, _, err = cli("train", first, "--run-id", "second", FROM_FIRST, "training.learning_rate=1e-9")
    assert code == 0, err
    assert note("runs/tiny/second") == (
        f"the backbone started with the weights of {FIRST.absolute()} (method gedi, epoch 1)"
    )
    moved = load_method("runs/tiny/second").backbone.state_dict()
    for name, tensor in load_method(FIRST).backbone.state_dict().items():
        assert torch.allclose(moved[name], tensor, atol=1e-6)


def test_the_folder_above_means_its_newest_run(first, cli):
    assert cli("train", first, "--run-id", "newer", "training.epochs=1", "--seed", "5")[0] == 0
    method = build(first, "start_from.path=runs/tiny").method
    assert same(method.backbone.state_dict(), load_method("runs/tiny/newer").backbone.state_dict())


def test_a_run_is_resumed_and_begins_anew_without_the_place_its_weights_came_from(first, cli, monkeypatch):
    trained = load_method(FIRST).backbone.state_dict()
    assert cli("train", first, "--run-id", "whole", FROM_FIRST)[0] == 0
    monkeypatch.setenv("TINY_STOP_AT", "10")
    with pytest.raises(BaseException) as caught:
        cli("train", first, "--run-id", "second", FROM_FIRST)
    assert type(caught.value).__name__ == "Stopped"
    monkeypatch.delenv("TINY_STOP_AT")
    shutil.rmtree(FIRST)
    code, _, err = cli("train", first, "--run-id", "second", FROM_FIRST, "--resume")
    assert code == 0, err
    files = [checkpoint.newest(Path("runs/tiny") / run / "checkpoints") for run in ("whole", "second")]
    one, two = (checkpoint.read(file).tensors for file in files)
    assert same(one, two) and note("runs/tiny/second") == note("runs/tiny/whole")
    run = build(first, FROM_FIRST)
    run.attempt = 2
    reset(run)
    assert same(run.method.backbone.state_dict(), trained)


def test_the_config_of_a_run_trains_to_the_same_weights_whatever_has_become_of_the_first_run(first, cli):
    assert cli("train", first, "--run-id", "second", "start_from.path=runs/tiny", "training.epochs=1")[0] == 0
    assert cli("train", first, "--run-id", "newer", "--seed", "5", "training.epochs=1")[0] == 0
    shutil.rmtree(FIRST)
    code, _, err = cli("train", "runs/tiny/second/config.yaml", "--run-id", "again")
    assert code == 0, err
    files = [checkpoint.newest(Path("runs/tiny") / run / "checkpoints") for run in ("second", "again")]
    assert same(*(checkpoint.read(file).tensors for file in files))
    assert note("runs/tiny/again") == note("runs/tiny/second")


def test_a_copy_of_other_weights_is_not_taken(first, cli):
    assert cli("train", first, "--run-id", "second", FROM_FIRST, "training.epochs=1")[0] == 0
    for command in (("config", "check"), ("train",)):
        code, _, err = cli(*command, "runs/tiny/second/config.yaml", "start_from.path=nowhere")
        assert code == 2 and "nowhere is no run folder" in err


FROZEN = (FROM_FIRST, "start_from.freeze=true")
NORMED = "backbone={name: resnet8, width: 4, batch_norm: true}"


def trained_state(run):
    """All tensors of a run's newest checkpoint."""
    return checkpoint.read(checkpoint.newest(Path("runs/tiny") / run / "checkpoints")).tensors


def starting(tensors, prefix):
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


@pytest.mark.parametrize("optimizer", ["adamw", "lars"])
def test_a_frozen_backbone_stays_as_it_is_and_what_is_on_top_learns_a_constraint(tiny_config, cli, optimizer):
    assert cli("train", tiny_config, NORMED, "--run-id", "first", "training.epochs=1")[0] == 0
    tuned = ("training.ema=0.5", f"training.optimizer={optimizer}", "training.weight_decay=0.1")
    code, _, err = cli("train", tiny_config, NORMED, *FROZEN, "--run-id", "second", *tuned)
    assert code == 0, err
    first, second = trained_state("first"), trained_state("second")
    assert any("running_mean" in name for name in starting(first, "method/backbone."))
    assert same(starting(first, "method/backbone."), starting(second, "method/backbone."))
    assert not starting(second, "average/backbone.")
    drawn = build(tiny_config, NORMED, *FROZEN).method
    assert not torch.equal(drawn.clusters.weight, second["method/clusters.weight"])
    sizes = {tuple(tensor.shape) for tensor in starting(second, "optimizer/").values()} - {()}
    assert sizes == {tuple(parameter.shape) for parameter in drawn.parameters() if parameter.requires_grad}
    assert note("runs/tiny/second").startswith(f"the backbone keeps the weights of {FIRST.absolute()} (")
    assert cli("evaluate", "runs/tiny/second")[0] == 0
    assert same(load_method("runs/tiny/second").backbone.state_dict(), load_method(FIRST).backbone.state_dict())


def test_a_momentum_copy_of_a_frozen_backbone_is_one_too(tiny_config, cli):
    assert cli("train", tiny_config, NORMED, "--run-id", "first", "training.epochs=1")[0] == 0
    code, _, err = cli("train", tiny_config, NORMED, *FROZEN, *SELF_SUPERVISED, "--run-id", "second")
    assert code == 0, err
    first, second = trained_state("first"), trained_state("second")
    for part in ("backbone.", "target.parts.0."):
        assert same(starting(first, "method/backbone."), starting(second, f"method/{part}"))
    drawn = build(tiny_config, NORMED, *FROZEN, *SELF_SUPERVISED).method
    assert not same(starting(second, "method/projector."), drawn.projector.state_dict())


def test_a_frozen_backbone_is_resumed_to_the_same_numbers(first, cli, monkeypatch):
    assert cli("train", first, "--run-id", "whole", *FROZEN)[0] == 0
    monkeypatch.setenv("TINY_STOP_AT", "10")
    with pytest.raises(BaseException) as caught:
        cli("train", first, "--run-id", "second", *FROZEN)
    assert type(caught.value).__name__ == "Stopped"
    monkeypatch.delenv("TINY_STOP_AT")
    code, _, err = cli("train", first, "--run-id", "second", *FROZEN, "--resume")
    assert code == 0, err
    assert same(trained_state("whole"), trained_state("second"))


def test_where_nothing_is_left_to_train_what_is_frozen_is_refused(tiny_config, cli):
    assert cli("train", tiny_config, *SELF_SUPERVISED, "--run-id", "first", "training.epochs=1")[0] == 0
    code, _, err = cli("config", "check", tiny_config, *SELF_SUPERVISED, *FROZEN, "start_from.take=method")
    assert code == 2 and err == (
        'error: command line: start_from.freeze=true  with its method frozen, nothing of method "byol" is left to train. Leave '
        "start_from.freeze out, or take the backbone alone, for a method with layers on top of it\n"
    )


def test_weights_of_another_network_do_not_fit(first, cli):
    code, _, err = cli("train", first, FROM_FIRST, "backbone={name: mlp, hidden: [16, 12], features: 8}")
    assert code == 2 and err.count("error:") == 1
    assert (
        f"the backbone of {FIRST.absolute()} (method gedi, epoch 1) is another network than the configured one" in err
    )
    assert (
        "there is no layers.5.weight, layers.5.bias; layers.3.weight is 8x16 there and 12x16 here, layers.3.bias is 8"
        in err
    )
    assert "The run's config says backbone: {name: mlp, hidden: [16], features: 8" in err


def test_the_whole_of_another_method_is_not_taken(first, cli):
    code, _, err = cli("train", first, FROM_FIRST, "start_from.take=method", *SELF_SUPERVISED)
    assert code == 2
    assert (
        f"{FIRST.absolute()} has the method gedi and this config byol; start_from.take: backbone goes with any" in err
    )


def test_a_copy_that_is_damaged_is_not_used(first, cli):
    assert cli("train", first, "--run-id", "second", FROM_FIRST)[0] == 0
    copy = Path("runs/tiny/second/checkpoints/start.safetensors")
    copy.write_bytes(copy.read_bytes()[:-1])
    code, _, err = cli("train", first, "--run-id", "second", FROM_FIRST, "--resume")
    assert code == 2 and f"checkpoint {copy} is damaged" in err
    assert cli("evaluate", "runs/tiny/second")[0] == 0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("start_from.path=nowhere", "nowhere is no run folder"),
        ("start_from.path=none.safetensors", "there is no file "),
        ("start_from.path=tiny.yaml.safetensors", "cannot be read as a safetensors file"),
        ("start_from.path=tiny.yaml", "tiny.yaml is no .safetensors file: write the weights of a backbone as one with"),
        ("start_from={path: a.safetensors, take: method}", "a.safetensors has the weights of a backbone: name a run"),
        ("start_from.take=backbone", "start_from.path is missing"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tiny_config, cli, override, message):
    shutil.copy(tiny_config, "tiny.yaml.safetensors")
    for command in (("train", tiny_config), ("config", "check", tiny_config)):
        code, _, err = cli(*command, override)
        assert code == 2 and message in err and "start_from" in err and err.count("error:") == 1
    assert not Path("runs").exists()


def test_a_run_without_a_checkpoint_has_no_weights_to_give(first, cli):
    shutil.rmtree(FIRST / "checkpoints")
    code, _, err = cli("train", first, FROM_FIRST)
    assert code == 2 and "has no checkpoint yet: train it first" in err
