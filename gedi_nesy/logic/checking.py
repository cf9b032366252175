"""What `gedi-nesy program check` tells about a program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gedi_nesy.errors import Position
from gedi_nesy.logic import terms
from gedi_nesy.logic.circuit import Circuit
from gedi_nesy.logic.formula import NeuralSource
from gedi_nesy.logic.grounding import prepared_database
from gedi_nesy.logic.limits import measured_circuit
from gedi_nesy.logic.problog_errors import problog_errors
from gedi_nesy.logic.program import NeuralPredicate, Program
from gedi_nesy.logic.query import QueryTemplate

DECLARATIONS = ("query/1", "evidence/1", "evidence/2")  # predicates that ProbLog itself calls


@dataclass(frozen=True)
class Finding:
    """Something that looks wrong, though the program may run."""

    message: str
    position: Position

    def __str__(self) -> str:
        return f"{self.position}  {self.message}"


@dataclass(frozen=True)
class CircuitSize:
    """What a query template costs.

    Attributes:
        answers: how many instances of the label columns have a proof.
        choices: random variables that the answers depend on.
        nodes: decisions of the circuit.
        edges: products of one evaluation.
        reads: for each network that matters, what it reads: slots, joined by "+" where it reads several at once.
        unread: image slots that no answer depends on.
        ground_seconds: time to ground the query.
        compile_seconds: time to compile the formula.
    """

    answers: int
    choices: int
    nodes: int
    edges: int
    reads: dict[str, tuple[str, ...]]
    unread: tuple[str, ...]
    ground_seconds: float
    compile_seconds: float


@dataclass(frozen=True)
class ProgramReport:
    """A program at a glance.

    Attributes:
        neural_predicates: with networks, domains and positions.
        defined: signatures of the predicates with clauses.
        queries: the `query(...)` terms in the file.
        unused: defined predicates that no clause, query or template calls.
        undefined: calls of predicates that have no clauses, with position.
        disagreeing: neural predicates whose domain has another size than that of their network elsewhere.
        unproved: queries in the file that have no proof; not looked for while predicates are undefined.
        circuit: size and time of the given template's circuit; None without a template.
    """

    neural_predicates: tuple[NeuralPredicate, ...]
    defined: tuple[str, ...]
    queries: tuple[str, ...]
    unused: tuple[str, ...]
    undefined: tuple[Finding, ...]
    disagreeing: tuple[Finding, ...]
    unproved: tuple[Finding, ...]
    circuit: CircuitSize | None


def check(program: Program, template: QueryTemplate | None = None) -> ProgramReport:
    """A report on a parsed program.

    Args:
        program: what to look at.
        template: a query to ground and compile as well.

    Raises:
        ProgramError: the template's query, or one in the file, cannot be grounded or compiled; the former within limits.
    """
    calls = list(_calls(program))
    called = {signature for signature, _ in calls} | {goal.signature for goal in _asked(template)}
    mentioned = _mentioned_atoms(program)
    queries = tuple(str(query) for query, _ in _queries(program))
    undefined = tuple(_undefined(program, calls))
    return ProgramReport(
        program.neural_predicates,
        program.defined,
        queries,
        tuple(
            name
            for name in program.defined
            if name not in called and name not in DECLARATIONS and name.rpartition("/")[0] not in mentioned
        ),
        undefined,
        tuple(_disagreeing(program)),
        tuple(_unproved(program)) if queries and not undefined else (),
        _circuit_size(program, template) if template else None,
    )


def _asked(template: QueryTemplate | None) -> Iterator[Any]:
    """The goals of a query, negated ones too."""
    for goal in template.goals() if template else ():
        yield from terms.goals(goal)


def _circuit_size(program: Program, template: QueryTemplate) -> CircuitSize:
    circuit, seconds = measured_circuit(program, template)
    reads = _reads(circuit, template)
    read = {name for names in reads.values() for joined in names for name in joined.split("+")}
    return CircuitSize(
        len(circuit.answers),
        len(circuit.choices),
        circuit.num_nodes,
        circuit.num_edges,
        reads,
        tuple(slot for slot in template.slots if slot not in read),
        seconds["grounding"],
        seconds["compiling"],
    )


def _reads(circuit: Circuit, template: QueryTemplate) -> dict[str, tuple[str, ...]]:
    """What each network reads, in the order of the slots."""
    sources = {choice.source for choice in circuit.choices if isinstance(choice.source, NeuralSource)}
    reads: dict[str, tuple[str, ...]] = {}
    for source in sorted(sources, key=lambda source: (source.network, source.slots)):
        joined = "+".join(template.slots[slot] for slot in source.slots)
        reads[source.network] = (*reads.get(source.network, ()), joined)
    return reads


def _disagreeing(program: Program) -> Iterator[Finding]:
    first: dict[str, NeuralPredicate] = {}
    for neural in program.neural_predicates:
        known = first.setdefault(neural.network, neural)
        if known.num_classes != neural.num_classes:
            yield Finding(
                f"the network {neural.network} has {neural.num_classes} classes in {neural.functor}/{neural.arity}"
                f" and {known.num_classes} in {known.functor}/{known.arity}",
                neural.position,
            )


def _queries(program: Program) -> Iterator[tuple[Any, Position]]:
    """The term inside each `query(...)`, and where it stands."""
    for clause in program.clauses:
        for head in terms.heads(clause):
            if head.signature == "query/1":
                yield head.args[0], program.position(head.location)


def _unproved(program: Program) -> Iterator[Finding]:
    database = prepared_database(program)
    for query, position in _queries(program):
        if query.is_var():
            continue  # the rule `query(X) :- ...` says what X is
        with problog_errors(program):
            ground_program = database.engine.ground_all(database, queries=[query], evidence=[])
        if all(key is None for _, key in ground_program.queries()):
            yield Finding(f"the query {query} has no proof, so its probability is 0", position)


def _calls(program: Program) -> Iterator[tuple[str, Position]]:
    """Signature and position of every goal, those inside queries and evidence included."""
    for clause in program.clauses:
        found = list(terms.goals(terms.body(clause)))
        for head in terms.heads(clause):
            if head.signature in DECLARATIONS:
                found += terms.goals(head.args[0])
        for goal in found:
            location = goal.location if goal.location and goal.location[1] is not None else clause.location
            yield goal.signature, program.position(location)


def _mentioned_atoms(program: Program) -> set[str]:
    """Names that stand as an argument of some goal, where `maplist` and its kin may call them."""
    stack = [
        argument for clause in program.clauses for goal in terms.goals(terms.body(clause)) for argument in goal.args
    ]
    names = set()
    while stack:
        term = stack.pop()
        if terms.is_compound(term):
            names.add(str(term.functor))
            stack.extend(term.args)
    return names


def _undefined(program: Program, calls: list[tuple[str, Position]]) -> Iterator[Finding]:
    database = prepared_database(program)
    for signature, position in calls:
        if signature not in program.defined and not database.is_defined(signature):
            hint = program.suggest(signature)
            yield Finding(f"{signature} is called but nothing defines it.{hint}", position)
