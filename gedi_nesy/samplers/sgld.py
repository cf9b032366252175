"""Stochastic gradient Langevin dynamics in pixel space."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from ..config.options import Options

Chains = Float[Tensor, "chains channels height width"]


class SgldOptions(Options):
    """Settings of a chain, in the convention of JEM's code: step and noise are two separate numbers.

    A proper Langevin step of size e is x <- x + e/2 * grad log p(x) + sqrt(e) * N(0, 1). To write it here, set
    `step_size = e / 2` and `noise_std = sqrt(e)`, that is step_size = noise_std**2 / 2 (the convention of VERA and of GEDI's
    appendix K: 0.01**2 / 2 and 0.01). Table 9 of GEDI has step 1 and noise 0.01, as JEM: a proper chain at a temperature of
    noise_std**2 / (2 * step_size) = 5e-5.
    """

    steps: Annotated[int, Field(gt=0)] = 20
    """Moves of each chain in a training step."""
    step_size: Annotated[float, Field(gt=0)] = 1.0
    """Factor of the gradient of the log-density, for pixels in [-1, 1]."""
    noise_std: Annotated[float, Field(ge=0)] = 0.01
    """Standard deviation of the noise of each move, in units of pixels in [-1, 1]."""


@torch.enable_grad()
def sample(
    log_density: Callable[[Chains], Float[Tensor, " chains"]],
    start: Chains,
    options: SgldOptions,
    generator: torch.Generator,
) -> Chains:
    """Move chains along x <- x + step_size * grad log_density(x) + noise_std * N(0, 1).

    Works under `torch.no_grad` too. Parameters receive no gradient, pixels are not clamped (as in JEM), and `start` is left as it is.
    Source: GEDI 2024 algorithm 1 and table 9; Grathwohl et al. 2020 (JEM).
    """
    chains = start.detach().clone(memory_format=torch.preserve_format)
    for _ in range(options.steps):
        chains.requires_grad_(True)
        (gradient,) = torch.autograd.grad(log_density(chains).sum(), chains)
        noise = torch.randn(chains.shape, generator=generator, device=chains.device)
        chains = chains.detach().add(gradient, alpha=options.step_size).add(noise, alpha=options.noise_std)
    return chains.detach()
