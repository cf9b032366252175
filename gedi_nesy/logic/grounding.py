"""`Program` and `QueryTemplate` to `Formula`, by ProbLog's grounder."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gedi_nesy.errors import Position, ProgramError
from gedi_nesy.logic import terms
from gedi_nesy.logic.formula import And, Answer, Atom, Choice, Constant, Formula, NeuralSource, Or
from gedi_nesy.logic.program import PROBABILITY_SLACK, NeuralPredicate, Program, is_neural
from gedi_nesy.logic.query import SLOT, QueryTemplate, check_template, sort_answers
from gedi_nesy.logic.recursion import deep_recursion

if TYPE_CHECKING:
    from gedi_nesy.logic.guarded import GuardedDatabase

# The probability of a neural head in the ground program: neural choice(predicate number, inputs, class).
NEURAL = "neural choice"
ROUNDING = 1e-12  # a rest class less likely than this is an artefact of adding floats


def ground(program: Program, template: QueryTemplate) -> Formula:
    """The formula of every provable answer of a query.

    Args:
        program: any ProbLog program without tensor-valued neural predicates (nn/3).
        template: its label columns stay open, so each proof found for other labels is an answer.

    Raises:
        ProgramError: the query has no proof, or the program cannot be grounded; with the position where there is one.
    """
    check_template(program, template)
    _refuse_tensor_predicates(program)
    with _problog_errors(program):
        dag = _ground_acyclic(program, template)
    reader = _DagReader(program, template, dag)
    roots = _answers(program, template, dag)
    nodes = {answer: reader.literal(key) for answer, (key, _) in roots.items()}
    evidence = tuple(reader.literal(key) for key in _evidence(program, dag))
    queries = tuple(text for _, text in roots.values())
    return Formula(tuple(reader.choices()), tuple(reader.nodes), nodes, queries, evidence)


def _refuse_tensor_predicates(program: Program) -> None:
    for neural in program.neural_predicates:
        if neural.is_tensor:
            raise ProgramError(
                f"the neural predicate {neural.functor}/{neural.arity} has a tensor as its output (nn/3),"
                " which a constraint over class probabilities cannot use; write nn/4 with the domain of its classes",
                neural.position,
            )


@contextmanager
def _problog_errors(program: Program) -> Iterator[None]:
    """Turn whatever ProbLog raises into a ProgramError with position."""
    from problog.core import ProbLogError

    try:
        yield
    except ProbLogError as error:
        raise ProgramError(_explain(program, error), program.position(getattr(error, "location", None))) from error
    except RecursionError as error:
        raise ProgramError(
            "grounding recurses too deeply; does a recursion lack its end?", Position(program.source)
        ) from error


def _explain(program: Program, error: Any) -> str:
    """ProbLog's message, or a plainer one for what users meet most."""
    kind = type(error).__name__
    if kind == "UnknownClause":
        return f"{error.signature} is called but nothing defines it.{program.suggest(error.signature)}"
    if kind == "NegativeCycle":
        return "a predicate depends on its own negation, which has no meaning in ProbLog"
    if kind == "NonGroundProbabilisticClause":
        return "a probabilistic clause still has variables once its body holds; the body must bind all of them"
    return str(getattr(error, "base_message", None) or error).strip().rstrip(".")


def _ground_acyclic(program: Program, template: QueryTemplate) -> Any:
    """ProbLog's ground program as an and-or graph whose cycles are broken."""
    from problog.formula import LogicDAG

    database = prepared_database(program)
    cyclic = database.engine.ground_all(database, queries=[template.goal()])
    with deep_recursion():  # cycles are broken recursively, one frame a node of the longest path
        return LogicDAG.create_from(cyclic)


def prepared_database(program: Program) -> GuardedDatabase:
    """The program in ProbLog's database, its directives executed, its neural predicates annotated disjunctions."""
    from problog.program import SimpleProgram

    from gedi_nesy.logic.guarded import GuardedEngine

    rewritten = SimpleProgram()
    rewritten.line_info, rewritten.source_files = program.syntax.line_info[:], [program.source]
    number = 0
    for clause in program.clauses:
        head = terms.heads(clause)[0]
        if is_neural(head):
            clause = _neural_disjunction(number, head, terms.body(clause), program.neural_predicates[number])
            number += 1
        rewritten.add_clause(clause)
    rewritten.add_clause(_import_of_lists(program))
    with _problog_errors(program):
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


def _neural_disjunction(number: int, head: Any, body: Any | None, neural: NeuralPredicate) -> Any:
    """One head for each class, its probability replaced by a term that survives grounding."""
    from problog.logic import AnnotatedDisjunction, Term
    from problog.logic import Constant as Number

    inputs = head.probability.args[1]

    def choice(class_index: int) -> Any:
        return Term(NEURAL, Number(number), Number(class_index), inputs, location=head.probability.location)

    if neural.domain is None:
        class_heads = [head.with_probability(choice(1))]
    else:
        output, values = head.probability.args[2:]
        class_heads = [
            terms.substitute(head.with_probability(), {output.name: value}).with_probability(choice(index))
            for index, value in enumerate(terms.list_items(values) or [])
        ]
    return AnnotatedDisjunction(class_heads, body or Term("true"), location=head.location)


def _answers(program: Program, template: QueryTemplate, dag: Any) -> dict[Answer, tuple[int, str]]:
    """Literal key and text of each answer that has a proof, in order."""
    found: dict[Answer, tuple[int, str]] = {}
    for proved, key in dag.queries():
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


def _evidence(program: Program, dag: Any) -> list[int]:
    """Keys of what is known to hold."""
    evidence = dag.evidence()
    for name, key in evidence:
        if key is None:
            raise ProgramError(
                f"the evidence {name} contradicts the program: it can never hold", Position(program.source)
            )
    return [key for _, key in evidence]


class _DagReader:
    """Translates ProbLog's ground program node by node, collecting the choices its atoms belong to."""

    def __init__(self, program: Program, template: QueryTemplate, dag: Any) -> None:
        self.program, self.template = program, template
        self.nodes: list[Atom | And | Or] = []
        self._key: dict[int, int] = {}
        self._choice_of_group: dict[Any, int] = {}
        self._choices: list[NeuralSource | list[float]] = []
        self._num_classes: list[int] = []
        for key, node, kind in dag:
            # ProbLog adds an atom for "none of these" to a group of two or more; our choices have that class anyway.
            if kind == "atom" and node.is_extra:
                continue
            if kind == "atom":
                self.nodes.append(self._atom(node))
            else:
                self.nodes.append((And if kind == "conj" else Or)(tuple(map(self.literal, node.children))))
            self._key[key] = len(self.nodes)

    def literal(self, key: int) -> int:
        """ProbLog's signed key as ours; 0 is true in both."""
        return (1 if key > 0 else -1) * self._key[abs(key)] if key else 0

    def choices(self) -> Iterator[Choice]:
        """Every choice; those with fixed probabilities get a last class for whatever their atoms leave over."""
        for source, num_classes in zip(self._choices, self._num_classes, strict=True):
            if isinstance(source, NeuralSource):
                yield Choice(source, num_classes)
            else:
                rest = 1 - math.fsum(source)
                probabilities = (*source, rest) if rest > ROUNDING else tuple(source)
                yield Choice(Constant(probabilities), len(probabilities))

    def _atom(self, node: Any) -> Atom:
        # An atom without a group is a fact: a choice of its own.
        group = node.identifier if node.group is None else node.group
        if terms.is_compound(node.probability) and node.probability.functor == NEURAL:
            return self._neural_atom(group, node.probability)
        return self._constant_atom(group, node)

    def _neural_atom(self, group: Any, term: Any) -> Atom:
        neural = self.program.neural_predicates[int(term.args[0])]
        if group not in self._choice_of_group:
            slots = tuple(self._slot(neural, item) for item in terms.list_items(term.args[2]) or [])
            self._add_choice(group, NeuralSource(neural.network, slots), neural.num_classes)
        return Atom(self._choice_of_group[group], int(term.args[1]))

    def _slot(self, neural: NeuralPredicate, item: Any) -> int:
        if terms.is_compound(item) and item.signature == f"{SLOT}/1":
            return int(item.args[0])
        raise ProgramError(
            f"the network {neural.network} reads {item}, which is no image of the query {self.template.text}",
            neural.position,
        )

    def _constant_atom(self, group: Any, node: Any) -> Atom:
        if group not in self._choice_of_group:
            self._add_choice(group, [], 0)
        index = self._choice_of_group[group]
        probabilities = self._choices[index]
        assert isinstance(probabilities, list)  # a group's atoms come from one clause, so they are all of one kind
        probabilities.append(self._probability(node))
        if math.fsum(probabilities) > 1 + PROBABILITY_SLACK:
            raise ProgramError(
                f"the probabilities of an annotated disjunction sum to {math.fsum(probabilities):g}, more than 1",
                self._position(node),
            )
        return Atom(index, len(probabilities) - 1)

    def _probability(self, node: Any) -> float:
        term = node.probability
        if terms.is_compound(term) and term.signature == "t/1":
            raise ProgramError(
                "learnable probabilities t(_) are not supported yet; write a number",
                self._position(node),
            )
        value = terms.number(term)
        if value is None:
            raise ProgramError(f"the probability {term} is not a number", self._position(node))
        if not 0 <= value <= 1 + PROBABILITY_SLACK:
            raise ProgramError(f"the probability {term} is not between 0 and 1", self._position(node))
        return value

    def _position(self, node: Any) -> Position:
        """Where the head of an atom stands, as far as ProbLog remembers."""
        for term in (node.probability, *(node.name.args[2:3] if node.name is not None else ())):
            location = getattr(term, "location", None)
            if location:
                return self.program.position(location)
        return Position(self.program.source)

    def _add_choice(self, group: Any, source: NeuralSource | list[float], num_classes: int) -> None:
        self._choice_of_group[group] = len(self._choices)
        self._choices.append(source)
        self._num_classes.append(num_classes)
