"""Small files in the formats that data sets are published in."""

from __future__ import annotations

import struct

import numpy as np
import pytest


def idx_bytes(array):
    """An idx file."""
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def write_idx():
    """Write an array as an idx file and make its folder."""

    def write(path, array):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(idx_bytes(array))

    return write
