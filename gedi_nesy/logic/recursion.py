"""Room for deep recursion over formulas and diagrams."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

DEEP = 100_000


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Let Python functions call each other to a depth of `DEEP`; since 3.11 their frames do not use the C stack."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, DEEP))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
