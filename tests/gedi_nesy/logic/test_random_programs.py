"""Random programs agree with the definition of ProbLog's semantics, written out literally below."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import problog  # noqa: F401  (raises the recursion limit when imported, which hypothesis does not like inside a test)
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.answering import query_probabilities
from gedi_nesy.logic.compiling import compile
from gedi_nesy.logic.evaluation import CircuitEvaluator
from gedi_nesy.logic.grounding import ground_queries
from gedi_nesy.logic.program import parse

Literal = tuple[bool, str]


@dataclass(frozen=True)
class Clause:
    """`p1::h1; p2::h2 :- body`; a probability is as written, a rule has the single probability 1."""

    heads: tuple[tuple[str, str], ...]  # text of the probability, atom
    body: tuple[Literal, ...] = ()

    def __str__(self):
        heads = "; ".join(atom if text == "1" else f"{text}::{atom}" for text, atom in self.heads)
        body = ", ".join(atom if sign else f"\\+{atom}" for sign, atom in self.body)
        return f"{heads} :- {body}." if body else f"{heads}."

    def probabilities(self):
        """Of each head; `t(p)` starts at p, `t(_)` at an equal share of what is left, alone with "none" as one more."""
        given = [float(text.removeprefix("t(").removesuffix(")")) if text != "t(_)" else None for text, _ in self.heads]
        learnable = sum(text.startswith("t(") for text, _ in self.heads)
        left = 1 - sum(p for p in given if p is not None)
        share = left / max(given.count(None), 2 if learnable == 1 else 1)
        return [share if p is None else p for p in given]


@dataclass(frozen=True)
class Case:
    """Levels of clauses, negation only of atoms of earlier levels; what is known; what is asked."""

    levels: tuple[tuple[Clause, ...], ...]
    evidence: tuple[Literal, ...]
    queries: tuple[str, ...]

    def __str__(self):
        lines = [str(clause) for level in self.levels for clause in level]
        lines += [f"evidence({'' if sign else chr(92) + '+'}{atom})." for sign, atom in self.evidence]
        return "\n".join(lines + [f"query({atom})." for atom in self.queries])

    def answers(self):
        """P(query | evidence) by going through every world; None if the evidence is impossible."""
        clauses = [clause for level in self.levels for clause in level]
        options = [[*enumerate(clause.probabilities())] for clause in clauses]
        options = [[*some, (None, max(0.0, 1 - math.fsum(p for _, p in some)))] for some in options]
        totals, evidence = dict.fromkeys(self.queries, 0.0), 0.0
        for world in itertools.product(*options):
            weight = math.prod(p for _, p in world)
            true = self._model({clause: index for clause, (index, _) in zip(map(id, clauses), world, strict=True)})
            if weight and all((atom in true) == sign for sign, atom in self.evidence):
                evidence += weight
                for query in self.queries:
                    totals[query] += weight * (query in true)
        return {query: total / evidence for query, total in totals.items()} if evidence else None

    def _model(self, chosen):
        """The least model, level by level, of the heads that the clauses have drawn."""
        true = set()
        for level in self.levels:
            drawn = [
                (clause.heads[chosen[id(clause)]][1], clause.body) for clause in level if chosen[id(clause)] is not None
            ]
            while new := {h for h, body in drawn if all((a in true) == sign for sign, a in body)} - true:
                true |= new
        return true


FACT = st.sampled_from(["0.0", "0.1", "0.5", "1.0", "t(_)", "t(0.3)"])
SPLIT = st.sampled_from(
    [("0.2", "0.3"), ("0.5", "0.5"), ("0.0", "0.6"), ("0.3", "0.3", "0.4"), ("t(_)", "0.4"), ("t(_)", "t(0.2)", "0.1")]
)


@st.composite
def cases(draw):
    def body(positive, any_sign, smallest=1):
        literals = [(True, draw(st.sampled_from(positive)))] if positive and draw(st.booleans()) else []
        for _ in range(draw(st.integers(0 if literals else smallest, 2))):
            literals.append((draw(st.booleans()), draw(st.sampled_from(any_sign))))
        return tuple(literals)

    atoms, levels = [], []
    for number in range(draw(st.integers(1, 3))):
        levels.append((Clause(((draw(FACT), f"f{number}"),)),))
        atoms.append(f"f{number}")
    for number in range(draw(st.integers(0, 2))):
        heads = tuple((text, f"d{number}{index}") for index, text in enumerate(draw(SPLIT)))
        levels.append((Clause(heads, body([], atoms, smallest=0)),))
        atoms += [atom for _, atom in heads]
    rules = ("p0", "p1", "p2")
    weight = st.sampled_from(["1", "1", "1", "0.6", "t(_)"])
    levels.append(tuple(Clause(((draw(weight), rule),), body(rules, atoms)) for rule in rules for _ in range(2)))
    levels.append((Clause((("1", "r"),), body([], [*atoms, *rules])),))
    known = draw(st.lists(st.tuples(st.booleans(), st.sampled_from([*atoms, *rules])), max_size=2))
    return Case(tuple(levels), tuple(known), (*rules, "r", atoms[0]))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(cases())
def test_answers_are_those_of_all_worlds(case):
    expected = case.answers()
    if expected is None:
        with pytest.raises(ProgramError, match="evidence"):
            query_probabilities(parse(str(case)))
    else:
        assert query_probabilities(parse(str(case))) == pytest.approx(expected, abs=1e-9), str(case)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(cases(), st.integers(0, 2**32))
def test_gradients_are_finite_at_zero_and_one_and_a_batch_is_its_examples(case, seed):
    try:
        circuit = compile(ground_queries(parse(str(case)))[0])
    except ProgramError:  # nothing is possible, or nothing is asked that chance decides
        return
    generator = torch.Generator().manual_seed(seed)
    columns = [torch.randn(choice.num_classes, 4, generator=generator).softmax(0) for choice in circuit.choices]
    for column in columns:  # two of the examples are certain of everything
        column[:, :2] = torch.nn.functional.one_hot(column[:, :2].argmax(0), len(column)).T
    if not columns:
        return
    evaluator = CircuitEvaluator(circuit, roots=(*circuit.roots, circuit.evidence))
    leaf = torch.cat(columns).double().log().requires_grad_()
    batch = evaluator(leaf)
    (gradient,) = torch.autograd.grad(batch.sum(), leaf)
    assert gradient.isfinite().all()
    for index in range(4):
        torch.testing.assert_close(evaluator(leaf[:, index : index + 1])[:, 0], batch[:, index])
