"""SimCLR's term is NT-Xent of the projections; its value is tested in test_losses."""

from __future__ import annotations

import torch
from gedi_nesy_plugins.methods.simclr import SimClr

from gedi_nesy.losses import nt_xent
from gedi_nesy.testing import make_batch, make_method


def test_the_term_is_nt_xent_of_the_projections_and_embeddings_are_the_backbones():
    method, images = make_method(SimClr, projector=(8, 4), temperature=0.2), make_batch().images
    output = method.losses(make_batch(), frozenset({"contrastive"}))
    projected = torch.stack([method.projector(method.backbone(view)) for view in images])
    torch.testing.assert_close(output.terms["contrastive"], nt_xent(projected, 0.2))
    torch.testing.assert_close(output.embeddings, method.backbone(images[0]))


def test_training_steps_bring_the_term_down():
    method, batch = make_method(SimClr, projector=(8, 4)), make_batch()
    optimizer = torch.optim.Adam(method.parameters(), 1e-2)
    values = []
    for _ in range(30):
        value = method.losses(batch, frozenset({"contrastive"})).terms["contrastive"]
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < values[0] - 0.3
