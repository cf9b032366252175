"""Text to `Program`: a ProbLog program with its neural predicates and the place of everything in the file."""

from __future__ import annotations

import difflib
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gedi_nesy.config.locate import find_program
from gedi_nesy.errors import Position, ProgramError
from gedi_nesy.logic import terms
from gedi_nesy.logic.probabilities import LearnableClause, check_probabilities, learnable_clauses

# ProbLog's libraries that reason and nothing else. `db` opens files, `nlp4plp` and `aproblog` load further code.
PURE_LIBRARIES = frozenset(
    ("aggregate", "apply", "assert", "collect", "control", "cut", "lists", "record", "scope", "string")
)
LOADING_GOALS = frozenset(
    (
        "consult/1",
        "use_module/1",
        "use_module/2",
        "_consult/2",
        "_use_module/2",
        "_use_module/3",
        "./2",
        "load_external/1",
    )
)
PARSE_HINTS = {
    "Ambiguous token role": "; is a full stop or a comma missing before it?",
    "Expected binary operator": "; is a full stop, a comma or an operator missing before it?",
    "Incomplete statement": "; does the last clause end with a full stop?",
}
NO_HEAD = "cannot be a fact or the head of a rule; write a single positive term"


@dataclass(frozen=True)
class NeuralPredicate:
    """One `nn(...) :: head` of a program.

    Attributes:
        network: the name the program gives the network.
        num_inputs: length of its list of inputs.
        domain: the values of its output; None for a boolean `nn/2`, whose classes are (false, true), and for `nn/3`.
        functor: name of the predicate it defines.
        arity: arity of that predicate.
        is_tensor: an `nn/3`: its output is a tensor, not a choice.
        position: where it stands.
    """

    network: str
    num_inputs: int
    domain: tuple[str, ...] | None
    functor: str
    arity: int
    is_tensor: bool
    position: Position

    @property
    def classes(self) -> tuple[str, ...]:
        """What the outcomes of the choice are called."""
        return ("false", "true") if self.domain is None else self.domain

    @property
    def num_classes(self) -> int:
        """How many outcomes the choice has."""
        return len(self.classes)


@dataclass(frozen=True)
class Program:
    """A parsed ProbLog program.

    Example:
        >>> program = parse("nn(net,[X],Y,[0,1]) :: bit(X,Y). same(A,B) :- bit(A,Y), bit(B,Y).")
        >>> program.neural_predicates[0].domain
        ('0', '1')
        >>> program.defined
        ('bit/2', 'same/2')
    """

    text: str
    source: str
    neural_predicates: tuple[NeuralPredicate, ...]
    defined: tuple[str, ...]
    allow_python: bool = False
    learnables: tuple[LearnableClause, ...] = ()
    clauses: tuple[Any, ...] = field(default=(), repr=False, compare=False)
    syntax: Any = field(default=None, repr=False, compare=False)

    def suggest(self, signature: str) -> str:
        """A hint such as ` Did you mean "digit/2"?` at a defined predicate of a similar name, or the empty string."""
        names = {known.rpartition("/")[0]: known for known in self.defined}
        close = difflib.get_close_matches(signature.rpartition("/")[0], names, n=1)
        return f' Did you mean "{names[close[0]]}"?' if close else ""

    def place_of(self, functor: str) -> Position:
        """Where the first fact or head of this name stands."""
        heads = (head for clause in self.clauses for head in terms.heads(clause))
        return next((self.position(head.location) for head in heads if head.functor == functor), Position(self.source))

    def position(self, location: Any) -> Position:
        """A ProbLog location, `(number of file, character)` or `(other file, line, column)`, as a position."""
        if isinstance(location, tuple) and len(location) == 2:
            location = self.syntax.lineno(location) if location[0] == 0 and location[1] is not None else None
        if not location:
            return Position(self.source)
        return Position(_loaded_file(location[0]) if location[0] else self.source, *location[1:])


def load_program(path: str | Path, *, allow_python: bool = False) -> Program:
    """The program of a file, or a bundled one by its name.

    Raises:
        ProgramError: there is no such program, it cannot be read, or `parse` refuses its text.
    """
    file = find_program(str(path))
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ProgramError(f"cannot read the program: {error}", Position(str(file))) from error
    return parse(text, str(path), allow_python=allow_python)


def parse(text: str, source: str = "<program>", *, allow_python: bool = False) -> Program:
    """The program of a text, read by ProbLog's own parser.

    Args:
        text: ProbLog, with neural predicates nn/2, nn/3 or nn/4.
        source: the file's name in error messages.
        allow_python: let the program load Python and other files. It then runs whatever code they hold.

    Raises:
        ProgramError: with line and column, for bad syntax, an ill-formed neural predicate, or a goal that loads code.
    """
    syntax, clauses = _read(text, source)
    program = Program(text, source, (), _defined(clauses), allow_python, clauses=clauses, syntax=syntax)
    if not allow_python:
        _refuse_loading(program)
    _check_heads(program)
    _check_arguments(program)
    check_probabilities(program)
    return replace(
        program, neural_predicates=tuple(_neural_predicates(program)), learnables=tuple(learnable_clauses(program))
    )


def _read(text: str, source: str) -> tuple[Any, tuple[Any, ...]]:
    """ProbLog's program object, which translates positions, and its clauses."""
    from problog.core import ProbLogError
    from problog.program import PrologString

    syntax = PrologString(text, source_files=[source])
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The use of '.*==' might give unexpected results")
            return syntax, tuple(syntax)
    except ProbLogError as error:
        if (head := _refused_head(error)) is not None:
            read = Program(text, source, (), (), syntax=syntax)
            raise ProgramError(f"{head} {NO_HEAD}", read.position(_location_of_head(head))) from error
        raise ProgramError(_parse_message(error), _parse_position(error, source)) from error
    except RecursionError as error:
        raise ProgramError("a term is nested too deeply to be read", Position(source)) from error


def _refused_head(error: Exception) -> Any | None:
    """The head of a rule that ProbLog refuses: its message does not say where, the frame that raises it knows."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_locals.get("head") if frame.f_code.co_name == "build_clause" else None


def _parse_message(error: Any) -> str:
    text = (getattr(error, "base_message", None) or str(error)).strip().rstrip(".")
    return f"not valid ProbLog: {text}{PARSE_HINTS.get(text, '')}"


def _parse_position(error: Any, source: str) -> Position:
    location = getattr(error, "location", None)
    if isinstance(location, tuple) and len(location) == 3:
        # ProbLog's parser counts columns from 0 in the first line and from 1 in the others.
        return Position(source, location[1], location[2] + (location[1] == 1))
    return Position(source)


def _defined(clauses: tuple[Any, ...]) -> tuple[str, ...]:
    signatures = (
        head.signature for clause in clauses if not terms.is_directive(clause) for head in terms.heads(clause)
    )
    return tuple(dict.fromkeys(signatures))


def _refuse_loading(program: Program) -> None:
    """Raise for the first goal that loads a file, pure libraries excepted.

    Grounding repeats the check on what is really loaded, so a goal put together at run time finds no way round it.
    """
    for clause in program.clauses:
        for goal in terms.goals(terms.body(clause)):
            if goal.signature in LOADING_GOALS and not _is_pure_library(goal):
                raise ProgramError(
                    f"{goal} loads files into the program, which may run Python."
                    f" Libraries that may be used: {', '.join(sorted(PURE_LIBRARIES))}."
                    " If you trust the file, set allow_python: true.",
                    program.position(goal.location if goal.location[1] is not None else clause.location),
                )


def loaded_files(path: Path) -> list[Path]:
    """The files that a program on disk loads by name, as far as its text tells, and those that they load in turn."""
    found, todo = dict[Path, None](), [path]
    while todo:
        file = todo.pop()
        if file.suffix == ".py":
            continue
        program = load_program(file, allow_python=True)
        bodies = (terms.body(clause) for clause in program.clauses)
        loading = (goal for body in bodies for goal in terms.goals(body) if goal.signature in LOADING_GOALS)
        named = {file.parent / terms.plain_text(goal.args[0]) for goal in loading if not _is_pure_library(goal)}
        new = [name.resolve() for name in sorted(named) if name.is_file() and name.resolve() not in (path, *found)]
        found |= dict.fromkeys(new)
        todo += new
    return list(found)


def _check_heads(program: Program) -> None:
    """Raise for a fact or head that is not a single term, and for one without probability beside others."""
    for clause in program.clauses:
        clause_heads = terms.heads(clause)
        for head in clause_heads:
            kind = type(head).__name__
            position = program.position(_location_of_head(head))
            if kind not in ("Term", "Not") or (kind == "Not" and head.probability is None):
                raise ProgramError(f"{head} {NO_HEAD}", position)
            if getattr(head, "functor", None) == "':'" and _is_chance(head.args[0]):
                raise ProgramError(f"{head} defines ':'; a probability is followed by ::", position)
            if len(clause_heads) > 1 and head.probability is None:
                raise ProgramError(f"{head} has no probability, which every head of a disjunction needs", position)


def _is_chance(term: Any) -> bool:
    """Whether it can only be meant as a probability: a number, or what a network gives."""
    return terms.number(term) is not None or getattr(term, "functor", None) == "nn"


def _check_arguments(program: Program) -> None:
    """Raise for `goal()`, which ProbLog reads as a goal of one argument that is nothing."""
    for clause in program.clauses:
        empty = (terms.without_argument(term) for term in (*terms.heads(clause), *terms.goals(terms.body(clause))))
        for term in filter(None, empty):
            message = f"{term.functor}() has empty parentheses; leave them out or write what belongs there"
            raise ProgramError(message, program.position(term.location or clause.location))


def _location_of_head(head: Any) -> Any:
    return head.op1.location if type(head).__name__ in ("And", "Or") else getattr(head, "location", None)


def _loaded_file(path: str) -> str:
    """The name of a file that the program loads; a library's as the program writes it."""
    file = Path(path)
    return f"library({file.stem})" if file.parent.match("problog/library") else path


def _is_pure_library(goal: Any) -> bool:
    name = goal.args[0]
    if not goal.functor.endswith("use_module") or not terms.is_compound(name) or name.signature != "library/1":
        return False
    return terms.plain_text(name.args[0]).removesuffix(".pl") in PURE_LIBRARIES


def _neural_predicates(program: Program) -> Iterator[NeuralPredicate]:
    for clause in program.clauses:
        clause_heads = terms.heads(clause)
        for head in clause_heads:
            if is_neural(head):
                position = program.position(head.probability.location)
                if len(clause_heads) > 1:
                    raise ProgramError("a neural predicate cannot stand in a disjunction of heads", position)
                neural = _neural_predicate(head, position)
                _check_variables(head, terms.body(clause), neural)
                yield neural


def _check_variables(head: Any, body: Any | None, neural: NeuralPredicate) -> None:
    """Raise unless the inputs are known when the network is asked, and the output is not yet."""
    in_body = {variable.name for variable in terms.variables(body)} if body is not None else set()
    known = in_body | {variable.name for variable in terms.variables(head)}
    for variable in terms.variables(head.probability.args[1]):
        if variable.name not in known:
            raise ProgramError(
                f"the input {variable} of nn stands neither in the head {neural.functor}/{neural.arity} nor in a body, so"
                " nothing says which image it is",
                neural.position,
            )
    if neural.domain is not None and (output := head.probability.args[2].name) in in_body:
        raise ProgramError(
            f"the output {output} of nn is chosen after the body holds, so the body cannot use it", neural.position
        )


def is_neural(head: Any) -> bool:
    """Whether a head's probability is `nn(...)`."""
    return terms.is_compound(head.probability) and head.probability.functor == "nn"


def _neural_predicate(head: Any, position: Position) -> NeuralPredicate:
    arguments = head.probability.args
    if len(arguments) not in (2, 3, 4):
        raise ProgramError(
            f"nn/{len(arguments)} is not a neural predicate;"
            " write nn(network,[Inputs],Output,[values]) or nn(network,[Inputs])",
            position,
        )
    if not terms.is_compound(arguments[0]) or arguments[0].args:
        raise ProgramError(f"the first argument of nn names a network; {arguments[0]} is no name", position)
    inputs = terms.list_items(arguments[1])
    if not inputs:
        raise ProgramError(
            f"the second argument of nn is the list of inputs, such as [X]; got {arguments[1]}", position
        )
    if len(arguments) > 2:
        _check_output(head, position)
    domain = _domain(head, position) if len(arguments) == 4 else None
    return NeuralPredicate(
        terms.plain_text(arguments[0]), len(inputs), domain, head.functor, head.arity, len(arguments) == 3, position
    )


def _check_output(head: Any, position: Position) -> None:
    output = head.probability.args[2]
    if output.is_constant() or not output.is_var() or output.name not in {v.name for v in terms.variables(head)}:
        raise ProgramError(
            f"the output {output} of nn must be a variable of the head {head.functor}/{head.arity}", position
        )


def _domain(head: Any, position: Position) -> tuple[str, ...]:
    values = head.probability.args[3]
    items = terms.list_items(values)
    if not items or any(terms.variables(item) for item in items):
        raise ProgramError(f"the fourth argument of nn is the list of the output's values; got {values}", position)
    domain = tuple(terms.plain_text(item) for item in items)
    repeated = sorted({value for value in domain if domain.count(value) > 1})
    if repeated:
        raise ProgramError(f"the domain {values} has {repeated[0]} more than once; name each value once", position)
    return domain
