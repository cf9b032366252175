"""The probabilities of clauses: numbers are checked, and `t(...)` is read as parameters to train."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gedi_nesy.errors import Position, ProgramError
from gedi_nesy.logic import terms

if TYPE_CHECKING:
    from gedi_nesy.logic.program import Program

SLACK = 1e-6  # how far probabilities may exceed 1 by rounding
ROUNDING = 1e-12  # less than this is an artefact of adding floats


@dataclass(frozen=True)
class LearnableClause:
    """A clause that has `t(...)` among the probabilities of its heads.

    Attributes:
        name: its heads with their probabilities as text; unique in the program.
        heads: the text of each head.
        initial: a probability for each head, and for "none of these" if something is left.
        fixed: which of them are plain numbers.
        position: of the first `t(...)`.
    """

    name: str
    heads: tuple[str, ...]
    initial: tuple[float, ...]
    fixed: tuple[bool, ...]
    position: Position


def is_learnable(head: Any) -> bool:
    """Whether a head's probability is `t(...)`."""
    return terms.is_compound(head.probability) and head.probability.functor == "t" and head.probability.arity > 0


def has_chance(program: Program) -> bool:
    """Whether something besides the networks is left to chance, so that even a classifier that is always right leaves doubt."""
    given = [
        head.probability for clause in program.clauses for head in terms.heads(clause) if head.probability is not None
    ]
    of_networks = [
        probability for probability in given if terms.is_compound(probability) and probability.functor == "nn"
    ]
    others = [probability for probability in given if probability not in of_networks]
    return any(terms.number(probability) not in (0, 1) for probability in others)


def parameter_arguments(clause: Any) -> list[Any]:
    """What the parameters of a clause depend on: every argument of its `t(Start, Arguments...)` but the first."""
    return [argument for head in terms.heads(clause) if is_learnable(head) for argument in head.probability.args[1:]]


def check_probabilities(program: Program) -> None:
    """Raise for probabilities outside [0, 1] or heads of one clause that sum to more than 1, where they are numbers."""
    for clause in program.clauses:
        total = 0.0
        for head in terms.heads(clause):
            value = _start(head)
            if value is None:
                continue
            total += value
            position = program.position(head.location)
            if not 0 <= value <= 1 + SLACK:
                raise ProgramError(f"the probability {head.probability} is not between 0 and 1", position)
            if total > 1 + SLACK:
                raise ProgramError(
                    f"the probabilities of an annotated disjunction sum to {total:g}, more than 1", position
                )


def learnable_clauses(program: Program) -> Iterator[LearnableClause]:
    """The clauses with `t(...)`, in order.

    Raises:
        ProgramError: a start that is no number, or probabilities that leave nothing to learn.
    """
    names: set[str] = set()
    for clause in program.clauses:
        heads = terms.heads(clause)
        if not any(map(is_learnable, heads)):
            continue
        position = program.position(next(filter(is_learnable, heads)).probability.location)
        texts = tuple(str(head.with_probability()) for head in heads)
        name = "; ".join(
            f"{'t' if is_learnable(head) else head.probability}::{text}"
            for head, text in zip(heads, texts, strict=True)
        )
        places = ("", f" (line {position.line})", f" (line {position.line}, column {position.column})")
        name = next(name + place for place in places if name + place not in names)
        names.add(name)
        for head in heads:
            _check_start(program, clause, head)
        initial, fixed = _distribution(heads, position)
        yield LearnableClause(name, texts, initial, fixed, position)


def _start(head: Any) -> float | None:
    """The number given as probability, or as the start of a learnable one."""
    if head.probability is None:
        return None
    return terms.number(head.probability.args[0] if is_learnable(head) else head.probability)


def _check_start(program: Program, clause: Any, head: Any) -> None:
    """Raise unless every head has a number, `t(number)` or `t(_)`."""
    if not is_learnable(head):
        if _start(head) is None:
            raise ProgramError(
                f"the probability {head.probability} stands beside t(...) and must be a number",
                program.position(head.location),
            )
        return
    value, start = _start(head), head.probability.args[0]
    position = program.position(head.probability.location)
    if value is not None and not 0 < value < 1:
        raise ProgramError(
            f"{head.probability} would never move from {value:g}; start strictly between 0 and 1", position
        )
    used = terms.variables(terms.body(clause) or head.with_probability()) + terms.variables(head.with_probability())
    is_open = start.is_var() and (start.name == "_" or start.name not in {variable.name for variable in used})
    if value is None and not is_open:
        raise ProgramError(f"{head.probability} starts at {start}; write a number between 0 and 1, or _", position)


def _distribution(heads: list[Any], position: Position) -> tuple[tuple[float, ...], tuple[bool, ...]]:
    """The probabilities at the start and which are fixed; open starts share evenly what is left.

    A single open start that no other `t(...)` stands beside shares with "none of these", or it had nothing to learn.
    """
    starts = [_start(head) for head in heads]
    fixed = [not is_learnable(head) for head in heads]
    left = 1 - math.fsum(start for start in starts if start is not None)
    num_open = starts.count(None)
    if num_open and left <= ROUNDING:
        raise ProgramError("the numbers beside t(_) sum to 1 and leave nothing to learn", position)
    share = left / max(num_open, 2 if fixed.count(False) == 1 else 1)
    initial = [share if start is None else start for start in starts]
    rest = 1 - math.fsum(initial)
    if rest > ROUNDING:
        initial, fixed = [*initial, rest], [*fixed, False]
    if fixed.count(False) == 1:
        raise ProgramError("the numbers beside t(...) sum to 1 with its start and leave nothing to learn", position)
    return tuple(initial), tuple(fixed)
