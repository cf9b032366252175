"""Second routes to the probabilities of a program: ProbLog itself, and enumeration of all worlds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import pytest
import torch

from gedi_nesy.logic.circuit import Circuit
from gedi_nesy.logic.compiling import compile
from gedi_nesy.logic.evaluation import CircuitEvaluator
from gedi_nesy.logic.formula import And, Answer, Atom, Choice, Constant, Formula
from gedi_nesy.logic.grounding import ground
from gedi_nesy.logic.program import parse
from gedi_nesy.logic.query import QueryTemplate

Probabilities = dict[Answer, float]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def formula_of() -> Callable[..., Formula]:
    """Program text, query text and roles to a formula."""

    def build(text: str, query: str, roles: Mapping[str, str] | None = None) -> Formula:
        return ground(parse(text), QueryTemplate.parse(query, roles or {}))

    return build


def _weights(choice: Choice, class_probs: Sequence[Sequence[float]]) -> Sequence[float]:
    return choice.source.probabilities if isinstance(choice.source, Constant) else class_probs[choice.source.slots[0]]


@pytest.fixture
def evaluate() -> Callable[[Circuit, Sequence[Sequence[float]]], Probabilities]:
    """P of each answer by the circuit in float64, given class probabilities for each slot."""

    def run(circuit: Circuit, class_probs: Sequence[Sequence[float]] = ()) -> Probabilities:
        rows = [p for choice in circuit.choices for p in _weights(choice, class_probs)]
        output = CircuitEvaluator(circuit, roots=[*circuit.roots, circuit.evidence])(
            torch.tensor(rows, dtype=torch.float64).log().unsqueeze(1)
        )
        values = (output[:-1] - output[-1]).exp().squeeze(1).tolist()
        return dict(zip(circuit.answers, values, strict=True))

    return run


@pytest.fixture
def enumerate_worlds() -> Callable[[Formula, Sequence[Sequence[float]]], Probabilities]:
    """P of each answer by going through every assignment of classes to choices."""

    def run(formula: Formula, class_probs: Sequence[Sequence[float]] = ()) -> Probabilities:
        totals = dict.fromkeys(formula.roots, 0.0)
        evidence = 0.0
        for world in itertools.product(*(range(choice.num_classes) for choice in formula.choices)):
            weight = 1.0
            for choice, index in zip(formula.choices, world, strict=True):
                weight *= _weights(choice, class_probs)[index]
            holds = _literal_values(formula, world)
            if all(holds(key) for key in formula.evidence):
                evidence += weight
                for answer, key in formula.roots.items():
                    totals[answer] += weight * holds(key)
        return {answer: total / evidence for answer, total in totals.items()}

    return run


def _literal_values(formula: Formula, world: Sequence[int]) -> Callable[[int], bool]:
    """Whether a literal has a proof in a world: one that does not lean on what it proves."""

    def holds(key: int, leaning_on: frozenset[int] = frozenset()) -> bool:
        if key <= 0:
            return key == 0 or not holds(-key)
        node = formula.nodes[key - 1]
        if isinstance(node, Atom):
            return world[node.choice] == node.class_index
        if key in leaning_on:
            return False
        return (all if isinstance(node, And) else any)(holds(below, leaning_on | {key}) for below in node.literals)

    return holds


@pytest.fixture
def problog() -> Callable[[str], dict[str, float]]:
    """ProbLog's own answers to the queries in a program."""
    from problog import get_evaluatable
    from problog.program import PrologString

    def run(text: str) -> dict[str, float]:
        results = get_evaluatable().create_from(PrologString(text)).evaluate()
        return {str(term): float(value) for term, value in results.items()}

    return run


@pytest.fixture
def compiled(formula_of: Callable[..., Formula]) -> Callable[..., Circuit]:
    """Program text, query text and roles to a circuit."""
    return lambda *arguments: compile(formula_of(*arguments))
