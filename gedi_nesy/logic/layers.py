"""The layers of an evaluation: sums of products that are computed together, and which row each of them gets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from gedi_nesy.logic.sum_product import ONE, ZERO, SumProduct

# Padding products that cost less than one more layer; see `sum_product.STEP`.
CHEAP_PADDING = 24


@dataclass(frozen=True)
class Layer:
    """Sums that are computed together.

    Attributes:
        first: row of the first node; the others follow.
        num_nodes: how many there are.
        operands: row of the first operand of each product, node by node, padded; then of each second operand.
        partners: the same rows, second operands first.
    """

    first: int
    num_nodes: int
    operands: Int[Tensor, " two_products"]
    partners: Int[Tensor, " two_products"]

    @property
    def width(self) -> int:
        """Products of each node, padding included."""
        return len(self.operands) // (2 * self.num_nodes)


@dataclass(frozen=True)
class Plan:
    """What an evaluation goes through.

    Attributes:
        layers: in the order of evaluation.
        roots: row of each root.
        num_rows: how many rows there are.
    """

    layers: list[Layer]
    roots: Int[Tensor, " roots"]
    num_rows: int


def plan(graph: SumProduct) -> Plan:
    """Which row each node gets, and the layers in the order of evaluation."""
    row = list(range(graph.first_node)) + [0] * len(graph.sums)
    of_depth: dict[int, list[int]] = {}
    for node, depth in enumerate(graph.depths):
        of_depth.setdefault(depth, []).append(node)
    layers, num_rows = [], graph.first_node
    for members in (group for depth in sorted(of_depth) for group in _groups(graph, of_depth[depth])):
        for place, node in enumerate(members):
            row[graph.first_node + node] = num_rows + place
        layers.append(_layer([graph.sums[node] for node in members], num_rows, row))
        num_rows += len(members)
    return Plan(layers, torch.tensor([row[root] for root in graph.roots], dtype=torch.long), num_rows)


def _groups(graph: SumProduct, nodes: Sequence[int]) -> Iterator[list[int]]:
    """Split nodes so that those of a group can be padded to one width without much waste."""
    group: list[int] = []
    width = padding = 0
    for node in sorted(nodes, key=lambda node: -len(graph.sums[node])):
        num_products = len(graph.sums[node])
        padding += width - num_products if group else 0
        if not group or padding > max(CHEAP_PADDING, len(group) * width // 4):
            if group:
                yield group
            group, width, padding = [], num_products, 0
        group.append(node)
    yield group


def _layer(sums: Sequence[Sequence[tuple[int, int]]], first: int, row: Sequence[int]) -> Layer:
    width = max(map(len, sums))
    firsts, seconds = [], []
    for products in sums:
        padding = width - len(products)
        firsts += [row[operand] for operand, _ in products] + [ZERO] * padding
        seconds += [row[operand] for _, operand in products] + [ONE] * padding
    return Layer(first, len(sums), torch.tensor(firsts + seconds), torch.tensor(seconds + firsts))
