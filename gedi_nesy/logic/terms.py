"""Reading ProbLog's own terms: heads, bodies, goals, text.

ProbLog carries no type annotations, so its terms are `Any` here; nothing outside this package touches them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

# Goals whose arguments are goals themselves, with the indices of those arguments.
META_GOALS = {
    "call/1": (0,), "once/1": (0,), "not/1": (0,), "\\+/1": (0,), "forall/2": (0, 1), "findall/3": (1,), "all/3": (1,),
    "all_or_none/3": (1,), "subquery/2": (0,), "try_call/1": (0,), "call_nc/1": (0,), "aggregate_all/3": (1,),
}  # fmt: skip


def heads(clause: Any) -> list[Any]:
    """The head terms of a clause, fact or annotated disjunction, each with its `probability`."""
    kind = type(clause).__name__
    if kind == "AnnotatedDisjunction":
        return list(clause.heads)
    if kind == "Clause":
        return [clause.head]
    return list(clause.to_list()) if kind == "Or" else [clause]


def body(clause: Any) -> Any | None:
    """The body of a clause; None for a fact."""
    return clause.body if type(clause).__name__ in ("Clause", "AnnotatedDisjunction") else None


def is_directive(clause: Any) -> bool:
    """Whether the clause reads `:- goal`."""
    return type(clause).__name__ == "Clause" and clause.head.functor == "_directive"


def goals(term: Any) -> Iterator[Any]:
    """Every goal of a body: conjuncts, disjuncts, negated goals and goals inside `findall` and its kin."""
    kind = type(term).__name__
    if kind in ("And", "Or"):
        yield from goals(term.op1)
        yield from goals(term.op2)
    elif kind == "Not":
        yield from goals(term.child)
    elif is_compound(term):
        yield term
        for index in META_GOALS.get(term.signature, ()):
            yield from goals(term.args[index])


def is_compound(term: Any) -> bool:
    """Whether the term is an atom or a compound term: neither variable nor number."""
    return hasattr(term, "functor") and not term.is_var() and not term.is_constant()


def list_items(term: Any) -> list[Any] | None:
    """The items of a proper list; None for anything else."""
    from problog.logic import term2list

    try:
        return list(term2list(term, False)) if is_compound(term) else None
    except ValueError:
        return None


def plain_text(term: Any) -> str:
    """A term as a user writes it in a table of labels: strings and quoted atoms without their quotes and backslashes."""
    text = str(term)
    is_quoted = not term.args and len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'"
    return re.sub(r"\\(.)", _unescaped, text[1:-1], flags=re.DOTALL) if is_quoted else text


def _unescaped(escape: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t"}.get(escape[1], escape[1])


def variables(term: Any) -> list[Any]:
    """The variables of a term in the order of their first occurrence."""
    found: dict[str, Any] = {}
    stack = [term]
    while stack:
        current = stack.pop()
        if current.is_var():
            found.setdefault(current.name, current)
        elif is_compound(current):
            stack.extend(reversed(current.args))
    return list(found.values())


def without_argument(term: Any) -> Any | None:
    """The first `name()` inside a term, whose argument ProbLog's parser leaves out; None where there is none."""
    stack = [term]
    while stack:
        current = stack.pop()
        if is_compound(current):
            if any(argument is None for argument in current.args):
                return current
            stack.extend(reversed(current.args))
    return None


def forget_places(term: Any) -> None:
    """Take away where a term and those inside it were read."""
    stack = [term]
    while stack:
        current = stack.pop()
        if not current.is_var():
            current.location = None
        if is_compound(current):
            stack.extend(argument for argument in current.args if argument is not None)


def substitute(term: Any, bindings: dict[str, Any]) -> Any:
    """The term with some of its variables replaced and the others kept."""
    from problog.logic import Var

    return term.apply({variable.name: Var(variable.name) for variable in variables(term)} | bindings)


def number(term: Any) -> float | None:
    """The value of a number or of ground arithmetic such as 1/3; None for anything else."""
    from problog.core import ProbLogError

    try:
        return float(term)
    except (TypeError, ValueError, ZeroDivisionError, ProbLogError):
        return None
