"""Probes for many attributes of the same images, trained side by side: what each learns is what it would learn alone."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

Labels = Int[Tensor, "images attributes"]


class ManyProbes(nn.Module):
    """For each attribute a network of its own with one hidden ReLU layer, or none, all computed in one product."""

    absent: Tensor

    def __init__(self, num_features: int, num_values: list[int], hidden: int | None) -> None:
        """`num_values` are the values that each attribute can take; `hidden` the neurons of its hidden layer."""
        super().__init__()
        count, most = len(num_values), max(num_values)
        self.hidden = nn.Linear(num_features, count * hidden) if hidden else None
        width = hidden or num_features
        # As nn.Linear draws them.
        self.weight = nn.Parameter(torch.empty(count, width, most).uniform_(-1, 1) / math.sqrt(width))
        self.bias = nn.Parameter(torch.empty(count, most).uniform_(-1, 1) / math.sqrt(width))
        self.register_buffer("absent", torch.arange(most) >= torch.tensor(num_values)[:, None])

    def forward(self, features: Float[Tensor, "images features"]) -> Float[Tensor, "images attributes values"]:
        """Logits of each attribute's values, -inf for values that it cannot take."""
        count = len(self.weight)
        if self.hidden is None:
            inner = features[:, None].expand(-1, count, -1)
        else:
            inner = self.hidden(features).relu().view(len(features), count, -1)
        logits = torch.einsum("nah,ahv->nav", inner, self.weight) + self.bias
        return logits.masked_fill(self.absent, -math.inf)


def sum_of_losses(logits: Float[Tensor, "images attributes values"], labels: Labels) -> Float[Tensor, ""]:
    """The attributes' cross-entropies, each a mean over the images for which it is known (label -1: it is not), added up."""
    losses = functional.cross_entropy(logits.transpose(1, 2), labels, ignore_index=-1, reduction="none")
    return (losses.sum(dim=0) / (labels >= 0).sum(dim=0).clamp(min=1)).sum()


def accuracies(logits: Float[Tensor, "images attributes values"], labels: Labels) -> Float[Tensor, " attributes"]:
    """Share of right values over the images for which the attribute is known; not a number where it is known for none."""
    known: Bool[Tensor, "images attributes"] = labels >= 0
    right = (logits.argmax(dim=2) == labels) & known
    return right.sum(dim=0).double() / known.sum(dim=0)
