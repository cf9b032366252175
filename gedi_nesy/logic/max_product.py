"""The most probable world of a circuit, for a batch: products as in an evaluation, maxima in place of sums.

Sums exclude one another and a choice that a path skips may take any class, so with weights relative to the most probable class
of each choice the largest product is that of the most probable world (Viterbi; ProbLog's MPE task).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gedi_nesy.logic.layers import Layer
from gedi_nesy.logic.sum_product import FIRST_WEIGHT, ONE, ZERO


def max_product(
    log_weights: Float[Tensor, "weights examples"],
    layers: Sequence[Layer],
    root: Int[Tensor, " examples"],
    num_rows: int,
) -> tuple[Float[Tensor, " examples"], Bool[Tensor, "weights examples"]]:
    """log of the largest product of each example's root, and the weights in it; the first of several that are as large.

    Args:
        log_weights: at most 0, and 0 for some class of each choice.
        layers: see `CircuitEvaluator`.
        root: row of the root of each example.
        num_rows: of the layers.
    """
    values = log_weights.new_empty(num_rows, log_weights.shape[1])
    values[ONE].zero_()
    values[ZERO].fill_(-torch.inf)
    values.narrow(0, FIRST_WEIGHT, len(log_weights)).copy_(log_weights)
    best = []
    for layer in layers:
        first, second = values.index_select(0, layer.operands).chunk(2)
        terms = (first + second).view(layer.num_nodes, layer.width, values.shape[1])
        largest, product = terms.max(1)
        values.narrow(0, layer.first, layer.num_nodes).copy_(largest)
        best.append(product)
    used = torch.zeros_like(values).scatter_(0, root.unsqueeze(0), 1.0)
    for layer, product in zip(reversed(layers), reversed(best), strict=True):
        reached = used.narrow(0, layer.first, layer.num_nodes).clone()
        for operands in layer.operands.view(2, layer.num_nodes, layer.width):
            used.scatter_add_(0, operands.gather(1, product), reached)
    weights = used.narrow(0, FIRST_WEIGHT, len(log_weights)) > 0
    return values.gather(0, root.unsqueeze(0))[0], weights
