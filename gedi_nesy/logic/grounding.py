"""`Program` and the queries asked of it to `Formula`, by ProbLog's grounder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gedi_nesy.errors import Position, ProgramError
from gedi_nesy.logic import terms
from gedi_nesy.logic.formula import Answer, Formula
from gedi_nesy.logic.probabilities import is_learnable, parameter_arguments
from gedi_nesy.logic.problog_errors import EVIDENCE_ON_IMAGES, TENSOR, problog_errors
from gedi_nesy.logic.program import NeuralPredicate, Program, is_neural
from gedi_nesy.logic.query import QueryTemplate, one_goal, sort_answers
from gedi_nesy.logic.translation import LEARNABLE, NEURAL, Translation, neural_atoms

if TYPE_CHECKING:
    from gedi_nesy.logic.guarded import GuardedDatabase

Roots = Mapping[Answer, tuple[int, str]]  # ProbLog's key and the text of each answer


def ground(program: Program, template: QueryTemplate) -> Formula:
    """The formula of every provable answer of a query.

    Args:
        program: any ProbLog program; the query must not need its tensor-valued neural predicates (nn/3).
        template: its label columns stay open, so each proof found for other labels is an answer.

    Raises:
        ProgramError: the query has no proof, or the program cannot be grounded; with the position where there is one.
    """
    program, template = one_goal(program, template)
    graph = _ground(program, [template.goal()])
    return _formula(program, template.text, template.slots, graph, _answers(program, template, graph))


def ground_queries(program: Program) -> tuple[Formula, tuple[str, ...]]:
    """The formula of the program's own `query/1`, and the text of those queries that have no proof.

    An answer of the formula is the text of a ground query.

    Raises:
        ProgramError: the program asks nothing, or cannot be grounded; with the position where there is one.
    """
    graph = _ground(program, None)
    found = {str(query): key for query, key in graph.queries()}
    if not found and "query/1" not in program.defined:
        raise ProgramError(
            "the program asks nothing; write query(...) for what you want to know", Position(program.source)
        )
    roots: Roots = {(text,): (key, text) for text, key in found.items() if key is not None}
    return _formula(program, "query/1", (), graph, roots), tuple(text for text, key in found.items() if key is None)


def _formula(program: Program, query: str, slots: Sequence[str], graph: Any, roots: Roots) -> Formula:
    evidence = _evidence(program, graph)
    translation = Translation(
        program, query, slots, graph, [*(key for key, _ in roots.values()), *(key for key, _ in evidence)]
    )
    literals = {answer: translation.literal(key) for answer, (key, _) in roots.items()}
    queries = tuple(text for _, text in roots.values())
    return Formula(
        tuple(translation.choices()),
        tuple(translation.nodes),
        literals,
        queries,
        tuple(translation.literal(key) for key, _ in evidence),
        tuple(position for _, position in evidence),
    )


def _ground(program: Program, queries: Sequence[Any] | None) -> Any:
    """ProbLog's ground program as an and-or graph, perhaps with cycles; for the program's own queries if None."""
    database = prepared_database(program)
    with problog_errors(program):
        return database.engine.ground_all(database, queries=queries)


def prepared_database(program: Program) -> GuardedDatabase:
    """The program in ProbLog's database, its directives executed, its neural predicates annotated disjunctions."""
    from problog.program import SimpleProgram

    from gedi_nesy.logic.guarded import GuardedEngine

    rewritten = SimpleProgram()
    rewritten.source_root = str(Path(program.source).parent)
    rewritten.line_info, rewritten.source_files = program.syntax.line_info[:], [program.source]
    num_neural = num_learnable = 0
    for clause in program.clauses:
        clause_heads = terms.heads(clause)
        if is_neural(clause_heads[0]):
            clause = _neural_disjunction(num_neural, clause, program.neural_predicates[num_neural])
            num_neural += 1
        elif any(map(is_learnable, clause_heads)):
            clause = _learnable_disjunction(num_learnable, clause)
            num_learnable += 1
        rewritten.add_clause(clause)
    rewritten.add_clause(_import_of_lists(program))
    with problog_errors(program):
        database: GuardedDatabase = GuardedEngine(program.allow_python).prepare(rewritten)
        return database


def _import_of_lists(program: Program) -> Any:
    """`:- use_module(library(lists))`, as DeepProbLog adds it, without what the program defines itself."""
    from problog.logic import Clause, Term, list2term
    from problog.logic import Constant as Number

    own = [signature.rpartition("/") for signature in program.defined]
    names = list2term([Term("'/'", Term(name), Number(int(arity))) for name, _, arity in own])
    goal = Term("use_module", Term("library", Term("lists")), Term("except", names))
    return Clause(Term("_directive"), goal)


def _neural_disjunction(number: int, clause: Any, neural: NeuralPredicate) -> Any:
    """One head for each class."""
    from problog.logic import Term

    (head,) = terms.heads(clause)
    inputs = head.probability.args[1]
    if neural.is_tensor:  # something stands for the tensor until the translation finds it in use
        return _disjunction(clause, [_choice(_with_output(head, Term(TENSOR)), NEURAL, number, 0, inputs)])
    if neural.domain is None:
        return _disjunction(clause, [_choice(head, NEURAL, number, 1, inputs)])
    values = terms.list_items(head.probability.args[3]) or []
    return _disjunction(
        clause,
        [_choice(_with_output(head, value), NEURAL, number, index, inputs) for index, value in enumerate(values)],
    )


def _with_output(head: Any, value: Any) -> Any:
    """The head of a neural predicate with a value in place of its output."""
    # The inputs may be variables of the body, which the head does not have.
    bare = terms.substitute(head.with_probability(), {head.probability.args[2].name: value})
    return bare.with_probability(head.probability)


def _learnable_disjunction(number: int, clause: Any) -> Any:
    """The clause with every head a class of the same choice."""
    from problog.logic import list2term

    arguments = list2term(parameter_arguments(clause))
    heads = terms.heads(clause)
    return _disjunction(
        clause, [_choice(head, LEARNABLE, number, index, arguments) for index, head in enumerate(heads)]
    )


def _choice(head: Any, kind: str, number: int, class_index: int, arguments: Any) -> Any:
    """The head with a probability that survives grounding."""
    from problog.logic import Constant as Number
    from problog.logic import Term

    location = getattr(head.probability, "location", None) or head.location
    return head.with_probability(Term(kind, Number(number), Number(class_index), arguments, location=location))


def _disjunction(clause: Any, heads: list[Any]) -> Any:
    from problog.logic import AnnotatedDisjunction, Term

    return AnnotatedDisjunction(heads, terms.body(clause) or Term("true"), location=terms.heads(clause)[0].location)


def _answers(program: Program, template: QueryTemplate, graph: Any) -> Roots:
    """Literal key and text of each answer that has a proof, in order."""
    found: dict[Answer, tuple[int, str]] = {}
    for proved, key in graph.queries():
        if key is None:
            continue
        answer = template.answer(proved)
        if answer is None or answer in found:
            fault = "leaves a label open" if answer is None else "is not the only one to read so in a table of labels"
            raise ProgramError(f"the answer {proved} of the query {template.text} {fault}", Position(program.source))
        found[answer] = (key, str(proved))
    if not found:
        raise ProgramError(
            f"the query {template.text} has no proof: no classes of the images make it hold", Position(program.source)
        )
    return sort_answers(found)


def _evidence(program: Program, graph: Any) -> list[tuple[int, Position]]:
    """Keys of what is known to hold, and where the program says so."""
    found = []
    for name, key, value in graph.evidence_all():
        if not value:
            continue
        text = name if value > 0 else -name
        position = program.position(name.location) if name.location else program.place_of("evidence")
        signed = graph.negate(key) if value < 0 else key
        if signed is None:
            raise ProgramError(f"the evidence {text} contradicts the program: it can never hold", position)
        for neural, inputs in neural_atoms(program, graph, signed):
            named = ", ".join(map(str, inputs))
            raise ProgramError(
                f"the evidence {text} asks the network {neural.network} about {named}. {EVIDENCE_ON_IMAGES}", position
            )
        found.append((signed, position))
    return found
