"""A `Circuit` over a batch of log-probabilities: exact, with an analytic gradient.

Layout: one row for each number and one column for each example, so that every gather, sum and scatter moves whole rows.
Rows of the one buffer: [one, zero, the given probabilities, nodes layer by layer]. A layer is a set of sums of products whose
operands all lie in earlier rows and that have about as many products; it is a rectangle (nodes, products) padded with zeros.

Examples are evaluated with probabilities, six operations a layer. What is wanted of an example may be too small for
that; then this example is evaluated again with log-probabilities, sixteen operations a layer, which have no such limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gedi_nesy.logic.circuit import Circuit
from gedi_nesy.logic.layers import Layer, plan
from gedi_nesy.logic.max_product import max_product
from gedi_nesy.logic.sum_product import FIRST_WEIGHT, ONE, ZERO, sum_product

# A probability is taken as it is if it is so many times larger than the smallest number of its type: then all that has vanished
# on the way to it is less than rounding.
MARGIN = 1e8


class CircuitEvaluator(nn.Module):
    """log P of nodes of a circuit, for a batch.

    Args:
        circuit: what to evaluate.
        weight_rows: for each choice, the row at which its classes begin in the log-probabilities given to `forward`;
            by default the choices follow one another.
        roots: the nodes wanted, by default those of the answers; nodes that they do not need are left out.
    """

    def __init__(
        self, circuit: Circuit, weight_rows: Sequence[int] | None = None, roots: Sequence[int] | None = None
    ) -> None:
        super().__init__()
        starts = _consecutive(circuit) if weight_rows is None else weight_rows
        ends = (start + choice.num_classes for start, choice in zip(starts, circuit.choices, strict=True))
        self.num_weights = max(ends, default=0)
        wanted = circuit.roots if roots is None else roots
        made = plan(sum_product(circuit, starts, self.num_weights, wanted))
        self.num_rows = made.num_rows
        self._shapes = [(layer.first, layer.num_nodes) for layer in made.layers]
        self.register_buffer("roots", made.roots, persistent=False)
        for number, layer in enumerate(made.layers):
            self.register_buffer(f"operands_{number}", layer.operands, persistent=False)
            self.register_buffer(f"partners_{number}", layer.partners, persistent=False)

    def forward(
        self, log_probs: Float[Tensor, "weights examples"], chosen: Int[Tensor, "chosen examples"] | None = None
    ) -> Float[Tensor, "roots examples"]:
        """log P of each root, or for each example of the roots chosen for it.

        Args:
            log_probs: a row for each class of each choice, in float32 or float64 (lower precision is raised to
                float32; autocast touches none of the operations used). -inf is allowed and gets the gradient 0.
            chosen: positions among the roots; all of them by default.
        """
        if log_probs.dtype not in (torch.float32, torch.float64):
            log_probs = log_probs.float()
        log_probs = log_probs.narrow(0, 0, self.num_weights)  # images that no answer looks at may stand behind
        roots, layers = self._tables()
        values: Tensor = _Probabilities.apply(log_probs, layers, roots, self.num_rows, chosen)
        threshold = torch.finfo(values.dtype).tiny * MARGIN
        # Values that are not numbers are not small: they go on as they are, and whoever trains stops.
        if not values.numel() or not float(values.detach().min()) < threshold:
            return values.log()
        small = torch.nonzero(values.detach().amin(0) < threshold).flatten()
        part = None if chosen is None else chosen[:, small]
        exact = _LogProbabilities.apply(log_probs[:, small], layers, roots, self.num_rows, part)
        # The limit keeps the gradient of log finite in the columns that are replaced.
        return values.clamp(min=threshold).log().index_copy(1, small, exact)

    @torch.no_grad()
    def most_probable(
        self, log_weights: Float[Tensor, "weights examples"], root: Int[Tensor, " examples"]
    ) -> tuple[Float[Tensor, " examples"], Bool[Tensor, "weights examples"]]:
        """The most probable way to make a root hold.

        Args:
            log_weights: of each class of each choice, relative to the most probable one of its choice.
            root: the position among the roots of that of each example.

        Returns:
            log of its weight, -inf where there is none, and the classes that it needs; choices without one are free.
        """
        roots, layers = self._tables()
        value, needed = max_product(log_weights.narrow(0, 0, self.num_weights), layers, roots[root], self.num_rows)
        return value, torch.nn.functional.pad(needed, (0, 0, 0, len(log_weights) - self.num_weights))

    def _tables(self) -> tuple[Int[Tensor, " roots"], list[Layer]]:
        """Rows of the roots, and the layers, on the module's device."""
        # Attribute access to a module's buffers costs as much as a layer's arithmetic; a loop over them does not.
        roots, *indices = (buffer for buffer in self._buffers.values() if buffer is not None)
        pairs = zip(self._shapes, indices[::2], indices[1::2], strict=True)
        return roots, [Layer(*shape, operands, partners) for shape, operands, partners in pairs]


class _Probabilities(torch.autograd.Function):
    """P of the chosen roots.

    Top-down, flow(node) = d output / d value(node): a product hands its node's flow on to each operand, times the other.
    """

    @staticmethod
    def forward(
        ctx: Any,
        log_probs: Float[Tensor, "weights examples"],
        layers: list[Layer],
        roots: Int[Tensor, " roots"],
        num_rows: int,
        chosen: Int[Tensor, "chosen examples"] | None,
    ) -> Float[Tensor, "chosen examples"]:
        values = log_probs.new_empty(num_rows, log_probs.shape[1])
        values[ONE].fill_(1.0)
        values[ZERO].zero_()
        probabilities = torch.exp(log_probs, out=values.narrow(0, FIRST_WEIGHT, len(log_probs)))
        saved = []
        for layer in layers:
            pairs = values.index_select(0, layer.operands).view(2, layer.num_nodes, layer.width, values.shape[1])
            torch.sum(pairs[0] * pairs[1], 1, out=values.narrow(0, layer.first, layer.num_nodes))
            saved.append(pairs)
        ctx.layers, ctx.num_rows = layers, num_rows
        ctx.save_for_backward(roots, chosen, probabilities, *saved)
        return _take(values, roots, chosen)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Float[Tensor, "chosen examples"]) -> tuple[Tensor | None, ...]:
        roots, chosen, probabilities, *saved = ctx.saved_tensors
        flows = _give_back(grad, roots, chosen, ctx.num_rows)
        for layer, pairs in zip(reversed(ctx.layers), reversed(saved), strict=True):
            flow = flows.narrow(0, layer.first, layer.num_nodes).unsqueeze(1)
            flows.index_add_(0, layer.partners, (pairs * flow).flatten(0, 2))
        return flows.narrow(0, FIRST_WEIGHT, len(probabilities)) * probabilities, None, None, None, None


class _LogProbabilities(torch.autograd.Function):
    """log P of the chosen roots, without leaving log space.

    Bottom-up: value(node) = logsumexp over its products of the sum of their operands. Top-down: a product carries the share
    exp(term - value) of its node's flow on to both operands.
    """

    @staticmethod
    def forward(
        ctx: Any,
        log_probs: Float[Tensor, "weights examples"],
        layers: list[Layer],
        roots: Int[Tensor, " roots"],
        num_rows: int,
        chosen: Int[Tensor, "chosen examples"] | None,
    ) -> Float[Tensor, "chosen examples"]:
        values = log_probs.new_empty(num_rows, log_probs.shape[1])
        values[ONE].zero_()
        values[ZERO].fill_(-torch.inf)
        values.narrow(0, FIRST_WEIGHT, len(log_probs)).copy_(log_probs)
        shares = [_log_sums(layer, values) for layer in layers]
        ctx.layers, ctx.num_rows, ctx.num_weights = layers, num_rows, len(log_probs)
        ctx.save_for_backward(roots, chosen, *(tensor for pair in shares for tensor in pair))
        return _take(values, roots, chosen)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Float[Tensor, "chosen examples"]) -> tuple[Tensor | None, ...]:
        roots, chosen, *shares = ctx.saved_tensors
        flows = _give_back(grad, roots, chosen, ctx.num_rows)
        for number in reversed(range(len(ctx.layers))):
            layer = ctx.layers[number]
            flow = flows.narrow(0, layer.first, layer.num_nodes)
            exponentials, totals = shares[2 * number : 2 * number + 2]
            product_flow = (exponentials * (flow / totals).unsqueeze(1)).flatten(0, 1)
            flows.index_add_(0, layer.operands, product_flow.repeat(2, 1))
        return flows.narrow(0, FIRST_WEIGHT, ctx.num_weights), None, None, None, None


def _log_sums(layer: Layer, values: Tensor) -> tuple[Tensor, Tensor]:
    """Write the values of a layer's nodes; exp(term - largest term) of every product, and their sum for every node."""
    first, second = values.index_select(0, layer.operands).chunk(2)
    terms = first.add_(second).view(layer.num_nodes, layer.width, values.shape[1])  # (nodes, products, examples)
    # The lower limit keeps -inf - -inf, which is NaN, out of nodes none of whose products is possible.
    largest = terms.amax(1).clamp_(min=torch.finfo(values.dtype).min)
    exponentials = terms.sub_(largest.unsqueeze(1)).exp_()
    totals = exponentials.sum(1)
    torch.add(totals.log(), largest, out=values.narrow(0, layer.first, layer.num_nodes))
    # A possible node has a total of at least 1. An impossible one has 0, and so all its products: their flow will be 0.
    return exponentials, totals.clamp_(min=1.0)


def _take(values: Tensor, roots: Int[Tensor, " roots"], chosen: Int[Tensor, "chosen examples"] | None) -> Tensor:
    return values.index_select(0, roots) if chosen is None else values.gather(0, roots[chosen])


def _give_back(
    grad: Tensor, roots: Int[Tensor, " roots"], chosen: Int[Tensor, "chosen examples"] | None, num_rows: int
) -> Float[Tensor, "rows examples"]:
    """Flows of which only those of the roots are known."""
    flows = grad.new_zeros(num_rows, grad.shape[1])
    return flows.index_add_(0, roots, grad) if chosen is None else flows.scatter_add_(0, roots[chosen], grad)


def _consecutive(circuit: Circuit) -> list[int]:
    return [0, *accumulate(choice.num_classes for choice in circuit.choices)][:-1]
