"""Training examples of a query, as far as the classes of their images go: every reading, or some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Literal, TypeAlias

from gedi_nesy.errors import Position, ProgramError
from gedi_nesy.logic.circuit import FALSE, TRUE, Circuit, Node
from gedi_nesy.logic.class_maps import ReadClass
from gedi_nesy.logic.compiling import compile
from gedi_nesy.logic.formula import And, Answer, Choice, Formula, NeuralSource, Or
from gedi_nesy.logic.query import QueryTemplate, find_answer
from gedi_nesy.logic.settled import CircuitNodes, settled

ALL: Literal["all"] = "all"
DISTINCT: Literal["distinct"] = "distinct"


@dataclass(frozen=True)
class Reading:
    """The true classes of an example's images.

    Attributes:
        classes: of each slot, by name.
        answer: the answer that the example states; None for every answer that the classes prove.
        position: where the reading is written.
    """

    classes: Mapping[str, int]
    answer: Answer | None = None
    position: Position | None = None


Support: TypeAlias = Literal["all", "distinct"] | Sequence[Reading]


@dataclass(frozen=True)
class Training:
    """Examples of a query as nodes of a circuit.

    Attributes:
        circuit: its choices are those of the answers.
        roots: for each answer the node of the examples that have it, and the node of the answer.
        networks: which network makes each choice.
        sizes: number of classes of each network.
    """

    circuit: Circuit
    roots: tuple[tuple[int, int], ...]
    networks: tuple[str, ...]
    sizes: Mapping[str, int]

    @cached_property
    def edges(self) -> list[dict[int, int]]:
        """For each node of the circuit the child after each class."""
        return [dict(node.edges) for node in self.circuit.nodes]

    def classes(self) -> list[ReadClass]:
        """The classes of all networks."""
        return [ReadClass(network, index) for network, size in self.sizes.items() for index in range(size)]

    def seen(self) -> set[ReadClass]:
        """The classes that some example has; a slot that an answer does not look at may have any."""
        seen: set[ReadClass] = set()
        todo, done = [(0, given) for given, _ in self.roots if given != FALSE], set[tuple[int, int]]()
        while todo:
            level, node = todo.pop()
            if level == len(self.networks) or (level, node) in done:
                continue
            done.add((level, node))
            network = self.networks[level]
            is_tested = node >= 0 and self.circuit.nodes[node].choice == level
            edges = (
                self.circuit.nodes[node].edges if is_tested else [(value, node) for value in range(self.sizes[network])]
            )
            seen.update(ReadClass(network, value) for value, _ in edges)
            todo += [(level + 1, child) for _, child in edges]
        return seen


def training(circuit: Circuit, template: QueryTemplate, support: Support) -> Training:
    """The examples of a support.

    Raises:
        ProgramError: labels of images could not make such examples, or the support has none.
    """
    circuit = settled(circuit, template)
    slots = _slots(circuit, template)
    if support == ALL:
        return _training(circuit, tuple((root, root) for root in circuit.roots))
    formula = _Restriction(circuit, template, slots)
    restricted = formula.distinct() if isinstance(support, str) else formula.readings(support)
    compiled = compile(formula.formula(restricted))
    root_of = dict(zip(compiled.answers, compiled.roots, strict=True))
    roots = [
        (root_of["given", *answer], root_of["read", *answer])
        for answer in circuit.answers
        if ("given", *answer) in root_of
    ]
    if not roots:
        fault = "there is no example" if support != DISTINCT else "no proof has classes that all differ"
        raise ProgramError(f"the support leaves nothing to learn from: {fault}", Position(f"query {template.text}"))
    return _training(compiled, tuple(roots))


def _training(circuit: Circuit, roots: tuple[tuple[int, int], ...]) -> Training:
    networks = tuple(_source(circuit, index).network for index in range(len(circuit.choices)))
    sizes = {network: choice.num_classes for network, choice in zip(networks, circuit.choices, strict=True)}
    return Training(circuit, roots, networks, sizes)


def joined(parts: Sequence[Training]) -> Training:
    """Examples of several queries of one program as nodes of one circuit, in which each query has choices of its own."""
    if len(parts) == 1:
        return parts[0]
    choices, nodes, roots = list[Choice](), list[Node](), list[tuple[int, int]]()
    for part in parts:
        level, first = len(choices), len(nodes)
        choices += part.circuit.choices
        for node in part.circuit.nodes:
            edges = tuple((value, _moved(child, first)) for value, child in node.edges)
            nodes.append(Node(node.choice + level, edges))
        roots += [(_moved(given, first), _moved(read, first)) for given, read in part.roots]
    circuit = Circuit(tuple(choices), tuple(nodes), (), (), TRUE, TRUE, ())
    networks = tuple(network for part in parts for network in part.networks)
    sizes = {network: size for part in parts for network, size in part.sizes.items()}
    return Training(circuit, tuple(roots), networks, sizes)


def _moved(node: int, distance: int) -> int:
    return node if node < 0 else node + distance


class _Restriction:
    """A formula of a circuit's answers and of the examples that have them."""

    def __init__(self, circuit: Circuit, template: QueryTemplate, slots: Sequence[int]) -> None:
        self._circuit, self._template, self._slots = circuit, template, slots
        self._nodes = CircuitNodes(circuit)
        self._atoms, self._add = self._nodes.atoms, self._nodes.add
        self._answers = [self._nodes.literals[root] for root in circuit.roots]

    def formula(self, given: Sequence[int]) -> Formula:
        """Roots: the answers, then the examples of each."""
        answers = self._circuit.answers
        roots = {("read", *answer): key for answer, key in zip(answers, self._answers, strict=True)}
        roots |= {("given", *answer): key for answer, key in zip(answers, given, strict=True)}
        # Evidence that always holds keeps choices that decide nothing.
        atoms = tuple(self._atoms.values())
        anything = self._add(Or((*atoms, *(-atom for atom in atoms))))
        return self._nodes.formula(roots, (anything,))

    def distinct(self) -> list[int]:
        """Examples in which no two images that one network reads have the same class."""
        same = [
            self._add(And((self._atoms[first, value], self._atoms[second, value])))
            for first, second in combinations(range(len(self._circuit.choices)), 2)
            if _source(self._circuit, first).network == _source(self._circuit, second).network
            for value in range(self._circuit.choices[first].num_classes)
        ]
        return [self._add(And((answer, *(-literal for literal in same)))) for answer in self._answers]

    def readings(self, readings: Sequence[Reading]) -> list[int]:
        """Some examples alone."""
        given: list[list[int]] = [[] for _ in self._answers]
        for reading in readings:
            classes = [reading.classes[self._template.slots[slot]] for slot in self._slots]
            key = self._add(And(tuple(self._atoms[level, value] for level, value in enumerate(classes))))
            for number in self._answers_of(reading, classes):
                given[number].append(key)
        return [self._balanced(keys) for keys in given]

    def _answers_of(self, reading: Reading, classes: Sequence[int]) -> list[int]:
        """The answers that a reading stands with; ProgramError if it proves none, or not its own."""
        answers = self._circuit.answers
        stated = None if reading.answer is None else find_answer(answers, reading.answer)
        proved = [
            number
            for number, root in enumerate(self._circuit.roots)
            if _holds(self._circuit, root, classes) and (reading.answer is None or answers[number] == stated)
        ]
        if not proved:
            said = "no answer" if reading.answer is None else f"not the answer {','.join(reading.answer)}"
            names = _classes_text(self._circuit, self._template, classes)
            raise ProgramError(
                f"the classes ({names}) prove {said} of the query {self._template.text}", reading.position
            )
        return proved

    def _balanced(self, keys: list[int]) -> int:
        """The disjunction as a tree, whose diagrams are joined while they are small."""
        while len(keys) > 1:
            keys = [self._add(Or(tuple(keys[start : start + 2]))) for start in range(0, len(keys), 2)]
        return keys[0] if keys else self._nodes.never


def _classes_text(circuit: Circuit, template: QueryTemplate, classes: Sequence[int]) -> str:
    """Such as `A = 3, B = 4`."""
    names = [template.slots[_source(circuit, level).slots[0]] for level in range(len(classes))]
    values = [choice.classes[value] for choice, value in zip(circuit.choices, classes, strict=True)]
    return ", ".join(f"{name} = {value}" for name, value in zip(names, values, strict=True))


def _holds(circuit: Circuit, node: int, classes: Sequence[int]) -> bool:
    while node >= 0:
        choice, edges = circuit.nodes[node].choice, dict(circuit.nodes[node].edges)
        node = edges.get(classes[choice], FALSE)
    return node == TRUE


def _slots(circuit: Circuit, template: QueryTemplate) -> list[int]:
    """The slot that each choice reads; ProgramError unless each choice is a network's for one image."""
    sources = [choice.source for choice in circuit.choices]
    fault = None
    if wide := [source for source in sources if isinstance(source, NeuralSource) and len(source.slots) > 1]:
        fault = f"the network {wide[0].network} reads several images at once"
    elif len(set(sources)) < len(sources):
        fault = "the program makes two choices for one image"
    elif not sources:
        fault = "its answers depend on no image"
    if fault:
        raise ProgramError(
            f"shortcuts are counted for programs in which each image has one class for each network; {fault}",
            Position(f"query {template.text}"),
        )
    return [_source(circuit, level).slots[0] for level in range(len(sources))]


def _source(circuit: Circuit, level: int) -> NeuralSource:
    source = circuit.choices[level].source
    assert isinstance(source, NeuralSource)
    return source
