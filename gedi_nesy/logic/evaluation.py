"""A `Circuit` over a batch of log-probabilities: exact, in log space, with an analytic gradient.

Layout: one row for each number and one column for each example, so that every gather, sum and scatter moves whole rows.
Rows of the one buffer: [true, false, the given log-probabilities, nodes with children before parents].
A layer is a set of nodes whose children all lie in earlier layers and that have about as many edges; it is a
rectangle (nodes, edges) padded with edges to `false`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gedi_nesy.logic.circuit import FALSE, TRUE, Circuit, Node

TRUE_ROW, FALSE_ROW, NUM_TERMINALS = 0, 1, 2
# Padding edges that cost less than one more layer: about 60 us against 2 us an edge at 1,024 examples on a CPU.
CHEAP_PADDING = 24


@dataclass(frozen=True)
class Layer:
    """Nodes that are evaluated together.

    Attributes:
        first: row of the first node; the others follow.
        num_nodes: how many there are.
        children: row of each edge's child, node by node, padded.
        weights: row of each edge's log-probability.
    """

    first: int
    num_nodes: int
    children: Int[Tensor, " edges"]
    weights: Int[Tensor, " edges"]


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
        plan = _plan(circuit, starts, self.num_weights, circuit.roots if roots is None else roots)
        self.num_rows = plan.num_rows
        self._shapes = [(layer.first, layer.num_nodes) for layer in plan.layers]
        self.register_buffer("roots", plan.roots, persistent=False)
        for number, layer in enumerate(plan.layers):
            self.register_buffer(f"children_{number}", layer.children, persistent=False)
            self.register_buffer(f"weights_{number}", layer.weights, persistent=False)

    def forward(self, log_probs: Float[Tensor, "weights examples"]) -> Float[Tensor, "roots examples"]:
        """log P of each root.

        Args:
            log_probs: a row for each class of each choice, in float32 or float64 (lower precision is raised to
                float32; autocast touches none of the operations used). -inf is allowed and gets the gradient 0.
        """
        if log_probs.dtype not in (torch.float32, torch.float64):
            log_probs = log_probs.float()
        # Attribute access to a module's buffers costs as much as a layer's arithmetic; a loop over them does not.
        roots, *indices = (buffer for buffer in self._buffers.values() if buffer is not None)
        layers = [
            Layer(first, num_nodes, children, weights)
            for (first, num_nodes), children, weights in zip(self._shapes, indices[::2], indices[1::2], strict=True)
        ]
        output: Tensor = _LogProbabilities.apply(log_probs, layers, roots, self.num_rows)
        return output


class _LogProbabilities(torch.autograd.Function):
    """Bottom-up: value(node) = logsumexp over its edges of value(child) + log p(class).

    Top-down: flow(node) = d output / d value(node); an edge carries the share exp(term - value) of its node's flow on
    to its child and to its class.
    """

    @staticmethod
    def forward(
        ctx: Any,
        log_probs: Float[Tensor, "weights examples"],
        layers: list[Layer],
        roots: Int[Tensor, " roots"],
        num_rows: int,
    ) -> Float[Tensor, "roots examples"]:
        values = log_probs.new_empty(num_rows, log_probs.shape[1])
        values[TRUE_ROW].zero_()
        values[FALSE_ROW].fill_(-torch.inf)
        values.narrow(0, NUM_TERMINALS, len(log_probs)).copy_(log_probs)
        shares = [_evaluate(layer, values) for layer in layers]
        ctx.layers, ctx.num_rows, ctx.num_weights = layers, num_rows, len(log_probs)
        ctx.save_for_backward(roots, *(tensor for pair in shares for tensor in pair))
        return values.index_select(0, roots)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Float[Tensor, "roots examples"]) -> tuple[Tensor | None, ...]:
        roots, *shares = ctx.saved_tensors
        flows = grad.new_zeros(ctx.num_rows, grad.shape[1]).index_add_(0, roots, grad)
        for number in reversed(range(len(ctx.layers))):
            layer = ctx.layers[number]
            flow = flows.narrow(0, layer.first, layer.num_nodes)
            exponentials, totals = shares[2 * number : 2 * number + 2]
            edge_flow = (exponentials * (flow / totals).unsqueeze(1)).flatten(0, 1)
            flows.index_add_(0, layer.children, edge_flow)
            flows.index_add_(0, layer.weights, edge_flow)
        return flows.narrow(0, NUM_TERMINALS, ctx.num_weights), None, None, None


def _evaluate(layer: Layer, values: Tensor) -> tuple[Tensor, Tensor]:
    """Write the values of a layer's nodes; exp(term - largest term) of every edge, and their sum for every node."""
    terms = values.index_select(0, layer.children).add_(values.index_select(0, layer.weights))
    terms = terms.view(layer.num_nodes, -1, values.shape[1])  # (nodes, edges, examples)
    # The lower limit keeps -inf - -inf, which is NaN, out of nodes none of whose edges is possible.
    largest = terms.amax(1).clamp_(min=torch.finfo(values.dtype).min)
    exponentials = terms.sub_(largest.unsqueeze(1)).exp_()
    totals = exponentials.sum(1)
    torch.add(totals.log(), largest, out=values.narrow(0, layer.first, layer.num_nodes))
    # A possible node has a total of at least 1. An impossible one has 0, and so all its edges: their flow will be 0.
    return exponentials, totals.clamp_(min=1.0)


@dataclass(frozen=True)
class _Plan:
    layers: list[Layer]
    roots: Int[Tensor, " roots"]
    num_rows: int


def _consecutive(circuit: Circuit) -> list[int]:
    return [0, *accumulate(choice.num_classes for choice in circuit.choices)][:-1]


def _plan(circuit: Circuit, starts: Sequence[int], num_weights: int, roots: Sequence[int]) -> _Plan:
    """Which row each node gets, and the layers in the order of evaluation."""
    row = {TRUE: TRUE_ROW, FALSE: FALSE_ROW}
    depth: dict[int, int] = {}
    of_depth: dict[int, list[int]] = defaultdict(list)
    for index in _needed(circuit, roots):
        node = circuit.nodes[index]
        if len(node.edges) == 1 and node.edges[0][1] == TRUE and index not in roots:
            # The node says "this class": the given row is its value. (Roots get a layer, for the gradient at -inf.)
            row[index] = NUM_TERMINALS + starts[node.choice] + node.edges[0][0]
            continue
        depth[index] = 1 + max(depth.get(child, 0) for _, child in node.edges)
        of_depth[depth[index]].append(index)
    layers, num_rows = [], NUM_TERMINALS + num_weights
    for members in (group for number in sorted(of_depth) for group in _groups(circuit, of_depth[number])):
        row.update(zip(members, range(num_rows, num_rows + len(members)), strict=True))
        layers.append(_layer([circuit.nodes[index] for index in members], num_rows, row, starts))
        num_rows += len(members)
    return _Plan(layers, torch.tensor([row[root] for root in roots]), num_rows)


def _needed(circuit: Circuit, roots: Sequence[int]) -> list[int]:
    """The nodes below the roots, children before parents."""
    needed = set(roots)
    for index in reversed(range(circuit.num_nodes)):
        if index in needed:
            needed.update(child for _, child in circuit.nodes[index].edges)
    return sorted(needed - {TRUE, FALSE})


def _groups(circuit: Circuit, indices: Sequence[int]) -> Iterator[list[int]]:
    """Split nodes so that those of a group can be padded to one width without much waste."""
    group: list[int] = []
    width = padding = 0
    for index in sorted(indices, key=lambda index: -len(circuit.nodes[index].edges)):
        num_edges = len(circuit.nodes[index].edges)
        padding += width - num_edges if group else 0
        if not group or padding > max(CHEAP_PADDING, len(group) * width // 4):
            if group:
                yield group
            group, width, padding = [], num_edges, 0
        group.append(index)
    yield group


def _layer(nodes: Sequence[Node], first: int, row: dict[int, int], starts: Sequence[int]) -> Layer:
    width = max(len(node.edges) for node in nodes)
    children, weights = [], []
    for node in nodes:
        padding = width - len(node.edges)
        children += [row[child] for _, child in node.edges] + [FALSE_ROW] * padding
        weights += [NUM_TERMINALS + starts[node.choice] + index for index, _ in node.edges] + [TRUE_ROW] * padding
    return Layer(first, len(nodes), torch.tensor(children), torch.tensor(weights))
