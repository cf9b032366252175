"""A compiled formula: an ordered decision diagram over categorical choices, as plain immutable data.

A node tests one choice and has an edge for each class under which it can still hold. Along any path the choices come
in one fixed order, each at most once, and the classes of a node exclude one another. So edges multiply independent
events and nodes add exclusive ones: probabilities are exact. A choice that a path skips may take any class; as its
probabilities sum to 1 it contributes a factor of 1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from gedi_nesy.logic.formula import Answer, Choice, Constant, Learnable, NeuralSource

FALSE, TRUE = -2, -1  # terminals, where other children are positions in `nodes`


@dataclass(frozen=True)
class Node:
    """The value of a choice decides: each edge is a class and the child to go on with; other classes are false."""

    choice: int
    edges: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Circuit:
    """Several queries as roots of one shared diagram.

    Attributes:
        choices: the random variables that nodes test.
        nodes: children stand before their parents.
        answers: what each root says; the labels of a template.
        roots: for each answer, the node of "this answer and the evidence".
        evidence: the node of the evidence; TRUE without any. P(answer) = P(root) / P(evidence).
        any_answer: the node of "some answer, and the evidence".
        queries: the ground query of each answer as ProbLog text.
        complements: for each answer, the node of "not this answer, and the evidence"; empty unless compiled for.
    """

    choices: tuple[Choice, ...]
    nodes: tuple[Node, ...]
    answers: tuple[Answer, ...]
    roots: tuple[int, ...]
    evidence: int
    any_answer: int
    queries: tuple[str, ...]
    complements: tuple[int, ...] = ()

    @property
    def num_nodes(self) -> int:
        """How many decisions the diagram holds."""
        return len(self.nodes)

    @property
    def num_edges(self) -> int:
        """How many products an evaluation takes."""
        return sum(len(node.edges) for node in self.nodes)

    def to_json(self) -> str:
        """The circuit as text, for a cache."""
        nodes = [(node.choice, node.edges) for node in self.nodes]  # asdict takes eight times as long
        return json.dumps(asdict(replace(self, nodes=())) | {"nodes": nodes}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Circuit:
        """The circuit of `to_json`; ValueError, KeyError or TypeError for any other text."""
        data = json.loads(text)
        return cls(
            choices=tuple(_choice(**item) for item in data["choices"]),
            nodes=tuple(Node(choice, _pairs(edges)) for choice, edges in data["nodes"]),
            answers=tuple(tuple(answer) for answer in data["answers"]),
            roots=tuple(data["roots"]),
            evidence=data["evidence"],
            any_answer=data["any_answer"],
            queries=tuple(data["queries"]),
            complements=tuple(data["complements"]),
        )


def _pairs(items: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    return tuple((first, second) for first, second in items)


def _choice(source: dict[str, object], num_classes: int, classes: Iterable[str]) -> Choice:
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in source.items()}
    kind = NeuralSource if "network" in fields else Learnable if "initial" in fields else Constant
    return Choice(kind(**fields), num_classes, tuple(classes))  # type: ignore[arg-type]
