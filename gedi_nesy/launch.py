"""What torchrun tells the processes it has started, by environment variables; read without torch, which is slow to import."""

from __future__ import annotations

import os


def is_launched() -> bool:
    """Whether torchrun has started several processes."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and {"RANK", "MASTER_ADDR"} <= os.environ.keys()


def local_rank() -> int:
    """The number of this process among those of its machine: which GPU is its own."""
    return int(os.environ.get("LOCAL_RANK", "0")) if is_launched() else 0


def local_processes() -> int:
    """How many processes this machine has."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if is_launched() else 1
