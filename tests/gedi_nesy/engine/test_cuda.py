"""Training on a GPU: steps in both precisions, terms equal to a CPU's, nothing that stalls, resumption."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from gedi_nesy import Batch
from gedi_nesy.config.loader import load_tree
from gedi_nesy.config.validate import validate
from gedi_nesy.data.host_tensor import with_pixels
from gedi_nesy.data.views import make_views
from gedi_nesy.engine import checkpoint
from gedi_nesy.engine.arithmetic import for_evaluation, for_training
from gedi_nesy.engine.build import build_run
from gedi_nesy.engine.run_folder import RunFolder
from gedi_nesy.engine.train import _step
from gedi_nesy.models.precision import tf32
from gedi_nesy.plugin_manager import load_plugins
from gedi_nesy.testing import make_batch, make_method

pytestmark = pytest.mark.gpu

SGLD = {"steps": 3, "step_size": 0.1, "noise_std": 0.0}
PRETRAINING = """
plugins: [{plugin}]
device: cuda
data: {{name: bars}}
backbone: {backbone}
method: {method}
task: {{name: pretraining}}
weights: {weights}
num_views: 2
views: [{{name: random_resized_crop}}, {{name: color_jitter, probability: 0.8}}, {{name: gaussian_noise, std: 0.05}}]
training: {{epochs: 1, batch_size: 50, learning_rate: 1e-3, clip_norm: 10}}
"""
METHODS = {
    "simclr": ("{name: simclr, projector: [16, 8]}", "{contrastive: 1}"),
    "barlow_twins": ("{name: barlow_twins, projector: [16, 8]}", "{invariance: 1, redundancy: 0.005}"),
    "simvae": ("{name: simvae, latents: 4}", "{reconstruction: 1, entropy: 1, similarity: 1}"),
    "gedi": (
        "{name: gedi, buffer_size: 100, chains: 20, sgld: {steps: 3, step_size: 0.1}}",
        "{gen: 1, inv: 1, prior: 1}",
    ),
}
BACKBONES = {"simvae": "{name: mlp, hidden: [16], features: 8}"}


def build(file, *overrides):
    plugins = load_plugins()
    return build_run(validate(load_tree(str(file), overrides), plugins), plugins, RunFolder(Path("runs/gpu/r")))


def batches(run):
    selections = run.task.epoch(run.config.training.batch_size, run.generators["order"])
    return with_pixels(run.task.train_pixels, selections)


@pytest.fixture
def pretraining(tiny_config, tiny_text):
    """A run of a method on small images, with a convolutional network where the method has no decoder."""

    def make(name, *overrides):
        plugin = tiny_text.split("[")[1].split("]")[0]
        method, weights = METHODS[name]
        backbone = BACKBONES.get(name, "{name: resnet8, width: 8}")
        tiny_config.write_text(PRETRAINING.format(plugin=plugin, method=method, weights=weights, backbone=backbone))
        return build(tiny_config, *overrides)

    return make


def check_steps(run):
    """Three steps move float32 weights on the GPU and give finite terms."""
    before = [parameter.detach().clone() for parameter in run.method.parameters()]
    run.method.train()
    with for_training(run):
        for _, batch in zip(range(3), batches(run), strict=False):
            terms = _step(run, [batch])
    assert run.step == 3 and set(terms) >= {name for name, weight in run.config.weights.items() if weight}
    after = list(run.method.parameters())
    assert all(parameter.is_cuda and parameter.dtype == torch.float32 for parameter in after)
    assert any(not old.equal(new) for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", METHODS)
def test_a_method_takes_steps(pretraining, name, precision):
    check_steps(pretraining(name, f"training.precision={precision}"))


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "lars"])
def test_every_optimiser_takes_steps(pretraining, optimizer):
    extra = ["training.ema=0.9", "training.weight_decay=0.01", "training.exclude_from_decay=biases_and_norms"]
    check_steps(pretraining("simclr", f"training.optimizer={optimizer}", *extra))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_constraint_takes_steps(tiny_config, precision):
    check_steps(build(tiny_config, "device=cuda", f"training.precision={precision}"))


# torch's own compiler uses what torch itself calls deprecated.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_network_takes_steps_and_is_evaluated_as_it_is(pretraining):
    run = pretraining("gedi", "training.compile=true", "training.precision=bf16")
    check_steps(run)
    with for_evaluation(run), torch.no_grad():
        assert torch.isfinite(run.method.class_log_probs(torch.zeros(2, 1, 8, 8, device="cuda"))).all()


@pytest.mark.parametrize("name", ["simclr", "barlow_twins", "vicreg", "gedi"])
def test_terms_and_gradients_are_those_of_a_cpu(name):
    kind = next(entry for entry in load_plugins().registry.entries("method") if entry.name == name).load()
    # Chains that all start in one place and move without noise: nothing is left to chance.
    options = {"sgld": SGLD, "buffer_size": 12, "fresh_chains": 0.0} if name == "gedi" else {"projector": (8, 4)}
    found = []
    for device in ("cpu", "cuda"):
        method = make_method(kind, generator=torch.Generator(device).manual_seed(0), **options)
        if name == "gedi":
            method.buffer.images.fill_(0.5)
        method.to(device)
        images = make_batch().images.to(device)
        with tf32(False):
            terms = method.losses(Batch(images), frozenset(kind.TERMS)).terms
            torch.autograd.backward(torch.stack(list(terms.values())).sum())
        gradients = {name: parameter.grad.cpu() for name, parameter in method.named_parameters()}
        found.append(({name: term.detach().cpu() for name, term in terms.items()}, gradients))
    torch.testing.assert_close(found[1], found[0], atol=1e-4, rtol=1e-3)


@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype:UserWarning")
@pytest.mark.parametrize("name", METHODS)
def test_views_terms_and_gradient_do_not_wait_for_the_gpu(pretraining, name):
    run = pretraining(name)
    run.method.train()
    _, pixels = next(batches(run))
    active = frozenset(run.weights())
    for mode in ("default", "error"):  # the first round loads libraries and plans
        torch.cuda.set_sync_debug_mode(mode)
        try:
            images = make_views(pixels, run.pipelines, run.generators["views"])
            terms = run.method.losses(Batch(images), active).terms
            torch.autograd.backward(torch.stack(list(terms.values())).sum())
        finally:
            torch.cuda.set_sync_debug_mode("default")
        assert terms and all(term.isfinite() for term in terms.values())


def test_a_resumed_training_ends_where_an_uninterrupted_one_does(tiny_config, cli, monkeypatch):
    """Sums on a GPU may come in another order, so numbers are compared with a tolerance; random states are equal."""
    assert cli("train", tiny_config, "--run-id", "whole", "device=cuda", "training.ema=0.9")[0] == 0
    monkeypatch.setenv("TINY_STOP_AT", "6")
    with pytest.raises(BaseException) as caught:
        cli("train", tiny_config, "--run-id", "stopped", "device=cuda", "training.ema=0.9")
    assert type(caught.value).__name__ == "Stopped"
    monkeypatch.delenv("TINY_STOP_AT")
    resume = ("train", tiny_config, "--run-id", "stopped", "--resume", "device=cuda", "training.ema=0.9")
    code, _, err = cli(*resume)
    assert code == 0, err
    whole, stopped = (
        checkpoint.read(checkpoint.newest(Path("runs/tiny") / name / "checkpoints")) for name in ("whole", "stopped")
    )
    assert whole.values["step"] == stopped.values["step"] and whole.values["device"] == "cuda"
    for name, tensor in whole.tensors.items():
        if name.startswith("generator/"):
            assert tensor.equal(stopped.tensors[name]), name
        else:
            torch.testing.assert_close(stopped.tensors[name], tensor, atol=1e-3, rtol=1e-2, msg=name)
    results = json.loads((Path("runs/tiny/stopped") / "results.json").read_text())
    assert results["notes"] == []
