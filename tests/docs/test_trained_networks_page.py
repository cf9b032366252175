"""What docs/trained_networks.md says is done; its trainings are cut short."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from gedi_nesy import load_method

SHORT = ["training.epochs=1", "evaluators=[]"]


def runs_of(name):
    """Oldest first."""
    return sorted(Path("runs", name).iterdir())


def test_a_reader_goes_on_with_a_trained_network(follow):
    constraint = [*SHORT, "training.restart=null"]
    quick = ["evaluators=[alignment, embedding_rank]"]
    follow(
        "trained_networks.md",
        {
            "pretraining/barlow_twins": SHORT,
            "mnist_addition_100": constraint,
            "pretraining/supervised": SHORT,
            "pretraining/random": quick,
        },
    )
    notes = [json.loads((run / "results.json").read_text())["notes"] for run in runs_of("mnist_addition_100")]
    (before,) = Path("runs/barlow_twins").absolute().iterdir()
    origin = f"the weights of {before} (method barlow_twins, epoch 1)"
    assert notes == [[f"the backbone started with {origin}"], [f"the backbone keeps {origin}"]]
    (looked,) = Path("runs/random").iterdir()
    taken, written = load_method(looked).backbone.state_dict(), load_file("barlow_twins.safetensors")
    assert taken.keys() == written.keys() and all(torch.equal(taken[name], written[name]) for name in written)
