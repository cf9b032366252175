"""What docs/trained_networks.md says is done; its trainings are cut short."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file

from gedi_nesy import load_method

SHORT = ["training.epochs=1", "evaluators=[]"]


def test_a_reader_goes_on_with_a_trained_network(follow):
    constraint = [*SHORT, "training.restart=null"]
    follow("trained_networks.md", {"pretraining/barlow_twins": SHORT, "mnist_addition_100": constraint})
    (run,) = Path("runs/mnist_addition_100").iterdir()
    (note,) = json.loads((run / "results.json").read_text())["notes"]
    (before,) = Path("runs/barlow_twins").absolute().iterdir()
    assert note == f"the backbone started with the weights of {before} (method barlow_twins, epoch 1)"
    assert load_file("barlow_twins.safetensors").keys() == load_method(before).backbone.state_dict().keys()
