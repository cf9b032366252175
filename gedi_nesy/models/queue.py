"""The last rows that went by."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional


class Queue(nn.Module):
    """A fixed number of the newest rows, random directions of length 1 at first; saved with the model's weights.

    Source: He et al. 2020 (MoCo), section 3.2.
    """

    rows: Float[Tensor, "size features"]
    seen: Int[Tensor, ""]

    def __init__(self, size: int, num_features: int) -> None:
        super().__init__()
        self.register_buffer("rows", functional.normalize(torch.randn(size, num_features), dim=1))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))
        self._known_full = False

    @torch.no_grad()
    def push(self, rows: Float[Tensor, "batch features"]) -> None:
        """Put rows in the place of the oldest ones."""
        size = len(self.rows)
        places = (self.seen + torch.arange(len(rows), device=rows.device)) % size
        self.rows[places[-size:]] = rows[-size:].to(self.rows.dtype)
        self.seen += len(rows)

    @property
    def is_full(self) -> bool:
        """No random row is left. A full queue stays so: a GPU is asked, and waited for, only until then."""
        if not self._known_full:
            self._known_full = int(self.seen) >= len(self.rows)
        return self._known_full

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._known_full = False
