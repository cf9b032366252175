"""A program's own queries, answered: what `problog program.pl` prints, by our own pipeline."""

from __future__ import annotations

from dataclasses import replace

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.circuit import FALSE, TRUE, Circuit
from gedi_nesy.logic.compiling import compile
from gedi_nesy.logic.formula import TRUE as ALWAYS
from gedi_nesy.logic.formula import Constant, Formula, Learnable, Source
from gedi_nesy.logic.grounding import ground_queries
from gedi_nesy.logic.program import Program


def query_probabilities(program: Program) -> dict[str, float]:
    """The probability of every ground instance of the program's `query/1`, given its evidence.

    Learnable probabilities stand at their start.

    Returns:
        By the text of the ground query; a query without proof has probability 0.

    Raises:
        ProgramError: the program has a neural predicate, asks nothing, contradicts its evidence or cannot be grounded.
    """
    for neural in program.neural_predicates:
        raise ProgramError(
            f"the neural predicate {neural.functor}/{neural.arity} has no probabilities without images;"
            " ask a query template of it instead, with the variables that are images",
            neural.position,
        )
    formula, impossible = ground_queries(program)
    circuit = _compiled(formula)
    values = _node_probabilities(circuit)
    evidence = values[circuit.evidence]
    if evidence == 0:
        raise ProgramError("the evidence has probability 0, so nothing follows from it", program.place_of("evidence"))
    possible = {query: values[root] / evidence for query, root in zip(circuit.queries, circuit.roots, strict=True)}
    return {query: possible.get(query, 0.0) for query in (*formula.queries, *impossible)}


def _compiled(formula: Formula) -> Circuit:
    """The circuit of the answers and of what always holds, since compiling refuses if no answer is possible."""
    return compile(replace(formula, roots=formula.roots | {(): ALWAYS}, queries=(*formula.queries, "true")))


def _node_probabilities(circuit: Circuit) -> dict[int, float]:
    """P of every node of a circuit whose choices all have probabilities of their own."""
    probabilities = [_start(choice.source) for choice in circuit.choices]
    values = {TRUE: 1.0, FALSE: 0.0}
    for number, node in enumerate(circuit.nodes):
        own = probabilities[node.choice]
        values[number] = sum(own[class_index] * values[child] for class_index, child in node.edges)
    return values


def _start(source: Source) -> tuple[float, ...]:
    assert isinstance(source, Constant | Learnable)  # programs with networks are refused
    return source.probabilities if isinstance(source, Constant) else source.initial
