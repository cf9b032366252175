"""Classes that are told, as log-probabilities."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

UNKNOWN = -1  # the class of an image that nobody has told


def observe(
    log_probs: Float[Tensor, "examples inputs classes"], known: Int[Tensor, "examples inputs"]
) -> tuple[Float[Tensor, "examples inputs classes"], Float[Tensor, " examples"]]:
    """Distributions that are certain where a class is known, and log P of the known classes under the given ones."""
    told, index = known != UNKNOWN, known.clamp(min=0)
    certain = one_hot_log(index, log_probs.shape[-1]).to(log_probs.dtype)
    log_probability = log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)
    return torch.where(told.unsqueeze(-1), certain, log_probs), torch.where(told, log_probability, 0.0).sum(1)


def one_hot_log(classes: Int[Tensor, " *shape"], num_classes: int) -> Float[Tensor, "*shape classes"]:
    """log of the one-hot vectors, in float32: 0 for the class, -inf elsewhere."""
    return torch.nn.functional.one_hot(classes, num_classes).float().log()
