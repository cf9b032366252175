"""The lower bound stays as it was drawn."""

from __future__ import annotations

import torch
from gedi_nesy_plugins.methods.random import Random

from gedi_nesy.testing import make_batch, make_method


def test_no_step_changes_the_backbone():
    method, batch = make_method(Random), make_batch()
    before = {name: value.clone() for name, value in method.backbone.state_dict().items()}
    optimizer = torch.optim.AdamW(method.parameters(), lr=1.0, weight_decay=0.5)
    for _ in range(3):
        term = method.losses(batch, frozenset({"nothing"})).terms["nothing"]
        assert term.item() == 0.0
        term.backward()
        optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in method.backbone.state_dict().items())
