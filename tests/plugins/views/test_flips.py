"""Flips."""

from __future__ import annotations

import pytest
from gedi_nesy_plugins.views.flips import HorizontalFlip, VerticalFlip
from torchvision.transforms.v2.functional import horizontal_flip, vertical_flip


@pytest.mark.parametrize(("kind", "reference"), [(HorizontalFlip, horizontal_flip), (VerticalFlip, vertical_flip)])
def test_flip_happens_with_its_probability(make, images, seeded, kind, reference):
    batch = images(1, count=2000, height=4, width=5)
    flipped = make(kind, probability=0.3)(batch, seeded())
    is_flipped = (flipped == reference(batch)).flatten(1).all(dim=1)
    assert (is_flipped | (flipped == batch).flatten(1).all(dim=1)).all()
    assert 0.27 < is_flipped.float().mean() < 0.33
