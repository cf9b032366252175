"""The replay buffer of persistent chains."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..distributed import share

Chains = Float[Tensor, "chains channels height width"]


class ReplayBuffer(nn.Module):
    """Chains that go on from step to step, uniform noise in [-1, 1] at first; saved with the model's weights.

    Source: Du and Mordatch 2019; sizes and the share of fresh starts from GEDI 2024 table 9 (10,000 and 0.05).

    Of several processes each keeps its own part of the chains.

    Args:
        size: number of chains kept, by all processes together.
        shape: channels, height and width of an image.
        fresh: probability that a drawn chain starts anew from noise.
        generator: randomness of the first fill.
    """

    OWN_PARTS = ("images",)
    images: Float[Tensor, "size channels height width"]

    def __init__(self, size: int, shape: tuple[int, int, int], fresh: float, generator: torch.Generator) -> None:
        super().__init__()
        self.fresh = fresh
        self.register_buffer("images", _noise((share(size, "method.buffer_size"), *shape), generator))

    def draw(self, count: int, generator: torch.Generator) -> tuple[Int[Tensor, " chains"], Chains]:
        """Rows drawn without replacement (with it when there are too few), and where their chains start."""
        size, device = len(self.images), self.images.device
        if count <= size:
            rows = torch.randperm(size, generator=generator, device=device)[:count]
        else:
            rows = torch.randint(size, (count,), generator=generator, device=device)
        restart = torch.rand(count, generator=generator, device=device) < self.fresh
        noise = _noise((count, *self.images.shape[1:]), generator)
        return rows, torch.where(restart[:, None, None, None], noise, self.images[rows])

    def store(self, rows: Int[Tensor, " chains"], chains: Chains) -> None:
        """Put moved chains back."""
        self.images[rows] = chains.detach()


def _noise(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device) * 2.0 - 1.0
