"""One seed in, named generators out. Nobody else seeds anything."""

from __future__ import annotations

import hashlib

import torch


def make_generator(seed: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own for each purpose, so that a change in one use of chance leaves the others alone."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:7], "big"))
