"""Random images, seeded generators, and views made from their options."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture
def images():
    """A batch of noise in [-1, 1]."""

    def make(channels=3, count=40, height=12, width=None):
        shape = (count, channels, height, width or height)
        return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1

    return make


@pytest.fixture
def seeded():
    """A new generator with a seed."""
    return lambda seed=0: torch.Generator().manual_seed(seed)


@pytest.fixture
def make():
    """A view of a class with these options."""
    return lambda kind, **options: kind(kind.Options(**options))
