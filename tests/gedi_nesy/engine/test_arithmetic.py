"""Mixed precision, compilation and the method as it is evaluated, on a CPU; tests/gedi_nesy/engine/test_cuda.py has the GPU's."""

from __future__ import annotations

import json
from functools import partialmethod
from pathlib import Path

import pytest
import torch
from torch import nn

from gedi_nesy.config.loader import load_tree
from gedi_nesy.config.validate import validate
from gedi_nesy.engine import checkpoint
from gedi_nesy.engine.arithmetic import for_evaluation, for_training, mixed_precision, undisturbed
from gedi_nesy.engine.build import build_run
from gedi_nesy.engine.run_folder import RunFolder
from gedi_nesy.engine.start import reopen
from gedi_nesy.plugin_manager import load_plugins


def build(config, *overrides):
    plugins = load_plugins()
    return build_run(validate(load_tree(str(config), overrides), plugins), plugins, RunFolder(Path("runs/tiny/r")))


def tensors(run_id):
    return checkpoint.read(checkpoint.newest(Path("runs/tiny") / run_id / "checkpoints")).tensors


def numbers(run_id):
    return json.loads((Path("runs/tiny") / run_id / "results.json").read_text())["numbers"]


@pytest.mark.parametrize(("precision", "expected"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_networks_run_in_the_configured_precision_and_class_probabilities_in_float32(tiny_config, precision, expected):
    run, seen = build(tiny_config, f"training.precision={precision}"), []
    run.method.backbone.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    with mixed_precision(run):
        assert run.method.class_log_probs(torch.zeros(2, 1, 8, 8)).dtype == torch.float32
    with for_evaluation(run):
        run.method.embed(torch.zeros(2, 1, 8, 8))
    assert seen == [expected, torch.float32]


def test_training_in_bf16_learns_with_weights_in_float32(tiny_config, cli):
    assert cli("train", tiny_config, "--run-id", "half", "training.precision=bf16")[0] == 0
    assert cli("train", tiny_config, "--run-id", "full")[0] == 0
    half, full = tensors("half"), tensors("full")
    assert half["method/clusters.weight"].dtype == torch.float32
    assert not half["method/clusters.weight"].equal(full["method/clusters.weight"])
    torch.testing.assert_close(half["method/clusters.weight"], full["method/clusters.weight"], atol=0.01, rtol=0.1)


def test_flags_of_kernels_are_as_before_after_training(tiny_config):
    def flags():
        backends = torch.backends
        return backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32, backends.cudnn.benchmark

    run, before = build(tiny_config), flags()
    with for_training(run):
        assert flags() == (True, True, True)
        with for_evaluation(run):
            assert flags()[:2] == (False, False)
    assert flags() == before
    exact = build(tiny_config, "training.tf32=false")
    with for_training(exact):
        assert flags() == (False, False, True)


def test_the_average_is_evaluated_and_the_weights_go_on(tiny_config, cli):
    rate = "training.learning_rate=0.01"
    assert cli("train", tiny_config, "--run-id", "plain", rate)[0] == 0
    assert cli("train", tiny_config, "--run-id", "average", rate, "training.ema=0.99")[0] == 0
    plain, average = tensors("plain"), tensors("average")
    assert all(average[name].equal(plain[name]) for name in plain), "an average must not change the training"
    assert numbers("plain") != numbers("average")
    averaged = {name.removeprefix("average/"): value for name, value in average.items() if name.startswith("average/")}
    run, _ = reopen(Path("runs/tiny/average"))
    with for_evaluation(run):
        inside = run.method.state_dict()
        assert averaged and all(inside[name].equal(value) for name, value in averaged.items())
    before = numbers("average")
    assert cli("evaluate", "runs/tiny/average")[0] == 0
    assert numbers("average") == before


def test_a_compiled_training_has_the_same_weights_names_and_resumes_without(tiny_config, cli, monkeypatch):
    """The gradient of the sampler goes through the compiled network too. Kernels are not built here: that takes a minute."""
    monkeypatch.setattr(nn.Module, "compile", partialmethod(nn.Module.compile, backend="aot_eager"))
    assert cli("train", tiny_config, "--run-id", "plain", "training.epochs=2")[0] == 0
    monkeypatch.setenv("TINY_STOP_AT", "6")
    with pytest.raises(BaseException) as caught:
        cli("train", tiny_config, "--run-id", "compiled", "training.epochs=2", "training.compile=true")
    assert type(caught.value).__name__ == "Stopped"
    monkeypatch.delenv("TINY_STOP_AT")
    assert torch._dynamo.utils.counters["frames"]["ok"] >= 1, "nothing was compiled"
    assert cli("train", tiny_config, "--run-id", "compiled", "--resume", "training.epochs=2")[0] == 0
    plain, compiled = tensors("plain"), tensors("compiled")
    assert plain.keys() == compiled.keys()
    names = [name for name in plain if name.startswith(("method/", "optimizer/"))]
    for name in names:
        torch.testing.assert_close(compiled[name], plain[name], atol=1e-4, rtol=1e-3, msg=name)


def test_chance_inside_the_block_leaves_that_of_training_alone(tiny_config):
    def draw():
        return [torch.rand(3), *(torch.rand(3, generator=run.generators[name]) for name in sorted(run.generators))]

    run = build(tiny_config)
    state = torch.get_rng_state()
    with undisturbed(run):
        inside = draw()
    after = draw()
    torch.set_rng_state(state)
    assert len(after) == 5 and all(torch.equal(one, other) for one, other in zip(inside, after, strict=True))
    states = [generator.get_state() for generator in run.generators.values()]
    with pytest.raises(KeyError), undisturbed(run):
        draw()
        raise KeyError
    assert all(map(torch.equal, states, [generator.get_state() for generator in run.generators.values()]))
