"""No method looks at numbers while it computes its terms: on a GPU the CPU would stand still until all before is done."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from gedi_nesy.plugin_manager import load_plugins
from gedi_nesy.testing import make_batch, make_method

SGLD = {"steps": 2}
COLOUR = (3, 12, 12)
METHODS = {entry.name: entry for entry in load_plugins().registry.entries("method")}
OPTIONS = {"w_mse": {"group_size": 6, "projector": (8, 2)}, "gedi": {"sgld": SGLD}, "ebclr": {"sgld": SGLD}}


@pytest.mark.parametrize("name", METHODS)
def test_terms_and_their_gradient_are_computed_without_knowing_a_number(name):
    """Fake tensors have shapes and no numbers: whatever asks for one is an error."""
    kind = METHODS[name].load()
    shape = COLOUR if name in ("jigsaw", "colourisation") else (1, 8, 8)
    method, batch = make_method(kind, shape=shape, **OPTIONS.get(name, {})), make_batch(shape=shape)
    with FakeTensorMode(allow_non_fake_inputs=True):
        output = method.losses(batch, frozenset(kind.TERMS))
        # A method without terms of its own gives a task something to build on.
        terms = list(output.terms.values()) or [output.class_log_probs.mean()]
        torch.autograd.backward(torch.stack(terms).sum())
