"""Answers as functions of the images' classes alone: a circuit without the program's own chance, where that decides nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from gedi_nesy.errors import Position, ProgramError
from gedi_nesy.logic.circuit import FALSE, TRUE, Circuit
from gedi_nesy.logic.compiling import compile
from gedi_nesy.logic.explaining import explain, uniform
from gedi_nesy.logic.formula import TRUE as ALWAYS
from gedi_nesy.logic.formula import And, Answer, Atom, Formula, NeuralSource, Or
from gedi_nesy.logic.naming import answer_text
from gedi_nesy.logic.query import QueryTemplate

HOLDS, FAILS, BOTH = "holds", "fails", "both"


class CircuitNodes:
    """The nodes of a circuit as nodes of a formula, to which others can be added.

    Args:
        circuit: what to take them from.
        hidden: choices that the formula does not have; a node holds if it does for one of their possible classes.

    Attributes:
        literals: of each node of the circuit.
        atoms: the literal of each choice and class.
        never: the literal that never holds.
    """

    def __init__(self, circuit: Circuit, hidden: Collection[int] = ()) -> None:
        self._circuit = circuit
        self._nodes: list[Atom | And | Or] = []
        self.atoms = {
            (level, value): self.add(Atom(level, value))
            for level, choice in enumerate(circuit.choices)
            for value in range(choice.num_classes)
        }
        self.never = self.add(And((1, -1)))
        self.literals = {TRUE: ALWAYS, FALSE: self.never}
        own = uniform(circuit)
        for number, node in enumerate(circuit.nodes):
            edges = [(value, self.literals[child]) for value, child in node.edges if own[node.choice][value] > 0]
            if node.choice not in hidden:
                edges = [(value, self.add(And((self.atoms[node.choice, value], rest)))) for value, rest in edges]
            self.literals[number] = self.add(Or(tuple(literal for _, literal in edges)))

    def add(self, node: Atom | And | Or) -> int:
        """The literal of a new node."""
        self._nodes.append(node)
        return len(self._nodes)

    def formula(self, roots: Mapping[Answer, int], evidence: tuple[int, ...] = ()) -> Formula:
        """The formula of some literals."""
        return Formula(self._circuit.choices, tuple(self._nodes), dict(roots), tuple(map(answer_text, roots)), evidence)


def settled(circuit: Circuit, template: QueryTemplate) -> Circuit:
    """The same answers over the choices of networks.

    Chance decides nothing if an answer holds, whatever the classes are, for every outcome that the evidence leaves possible
    or for none: the evidence may say what came out, or all outcomes come to the same.

    Raises:
        ProgramError: chance decides an answer; with classes for which it does.
    """
    if all(isinstance(choice.source, NeuralSource) for choice in circuit.choices):
        return circuit
    compiled = compile(_outcomes(_with_opposites(circuit)))
    for (kind, *answer), root in zip(compiled.answers, compiled.roots, strict=True):
        if kind == BOTH:
            raise _undecided(circuit, template, tuple(answer), _classes(compiled, root))
    return replace(compiled, answers=tuple(answer[1:] for answer in compiled.answers))


def _with_opposites(circuit: Circuit) -> Circuit:
    """For each answer that it holds, and that the evidence holds without it."""
    nodes, roots = CircuitNodes(circuit), dict[Answer, int]()
    for answer, root in zip(circuit.answers, circuit.roots, strict=True):
        holds = nodes.literals[root]
        fails = nodes.add(And((nodes.literals[circuit.evidence], -holds)))
        roots |= {(HOLDS, *answer): holds, (FAILS, *answer): fails}
    return compile(nodes.formula(roots))


def _outcomes(circuit: Circuit) -> Formula:
    """For each answer that it holds for some outcome of chance, and that it holds for some and fails for some."""
    is_chance = [not isinstance(choice.source, NeuralSource) for choice in circuit.choices]
    nodes = CircuitNodes(circuit, [index for index, hidden in enumerate(is_chance) if hidden])
    literal_of = {answer: nodes.literals[root] for answer, root in zip(circuit.answers, circuit.roots, strict=True)}
    roots = dict[Answer, int]()
    for kind, *answer in circuit.answers:
        if kind == HOLDS:
            holds, fails = literal_of[HOLDS, *answer], literal_of.get((FAILS, *answer), nodes.never)
            roots |= {(HOLDS, *answer): holds, (BOTH, *answer): nodes.add(And((holds, fails)))}
    return nodes.formula(roots)


def _classes(circuit: Circuit, node: int) -> dict[NeuralSource, int]:
    """Some classes for which a node holds, as far as it tests them."""
    classes = {}
    while node != TRUE:
        source = circuit.choices[circuit.nodes[node].choice].source
        assert isinstance(source, NeuralSource)
        classes[source], node = circuit.nodes[node].edges[0]
    return classes


def _undecided(
    circuit: Circuit, template: QueryTemplate, answer: Answer, classes: Mapping[NeuralSource, int]
) -> ProgramError:
    """The refusal of chance that decides an answer for these classes."""
    probabilities, names = uniform(circuit), []
    for index, choice in enumerate(circuit.choices):
        if isinstance(choice.source, NeuralSource):
            value = classes.get(choice.source, 0)
            probabilities[index] = [float(number == value) for number in range(choice.num_classes)]
            names.append(f"{'+'.join(template.slots[slot] for slot in choice.source.slots)} = {choice.classes[value]}")
    probability = explain(circuit, template, probabilities, answer).probabilities[answer]
    asked = f"the answer {','.join(answer)}" if answer else "the query"
    for_classes = f"for {', '.join(names)} " if names else ""
    return ProgramError(
        "shortcuts are counted for programs in which the classes of the images decide every answer;"
        f" {for_classes}{asked} has probability {probability:.4g}, which the program leaves to chance. Count for a copy"
        " in which what it calls probable is certain, or has evidence",
        Position(f"query {template.text}"),
    )
