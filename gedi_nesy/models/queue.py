"""The last rows that went by."""

from __future__ import annotations

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

    @torch.no_grad()
    def push(self, rows: Float[Tensor, "batch features"]) -> None:
        """Put rows in the place of the oldest ones."""
        size = len(self.rows)
        places = (self.seen + torch.arange(len(rows), device=rows.device)) % size
        self.rows[places[-size:]] = rows[-size:].to(self.rows.dtype)
        self.seen += len(rows)

    @property
    def is_full(self) -> bool:
        """No random row is left."""
        return int(self.seen) >= len(self.rows)
