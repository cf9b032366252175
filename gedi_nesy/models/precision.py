"""Full precision inside mixed precision."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """The function with autocast switched off and its half-precision tensors turned to float32.

    For sums over a batch, logarithms of determinants and the like, where half precision loses what matters.
    """

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        device = next(value.device.type for value in args if isinstance(value, Tensor))
        with torch.autocast(device, enabled=False):
            return function(*map(_widened, args), **kwargs)  # type: ignore[arg-type]

    return wrapped


def _widened(value: object) -> object:
    is_half = isinstance(value, Tensor) and value.dtype in (torch.bfloat16, torch.float16)
    return value.float() if is_half else value  # type: ignore[attr-defined]
