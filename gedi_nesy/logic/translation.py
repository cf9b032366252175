"""ProbLog's ground program to the nodes and choices of a `Formula`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gedi_nesy.errors import Position, ProgramError
from gedi_nesy.logic import terms
from gedi_nesy.logic.formula import And, Atom, Choice, Constant, Learnable, NeuralSource, Or, Source
from gedi_nesy.logic.probabilities import ROUNDING, SLACK
from gedi_nesy.logic.problog_errors import tensor_error
from gedi_nesy.logic.program import NeuralPredicate, Program
from gedi_nesy.logic.query import SLOT

# Probabilities that survive grounding: neural choice(predicate number, class, inputs), and
# learnable choice(clause number, class, arguments of the parameters).
NEURAL = "neural choice"
LEARNABLE = "learnable choice"


class Translation:
    """The nodes of ProbLog's ground program, and the choices its atoms belong to.

    Args:
        program: which neural predicates and learnable clauses the atoms are of.
        query: names the query in messages.
        slots: names of its images.
        graph: ProbLog's `LogicFormula`.
        roots: keys of what is asked and known; nodes that they do not need are left out.
    """

    def __init__(self, program: Program, query: str, slots: Sequence[str], graph: Any, roots: Iterable[int]) -> None:
        self.program, self.query, self.slots = program, query, slots
        self.nodes: list[Atom | And | Or] = []
        self._choice_of_group: dict[Any, int] = {}
        self._choices: list[Source | list[float]] = []
        self._classes: list[list[str]] = []
        needed = _needed(graph, roots)
        self._key = {key: number for number, key in enumerate(needed, start=1)}
        for node in map(graph.get_node, needed):
            if type(node).__name__ == "atom":
                self.nodes.append(self._atom(node))
            else:
                kind = And if type(node).__name__ == "conj" else Or
                self.nodes.append(kind(tuple(map(self.literal, node.children))))

    def literal(self, key: int) -> int:
        """ProbLog's signed key as ours; 0 is true in both."""
        return (1 if key > 0 else -1) * self._key[abs(key)] if key else 0

    def choices(self) -> Iterator[Choice]:
        """Every choice; those with plain numbers get a last class for whatever their atoms leave over."""
        for source, classes in zip(self._choices, self._classes, strict=True):
            if isinstance(source, list):
                rest = 1 - math.fsum(source)
                probabilities = (*source, rest) if rest > ROUNDING else tuple(source)
                yield _named(Constant(probabilities), classes, len(probabilities))
            else:
                yield _named(source, classes, len(source.initial) if isinstance(source, Learnable) else len(classes))

    def _atom(self, node: Any) -> Atom:
        # An atom without a group is a fact: a choice of its own.
        group = node.identifier if node.group is None else node.group
        functor = _functor(node.probability)
        if functor not in (NEURAL, LEARNABLE):
            return self._constant_atom(group, node)
        number, class_index, items = node.probability.args
        if group not in self._choice_of_group:
            arguments = terms.list_items(items) or []
            add = self._add_neural if functor == NEURAL else self._add_learnable
            add(group, int(number), arguments)
        index = self._choice_of_group[group]
        if functor == LEARNABLE:
            self._classes[index][int(class_index)] = str(self._with_names(_head(node)))
        return Atom(index, int(class_index))

    def _add_neural(self, group: Any, number: int, inputs: list[Any]) -> None:
        neural = self.program.neural_predicates[number]
        if neural.is_tensor:
            raise tensor_error(neural)
        slots = tuple(self._slot(neural, item) for item in inputs)
        self._add_choice(group, NeuralSource(neural.network, slots), neural.classes)

    def _slot(self, neural: NeuralPredicate, item: Any) -> int:
        if _is_slot(item):
            return int(item.args[0])
        raise ProgramError(
            f"the network {neural.network} reads {item}, which is no image of the query {self.query}",
            neural.position,
        )

    def _with_names(self, term: Any) -> Any:
        """The term with the names of its images."""
        from problog.logic import Term

        if _is_slot(term):
            return Term(self.slots[int(term.args[0])])
        return term.with_args(*map(self._with_names, term.args)) if terms.is_compound(term) else term

    def _add_learnable(self, group: Any, number: int, arguments: list[Any]) -> None:
        clause = self.program.learnables[number]
        name = f"{clause.name} [{', '.join(map(str, arguments))}]" if arguments else clause.name
        self._add_choice(group, Learnable(name, clause.initial, clause.fixed), clause.heads)

    def _constant_atom(self, group: Any, node: Any) -> Atom:
        if group not in self._choice_of_group:
            self._add_choice(group, [], ())
        index = self._choice_of_group[group]
        probabilities = self._choices[index]
        assert isinstance(probabilities, list)  # a group's atoms come from one clause, so they are all of one kind
        probabilities.append(self._probability(node))
        self._classes[index].append(str(self._with_names(_head(node))))
        if math.fsum(probabilities) > 1 + SLACK:
            raise ProgramError(
                f"the probabilities of an annotated disjunction sum to {math.fsum(probabilities):g}, more than 1",
                self._position(node),
            )
        return Atom(index, len(probabilities) - 1)

    def _probability(self, node: Any) -> float:
        value = terms.number(node.probability)
        if value is None:
            raise ProgramError(
                f"the probability {node.probability} is not a number; write a number, or t(_) to learn it",
                self._position(node),
            )
        if not 0 <= value <= 1 + SLACK:
            raise ProgramError(f"the probability {node.probability} is not between 0 and 1", self._position(node))
        return value

    def _position(self, node: Any) -> Position:
        """Where the head of an atom stands, as far as ProbLog remembers."""
        for term in (node.probability, *(node.name.args[2:3] if node.name is not None else ())):
            location = getattr(term, "location", None)
            if location:
                return self.program.position(location)
        return Position(self.program.source)

    def _add_choice(self, group: Any, source: Source | list[float], classes: Iterable[str]) -> None:
        self._choice_of_group[group] = len(self._choices)
        self._choices.append(source)
        self._classes.append(list(classes))


def _named(source: Source, classes: Sequence[str], num_classes: int) -> Choice:
    """The choice; a class beyond those with a name is what happens when none of them does."""
    rest = f"not {classes[0]}" if len(classes) == 1 else f"none of {', '.join(classes)}"
    return Choice(source, num_classes, (*classes, rest)[:num_classes])


def _functor(term: Any) -> Any | None:
    return term.functor if terms.is_compound(term) else None


def _is_slot(term: Any) -> bool:
    return terms.is_compound(term) and term.signature == f"{SLOT}/1"


def _head(node: Any) -> Any:
    """The ground head that an atom is one of: of a rule's atom ProbLog's name is choice(Clause, Number, Head, ...)."""
    is_of_rule = node.group is not None and node.name.functor == "choice" and node.name.args[0] == node.group[0]
    return node.name.args[2] if is_of_rule else node.name


def neural_atoms(program: Program, graph: Any, root: int) -> Iterator[tuple[NeuralPredicate, list[Any]]]:
    """Neural predicate and inputs of every atom that a network decides below a node."""
    for node in map(graph.get_node, _needed(graph, [root])):
        if type(node).__name__ == "atom" and _functor(node.probability) == NEURAL:
            number, _, inputs = node.probability.args
            yield program.neural_predicates[int(number)], terms.list_items(inputs) or []


def _needed(graph: Any, roots: Iterable[int]) -> list[int]:
    """The keys of the nodes below some nodes, in ProbLog's order: what is proved first comes first."""
    needed: set[int] = set()
    stack = [abs(key) for key in roots if key]
    while stack:
        key = stack.pop()
        if key not in needed:
            needed.add(key)
            node = graph.get_node(key)
            stack += [abs(child) for child in getattr(node, "children", ()) if child]
    return sorted(needed)
