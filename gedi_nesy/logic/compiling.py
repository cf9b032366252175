"""`Formula` to `Circuit`.

PySDD does the Boolean work. Each choice is written in binary on a block of neighbouring variables of a right-linear
vtree, so that the SDD is an ordered binary decision diagram; every atom enters as the code of its class, which makes
the classes of a choice exclude each other from the start (ProbLog conjoins such constraints last and passes through
diagrams far larger than the result). Following the codes of the classes through each block then gives the diagram over
the choices themselves. Codes that belong to no class are never followed and need no constraint.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.circuit import FALSE, TRUE, Circuit, Node
from gedi_nesy.logic.formula import Atom, Formula, Or


def compile(formula: Formula) -> Circuit:
    """The reduced ordered decision diagram of all answers of a formula.

    Args:
        formula: without cycles.

    Returns:
        A circuit whose roots share nodes; its choices are the formula's, in the order found from the formula.

    Raises:
        ProgramError: no answer is possible, or the evidence is not.
    """
    order = choice_order(formula)
    blocks = _Blocks([formula.choices[choice].num_classes for choice in order])
    level = {choice: position for position, choice in enumerate(order)}
    literals = _node_functions(formula, level, blocks)
    evidence = blocks.conjoin([literals(key) for key in formula.evidence])
    if evidence.is_false():
        raise ProgramError("the evidence contradicts itself: no classes and chances make all of it hold")
    roots = [blocks.conjoin([literals(key), evidence]) for key in formula.roots.values()]
    some_answer = blocks.disjoin(roots)
    if some_answer.is_false():
        query = ", ".join(formula.queries[:3])
        raise ProgramError(f"the query {query} has no proof: each of its proofs contradicts itself or the evidence")
    diagram = _Diagram(blocks)
    return Circuit(
        choices=tuple(formula.choices[choice] for choice in order),
        answers=tuple(formula.roots),
        roots=tuple(diagram.node(root) for root in roots),
        evidence=diagram.node(evidence),
        any_answer=diagram.node(some_answer),
        nodes=tuple(diagram.nodes),
        queries=formula.queries,
    )


def choice_order(formula: Formula) -> list[int]:
    """The choices in the order in which a depth-first walk from the roots meets them.

    What a proof reads together stands together, whatever the variables are called.
    """
    order: dict[int, None] = {}
    seen: set[int] = set()
    stack = [abs(key) for key in (*reversed(formula.roots.values()), *reversed(formula.evidence)) if key]
    while stack:
        key = stack.pop()
        if key in seen:
            continue
        seen.add(key)
        node = formula.nodes[key - 1]
        if isinstance(node, Atom):
            order.setdefault(node.choice)
        else:
            stack.extend(abs(literal) for literal in reversed(node.literals) if literal)
    return list(order)


def _node_functions(formula: Formula, level: dict[int, int], blocks: _Blocks) -> Any:
    """A function from literals to SDDs, for all nodes of the formula."""
    functions: list[Any] = []

    def function(key: int) -> Any:
        if not key:
            return blocks.true
        return functions[key - 1] if key > 0 else blocks.negate(functions[-key - 1])

    for node in formula.nodes:
        if isinstance(node, Atom):
            functions.append(blocks.class_code(level[node.choice], node.class_index))
        else:
            combine = blocks.disjoin if isinstance(node, Or) else blocks.conjoin
            functions.append(combine([function(key) for key in node.literals]))
    return function


class _Blocks:
    """An SDD manager in which each choice has a block of binary variables."""

    def __init__(self, num_classes: Sequence[int]) -> None:
        from pysdd.sdd import SddManager, Vtree

        self.num_classes = num_classes
        self.widths = [max(count - 1, 0).bit_length() for count in num_classes]
        self.starts = [1 + sum(self.widths[:position]) for position in range(len(num_classes))]
        num_variables = max(sum(self.widths), 1)  # a vtree has at least one leaf
        self.manager = SddManager.from_vtree(Vtree(num_variables, list(range(1, num_variables + 1)), "right"))
        self.true, self.false = self.manager.true(), self.manager.false()
        self.block_of = [position for position, width in enumerate(self.widths) for _ in range(width)]

    def code(self, position: int, class_index: int) -> list[int]:
        """The literals, in order, that stand for a class of the choice at this position."""
        start, width = self.starts[position], self.widths[position]
        bits = ((class_index >> (width - 1 - offset)) & 1 for offset in range(width))
        return [start + offset if bit else -start - offset for offset, bit in enumerate(bits)]

    def class_code(self, position: int, class_index: int) -> Any:
        """The SDD of "the choice takes this class"."""
        return self.conjoin([self.manager.literal(literal) for literal in self.code(position, class_index)])

    def conjoin(self, functions: Iterable[Any]) -> Any:
        return reduce(self.manager.conjoin, functions, self.true)

    def disjoin(self, functions: Iterable[Any]) -> Any:
        return reduce(self.manager.disjoin, functions, self.false)

    def negate(self, function: Any) -> Any:
        return self.manager.negate(function)

    def first_variable(self, function: Any) -> int:
        """The variable that a function depends on first."""
        return abs(int(function.literal)) if function.is_literal() else int(function.vtree().left().var())

    def restrict(self, function: Any, literal: int) -> Any:
        """The function once a literal holds; the literal's variable comes no later than any the function tests."""
        if function.is_true() or function.is_false() or self.first_variable(function) != abs(literal):
            return function
        if function.is_literal():
            return self.true if function.literal == literal else self.false
        return next(sub for prime, sub in function.elements() if prime.literal == literal)


class _Diagram:
    """Reads SDDs block by block into nodes over choices; equal nodes are shared, and needless ones left out."""

    def __init__(self, blocks: _Blocks) -> None:
        self.blocks = blocks
        self.nodes: list[Node] = []
        self._index: dict[Node, int] = {}
        self._known: dict[int, int] = {}

    def node(self, function: Any) -> int:
        """The index of the node of an SDD, after those of everything below it."""
        stack = [function]
        while stack:
            current = stack[-1]
            below = [] if self._is_known(current) else self._children(current)
            missing = [child for child in below if not self._is_known(child)]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            if below:
                self._known[current.id] = self._add(current, [self._lookup(child) for child in below])
        return self._lookup(function)

    def _is_known(self, function: Any) -> bool:
        return function.is_true() or function.is_false() or function.id in self._known

    def _lookup(self, function: Any) -> int:
        if function.is_true():
            return TRUE
        return FALSE if function.is_false() else self._known[function.id]

    def _children(self, function: Any) -> list[Any]:
        """What is left of the function for each class of the first choice it depends on."""
        position = self.blocks.block_of[self.blocks.first_variable(function) - 1]
        num_classes = self.blocks.num_classes[position]
        return [
            reduce(self.blocks.restrict, self.blocks.code(position, index), function) for index in range(num_classes)
        ]

    def _add(self, function: Any, children: Sequence[int]) -> int:
        if all(child == children[0] for child in children):  # the choice decides nothing here
            return children[0]
        position = self.blocks.block_of[self.blocks.first_variable(function) - 1]
        node = Node(position, tuple((index, child) for index, child in enumerate(children) if child != FALSE))
        if node not in self._index:
            self._index[node] = len(self.nodes)
            self.nodes.append(node)
        return self._index[node]
