"""A circuit as sums of products: what an evaluation computes, and in how few steps one after the other.

An operand is a number: ONE, ZERO, FIRST_WEIGHT + w for given probability w, and, after those, nodes. A node is a sum of products of
two operands. All products of a sum exclude one another, so probabilities are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gedi_nesy.logic.circuit import FALSE, TRUE, Circuit

ONE, ZERO, FIRST_WEIGHT = 0, 1, 2
# A cut of a chain may be crossed by so many states: segments become matrices of at most this size.
MAX_STATES = 4
# What a step costs beside its products, in products: about 60 us against 2 us at 1,024 examples on a CPU, more below.
STEP = 30

Product = tuple[int, int]
Matrix = dict[tuple[int, int], int]  # (state at the upper cut, state at the lower cut) -> operand


@dataclass
class SumProduct:
    """A graph of sums of products; node i is the operand `first_node + i`, after what it needs.

    Attributes:
        first_node: the operand of the first node.
        sums: the products of each node.
        depths: for each node the number of steps before it is known, from 1.
        roots: the operand of each root, always a node.
    """

    first_node: int
    sums: list[tuple[Product, ...]] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)
    _known: dict[tuple[Product, ...], int] = field(default_factory=dict)

    def add(self, products: Iterable[Product]) -> int:
        """The operand of a sum: a node, unless something simpler has the same value."""
        terms = tuple(product for product in products if ZERO not in product)
        if not terms:
            return ZERO
        if len(terms) == 1 and ONE in terms[0]:
            first, second = terms[0]
            return second if first == ONE else first
        return self._node(terms)

    def add_root(self, operand: int) -> None:
        """Roots are nodes even if nothing is to compute: so all of them have their values and gradients in one way."""
        self.roots.append(operand if operand >= self.first_node else self._node(((operand, ONE),)))

    def _node(self, terms: tuple[Product, ...]) -> int:
        if terms not in self._known:
            self._known[terms] = self.first_node + len(self.sums)
            below = (operand - self.first_node for term in terms for operand in term if operand >= self.first_node)
            self.depths.append(1 + max((self.depths[node] for node in below), default=0))
            self.sums.append(terms)
        return self._known[terms]

    @property
    def cost(self) -> int:
        """About how long an evaluation takes, in products."""
        return STEP * max(self.depths, default=0) + sum(map(len, self.sums))


def sum_product(circuit: Circuit, starts: Sequence[int], num_weights: int, roots: Sequence[int]) -> SumProduct:
    """The cheaper of the circuit as it is, a step for each choice, and its chains contracted.

    Args:
        circuit: what to evaluate.
        starts: for each choice the number of its first class among the weights.
        num_weights: how many there are.
        roots: the circuit's nodes whose values are wanted.
    """
    graphs = (build(circuit, starts, num_weights, roots) for build in (as_it_is, contracted))
    return min(graphs, key=lambda graph: graph.cost)


def as_it_is(circuit: Circuit, starts: Sequence[int], num_weights: int, roots: Sequence[int]) -> SumProduct:
    """A node of the graph for each node of the circuit."""
    graph = SumProduct(FIRST_WEIGHT + num_weights)
    operand = {TRUE: ONE, FALSE: ZERO}
    for index in needed(circuit, roots):
        node = circuit.nodes[index]
        first = FIRST_WEIGHT + starts[node.choice]
        operand[index] = graph.add((operand[child], first + class_index) for class_index, child in node.edges)
    for root in roots:
        graph.add_root(operand[root])
    return graph


def contracted(circuit: Circuit, starts: Sequence[int], num_weights: int, roots: Sequence[int]) -> SumProduct:
    """Chains in logarithmic depth: cut where few states cross, a matrix for each segment, multiplied as a tree.

    Entry (s, t) of a segment's matrix is the probability of getting from state s at its upper cut to state t at its lower
    one. This is the parallel prefix sum of a finite automaton; addition with carry has two states.
    """
    graph = SumProduct(FIRST_WEIGHT + num_weights)
    inner = needed(circuit, roots)
    crossing = _crossing(circuit, inner, roots)
    last = len(circuit.choices)
    cuts = [0, *(cut for cut in range(1, last) if len(crossing[cut]) <= MAX_STATES), last]
    states = [set(roots) - {FALSE}, *(crossing[cut] for cut in cuts[1:-1]), {TRUE}]
    matrices = [
        _segment(
            graph, circuit, starts, [index for index in inner if cut <= circuit.nodes[index].choice < end], above, below
        )
        for cut, end, above, below in zip(cuts, cuts[1:], states, states[1:], strict=False)
    ]
    while len(matrices) > 1:
        pairs = zip(matrices[::2], matrices[1::2], strict=False)
        rest = matrices[len(matrices) // 2 * 2 :]
        matrices = [_multiplied(graph, first, second) for first, second in pairs] + rest
    for root in roots:
        graph.add_root(matrices[0].get((root, TRUE), ZERO))
    return graph


def needed(circuit: Circuit, roots: Sequence[int]) -> list[int]:
    """The circuit's nodes below the roots, children before parents."""
    found = set(roots)
    for index in reversed(range(circuit.num_nodes)):
        if index in found:
            found.update(child for _, child in circuit.nodes[index].edges)
    return sorted(found - {TRUE, FALSE})


def _crossing(circuit: Circuit, inner: Sequence[int], roots: Sequence[int]) -> list[set[int]]:
    """For each cut, before the choice of that number, the nodes at or below it that something above it leads to."""
    last = len(circuit.choices)
    level = {TRUE: last} | {index: circuit.nodes[index].choice for index in inner}
    crossing: list[set[int]] = [set() for _ in range(last + 1)]
    for root in set(roots) - {FALSE}:
        for cut in range(level[root] + 1):
            crossing[cut].add(root)
    for index in inner:
        for _, child in circuit.nodes[index].edges:
            for cut in range(level[index] + 1, level[child] + 1):
                crossing[cut].add(child)
    return crossing


def _segment(
    graph: SumProduct,
    circuit: Circuit,
    starts: Sequence[int],
    nodes: Sequence[int],
    above: Iterable[int],
    below: Iterable[int],
) -> Matrix:
    """The matrix of the nodes between two cuts."""
    matrix: Matrix = {}
    for target in sorted(below):
        operand = {target: ONE}
        for index in nodes:
            node = circuit.nodes[index]
            first = FIRST_WEIGHT + starts[node.choice]
            operand[index] = graph.add(
                (operand.get(child, ZERO), first + class_index) for class_index, child in node.edges
            )
        matrix |= {(state, target): operand[state] for state in above if operand.get(state, ZERO) != ZERO}
    return matrix


def _multiplied(graph: SumProduct, first: Matrix, second: Matrix) -> Matrix:
    """The matrix of two segments, one after the other."""
    products: dict[tuple[int, int], list[Product]] = {}
    for (state, between), operand in first.items():
        for (other, target), further in second.items():
            if other == between:
                products.setdefault((state, target), []).append((operand, further))
    return {key: graph.add(terms) for key, terms in products.items()}
