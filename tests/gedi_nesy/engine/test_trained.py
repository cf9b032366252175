"""A trained method outside of the command line: the weights that are evaluated, without data or program."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gedi_nesy import RunError, load_data, load_method
from gedi_nesy.engine import checkpoint
from gedi_nesy.engine.arithmetic import for_evaluation
from gedi_nesy.engine.start import reopen

RUN = Path("runs/tiny/r")


@pytest.fixture
def train(tiny_config, cli):
    """Train the tiny config with these changes."""

    def trained(*overrides):
        code, _, err = cli("train", tiny_config, "--run-id", "r", *overrides)
        assert code == 0, err
        return tiny_config

    return trained


def images():
    return torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("override", ["seed=1", "training.ema=0.9"])
def test_it_is_the_method_that_is_evaluated(train, override):
    train(override)
    method, (run, _) = load_method(RUN), reopen(RUN)
    assert not method.training
    with for_evaluation(run), torch.no_grad():
        for function in ("embed", "class_log_probs", "log_density"):
            assert torch.equal(getattr(method, function)(images()), getattr(run.method, function)(images()))


def test_the_best_checkpoint_can_be_asked_for(train):
    train("training.learning_rate=5e-2", "training.epochs=6")
    best, _ = reopen(RUN, which="best")
    assert best.epoch < 6, "the last epoch is the best, so this test shows nothing"
    with for_evaluation(best), torch.no_grad():
        expected = best.method.embed(images())
    assert torch.equal(load_method(RUN, checkpoint="best").embed(images()), expected)
    assert not torch.equal(load_method(RUN).embed(images()), expected)


def test_a_misspelt_checkpoint_is_not_taken_for_the_last_one(train):
    train("training.epochs=1")
    with pytest.raises(RunError, match='checkpoint is "bset": must be "last" or "best"'):
        load_method(RUN, checkpoint="bset")


def test_neither_data_nor_random_numbers_are_touched(train, monkeypatch):
    train()
    from gedi_nesy.data.dataset import DatasetReader

    monkeypatch.setattr(DatasetReader, "__init__", None)
    state = torch.get_rng_state()
    load_method(RUN)
    assert torch.equal(torch.get_rng_state(), state)


def test_it_can_be_trained_further(train):
    train()
    method = load_method(RUN)
    method.class_log_probs(images()).mean().backward()
    assert all(parameter.grad is not None for parameter in method.backbone.parameters())


def test_a_damaged_checkpoint_is_passed_over_aloud(train):
    train()
    newest = checkpoint.newest(RUN / "checkpoints")
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.warns(
        UserWarning, match="is damaged: its SHA-256 differs from the one beside it; reading the one before"
    ):
        load_method(RUN)


def test_no_run_no_method(train):
    with pytest.raises(RunError, match="nowhere is no run folder"):
        load_method("nowhere")
    train()
    for file in (RUN / "checkpoints").iterdir():
        file.unlink()
    with pytest.raises(RunError, match="has no checkpoint yet"):
        load_method(RUN)


def test_its_data_are_those_of_the_run(train):
    train()
    data, (run, _) = load_data("runs/tiny"), reopen(RUN)
    for there, here in ((data.train, run.dataset.train), (data.test, run.dataset.test)):
        assert torch.equal(there.pixels, here.pixels) and torch.equal(there.labels, here.labels)
    with pytest.raises(RunError, match=r"nowhere is no run folder"):
        load_data("nowhere")
