"""What ProbLog raises while it grounds a program, in the words of this project and with the place in the file."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gedi_nesy.errors import GediNesyError, Position, ProgramError
from gedi_nesy.logic import terms
from gedi_nesy.logic.program import NeuralPredicate, Program

# What to do about predicates that other Prologs or DeepProbLog have.
CONJUNCTION_HINT = " To ask for several goals at once, name them: q :- a, b. query(q)."
ASSERT_HINT = " It comes with :- use_module(library(assert))."
APPLY_HINT = " It comes with :- use_module(library(apply))."
HINTS = {
    "'->'": " ProbLog has no if-then-else; write a clause for each case, the second with \\+ of the condition.",
    "!": " ProbLog has no cut; write \\+ of the earlier cases.",
    ",": CONJUNCTION_HINT, ";": CONJUNCTION_HINT,
    "setof": " Use findall/3 or all/3.", "bagof": " Use findall/3 or all/3.",
    "aggregate_all": " Use findall/3 and sum_list/2, max_list/2 or length/2.",
    "nn": " Write it as a probability: nn(network,[X],Y,[values]) :: head(X,Y).",
    "dynamic": " ProbLog needs no declarations; take it out.",
    "assertz": ASSERT_HINT, "asserta": ASSERT_HINT, "assert": ASSERT_HINT, "retract": ASSERT_HINT,
    "maplist": APPLY_HINT, "foldl": APPLY_HINT, "include": APPLY_HINT, "exclude": APPLY_HINT,
}  # fmt: skip
TENSOR_PREDICATES = frozenset([
    "embed/2", "rbf/3", "add/3", "mul/3", "dot/3", "max/2", "sigmoid/2", "mean/2", "stack/2", "cat/2", "one_hot/3",
    "list_to_tensor/2", "tensor_index/3", "less_than/2",
])  # fmt: skip


EVIDENCE_ON_IMAGES = (
    "Evidence cannot name the images of a query; write what is known of them into the query, as a goal after a comma"
)
TENSOR = "tensor"  # what stands for the output of an nn/3 while a program is grounded


def tensor_error(neural: NeuralPredicate) -> ProgramError:
    """An nn/3 is in use."""
    return ProgramError(
        f"the output of the neural predicate {neural.functor}/{neural.arity} is a tensor (nn/3), which has no"
        " classes to reason about; set backend: deepproblog, or write nn/4 with the domain of its classes",
        neural.position,
    )


@contextmanager
def problog_errors(program: Program) -> Iterator[None]:
    """Turn whatever ProbLog raises into a ProgramError with position."""
    from problog.core import ProbLogError

    try:
        yield
    except GediNesyError:
        raise
    except ProbLogError as error:
        tensors = (neural for neural in program.neural_predicates if neural.is_tensor)
        if TENSOR in str(error) and (neural := next(tensors, None)):
            raise tensor_error(neural) from error
        position = _position(program, error)
        if (asked := _open_image(program, error, position)) is not None:
            raise asked from error
        raise ProgramError(_explain(program, error, position), position) from error
    except RecursionError as error:
        raise ProgramError("a term is nested too deeply to be grounded", Position(program.source)) from error
    except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        # ProbLog's built-ins let Python's own errors through.
        position = _position(program, error)
        here = _text_at(program, position) or "this program"
        raise ProgramError(f"ProbLog fails at {here}: {type(error).__name__}: {error}", position) from error


def _explain(program: Program, error: Any, position: Position) -> str:
    """ProbLog's message, or a plainer one for what users meet."""
    kind, text = type(error).__name__, str(getattr(error, "base_message", None) or error).strip().rstrip(".")
    here = _text_at(program, position)
    if kind == "UnknownClause":
        return f"{error.signature} is called but nothing defines it.{_hint(program, error.signature)}"
    if kind == "NegativeCycle":
        return f"{here or 'a predicate'} depends on its own negation, which has no meaning in ProbLog; let one of the rules do without"
    if kind == "IndirectCallCycleError":
        return f"{here or 'a predicate'} collects answers that depend on itself, which has no meaning in ProbLog"
    if kind == "NonGroundProbabilisticClause":
        clause = f"the probabilistic clause of {here}" if here else "a probabilistic clause"
        return f"{clause} still has variables once its body holds; the body must bind all of them"
    if kind == "NonGroundQuery":
        return f"an answer of {here or 'the query'} has a probability but still has variables; its rules must bind them"
    if kind == "CallModeError":
        return f"{here or error.scope or 'a goal'} is called with ({error.received}); it takes ({') or ('.join(error.expected)})"
    return _subquery_fault(text) or _other_fault(text, here)


def _open_image(program: Program, error: Any, position: Position) -> ProgramError | None:
    """The fault of whoever asks a neural predicate about an image that is a variable; None for any other error."""
    here = _text_at(program, position) or ""
    neural = next((each for each in program.neural_predicates if here.partition("(")[0] == each.functor), None)
    if type(error).__name__ != "NonGroundProbabilisticClause" or neural is None:
        return None
    fault = f"the neural predicate {neural.functor}/{neural.arity} is asked about an open image"
    if (evidence := _evidence_under_way(error)) is None:
        fault += "; bind it, and declare every variable of the query that stands for an image as one"
        return ProgramError(fault, position)
    return ProgramError(f"{fault}. {EVIDENCE_ON_IMAGES}", program.position(evidence.location))


def _evidence_under_way(error: BaseException) -> Any | None:
    """The evidence that is being grounded; the frame that grounds it knows."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_name == "ground_evidence")
    return next((frame.f_locals["query"][0] for frame in frames), None)


def _other_fault(text: str, here: str | None) -> str:
    """What ProbLog says in words alone."""
    if found := re.fullmatch(r"Error while evaluating (.*): (.*)", text, re.DOTALL):
        return f"{here or found[1]} cannot be computed: {_arithmetic_fault(found[2])}"
    if found := re.fullmatch(r"Can not overwrite built-in '(.*)'", text):
        return f"{found[1]} is built into ProbLog; give the predicate of the program another name"
    if found := re.fullmatch(r"Invalid (query|evidence)", text):
        return f"{found[1]}(...) names nothing; its argument must be bound to a goal"
    return text


def _arithmetic_fault(text: str) -> str:
    found = re.fullmatch(r"Unknown function '(.*)'/(\d+)", text)
    return f"{found[1]}/{found[2]} is no arithmetic function" if found else text[0].lower() + text[1:]


def _subquery_fault(text: str) -> str | None:
    """A probability was asked for while grounding that networks or training give only later."""
    found = re.search("(neural|learnable) choice", text)
    return found and (
        f"subquery/2 asks for the probability of a {found[1]} choice, which is not known before the networks have run"
    )


def _hint(program: Program, signature: str) -> str:
    if signature in TENSOR_PREDICATES:
        return " It is one of DeepProbLog's predicates on tensors: set backend: deepproblog, or write nn/4 with the domain of its classes."
    known = HINTS.get(signature.rpartition("/")[0]) or program.suggest(signature)
    return known or " Define it, or correct its name or number of arguments."


def _position(program: Program, error: BaseException) -> Position:
    """Where the fault is, as far as ProbLog or the text of its message knows."""
    position = program.position(getattr(error, "location", None) or _location_of_call(error))
    if not position.line and (found := re.search(r"Invalid (query|evidence)|built-in '(.*)/\d+'", str(error))):
        return program.place_of(found[1] or found[2])
    return position


def _text_at(program: Program, position: Position) -> str | None:
    """The goal or head that stands at a position, as the user wrote it."""
    for clause in program.clauses:
        heads = terms.heads(clause)
        arguments = (goal for head in heads for argument in head.args for goal in terms.goals(argument))
        for term in (*heads, *arguments, *terms.goals(terms.body(clause))):
            if position.line and term.location and program.position(term.location) == position:
                return str(term.with_probability())
    return None


def _location_of_call(error: BaseException) -> Any:
    """Where the goal stands whose built-in raised: ProbLog hands it down as an argument of its own functions."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        for value in list(frame.f_locals.values()):
            if isinstance(value, dict) and "call_origin" in value:
                return value["call_origin"][1]
    return None
