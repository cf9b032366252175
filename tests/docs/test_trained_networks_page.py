"""What docs/trained_networks.md says is done; its trainings are cut short."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from gedi_nesy import load_method

SHORT = ["training.epochs=1", "evaluators=[]"]


def test_a_reader_goes_on_with_a_trained_network(follow):
    constraint = [*SHORT, "training.restart=null"]
    quick = ["evaluators=[alignment, embedding_rank]"]
    follow(
        "trained_networks.md",
        {"pretraining/barlow_twins": SHORT, "mnist_addition_100": constraint, "pretraining/random": quick},
    )
    (run,) = Path("runs/mnist_addition_100").iterdir()
    (note,) = json.loads((run / "results.json").read_text())["notes"]
    (before,) = Path("runs/barlow_twins").absolute().iterdir()
    assert note == f"the backbone started with the weights of {before} (method barlow_twins, epoch 1)"
    (looked,) = Path("runs/random").iterdir()
    taken, written = load_method(looked).backbone.state_dict(), load_file("barlow_twins.safetensors")
    assert taken.keys() == written.keys() and all(torch.equal(taken[name], written[name]) for name in written)
