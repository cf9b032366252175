"""Full precision inside mixed precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """The function with autocast and TF32 switched off and its half-precision tensors turned to float32.

    For sums over a batch, logarithms of determinants and the like, where half precision loses what matters. In the forward pass: the
    backward pass has the types of the forward one, but runs later, under the caller's TF32.
    """

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        device = next(value.device.type for value in args if isinstance(value, Tensor))
        with torch.autocast(device, enabled=False), tf32(False):
            wide = (widened(value) if isinstance(value, Tensor) else value for value in args)
            return function(*wide, **kwargs)  # type: ignore[arg-type]

    return wrapped


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Whether float32 products on a GPU may round their factors to 10 bits inside the block."""
    backends: list[Any] = [torch.backends.cuda.matmul, torch.backends.cudnn]
    before = [backend.allow_tf32 for backend in backends]
    for backend in backends:
        backend.allow_tf32 = allowed
    try:
        yield
    finally:
        for backend, value in zip(backends, before, strict=True):
            backend.allow_tf32 = value


def widened(tensor: Tensor) -> Tensor:
    """A tensor in half precision as float32; others, float64 among them, as they are."""
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor
