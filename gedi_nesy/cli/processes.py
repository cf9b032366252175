"""Several processes on one command line; torch, which is slow to import, comes in only where torchrun has started some."""

from __future__ import annotations

from ..launch import is_launched


def join_processes() -> None:
    """Meet the other processes that torchrun has started, if it has."""
    if is_launched():
        from ..distributed import join

        join()


def is_first_to_fail() -> bool:
    """Whether this process is the one to say what went wrong: one message is enough for all of them."""
    if not is_launched():
        return True
    from ..distributed import is_first_to_fail as is_first

    return is_first()
