"""The query of a constraint: a term with image slots and label columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gedi_nesy.errors import Position, ProgramError, did_you_mean
from gedi_nesy.logic import terms
from gedi_nesy.logic.program import Program

T = TypeVar("T")
ROLES = ("image", "label")
SLOT = "slot"  # the image of slot 2 is the constant slot(2) in a ground program


@dataclass(frozen=True)
class QueryTemplate:
    """A query whose variables are image slots or label columns, anywhere inside it.

    Attributes:
        text: as the user wrote it.
        slots: names of the image slots, in order of occurrence.
        labels: names of the label columns, in order of occurrence.

    Example:
        >>> roles = {"A": "image", "B": "image", "Total": "label"}
        >>> template = QueryTemplate.parse("addition(A, B, Total)", roles)
        >>> template.slots, template.labels
        (('A', 'B'), ('Total',))
    """

    text: str
    slots: tuple[str, ...]
    labels: tuple[str, ...]
    term: Any = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str, arguments: Mapping[str, str]) -> QueryTemplate:
        """The template of a text such as `addition([A,B],[C,D],Total)`.

        Args:
            text: a term; each of its variables is declared in `arguments`.
            arguments: the role of each variable, "image" or "label".

        Raises:
            ProgramError: bad syntax, or variables and declarations that do not match.
        """
        term = _read_term(text)
        names = [variable.name for variable in terms.variables(term)]
        _check_roles(text, names, arguments)
        slots = tuple(name for name in names if arguments[name] == "image")
        labels = tuple(name for name in names if arguments[name] == "label")
        return cls(text, slots, labels, term)

    def goal(self, slot_terms: Sequence[Any] | None = None) -> Any:
        """The term with a constant for each image, label columns left open.

        Args:
            slot_terms: what stands for the images; `slot(0)`, `slot(1)`, ... by default.
        """
        from problog.logic import Constant, Term

        images = slot_terms or [Term(SLOT, Constant(index)) for index in range(len(self.slots))]
        return terms.substitute(self.term, dict(zip(self.slots, images, strict=True)))

    def answer(self, proved: Any) -> tuple[str, ...] | None:
        """The label columns of a proved instance of the template; None if one of them is still a variable."""
        values: dict[str, Any] = {}
        _match(self.term, proved, values)
        if any(not _is_ground(values[name]) for name in self.labels):
            return None
        return tuple(terms.plain_text(values[name]) for name in self.labels)


def check_template(program: Program, template: QueryTemplate) -> None:
    """Raise ProgramError unless the program defines the template's predicate."""
    signature, where = template.term.signature, Position(program.source)
    if signature in program.defined:
        return
    name = template.term.functor
    arities = [known.rpartition("/")[2] for known in program.defined if known.rpartition("/")[0] == name]
    if arities:
        raise ProgramError(
            f"slots and query arity differ: the query {template.text} has arity {template.term.arity},"
            f" the program defines {name} with arity {' or '.join(arities)}",
            where,
        )
    known = [predicate for predicate in program.defined if predicate not in ("query/1", "evidence/1", "evidence/2")]
    raise ProgramError(
        f"the program does not define {signature} of the query {template.text}."
        f" Defined: {', '.join(known) or 'nothing'}.{program.suggest(signature)}",
        where,
    )


def sort_answers(answers: Mapping[tuple[str, ...], T]) -> dict[tuple[str, ...], T]:
    """The answers in their order everywhere: column by column, numbers by size and before other text."""
    return dict(sorted(answers.items(), key=lambda item: [_numbers_first(value) for value in item[0]]))


def _numbers_first(text: str) -> tuple[bool, float, str]:
    try:
        return False, float(text), text
    except ValueError:
        return True, 0.0, text


def _read_term(text: str) -> Any:
    from problog.core import ProbLogError
    from problog.logic import Term

    try:
        term = Term.from_string(text)
    except (ProbLogError, ValueError, IndexError) as error:
        raise ProgramError(f"the query {text!r} is not a term such as addition(A,B,Total)") from error
    if not terms.is_compound(term) or type(term).__name__ != "Term" or term.probability is not None:
        raise ProgramError(f"the query {text!r} is not a term such as addition(A,B,Total)")
    return term


def _check_roles(text: str, names: Sequence[str], arguments: Mapping[str, str]) -> None:
    for name in names:
        if name not in arguments:
            raise ProgramError(
                f"the variable {name} of the query {text} is not declared; say whether it is an image or a label."
                f" Declared: {', '.join(arguments) or 'nothing'}.{did_you_mean(name, arguments)}"
            )
    for name, role in arguments.items():
        if name not in names:
            raise ProgramError(
                f"the argument {name} is declared but the query {text} has no such variable."
                f" Its variables: {', '.join(names) or 'none'}.{did_you_mean(name, names)}"
            )
        if role not in ROLES:
            raise ProgramError(
                f"the argument {name} is declared as {role!r}; allowed: image, label.{did_you_mean(role, ROLES)}"
            )


def _match(pattern: Any, proved: Any, values: dict[str, Any]) -> None:
    """Collect what each variable of the pattern stands for in an instance of it."""
    if pattern.is_var():
        values[pattern.name] = proved
    elif terms.is_compound(pattern):
        for inner, value in zip(pattern.args, proved.args, strict=True):
            _match(inner, value, values)


def _is_ground(term: Any) -> bool:
    from problog.logic import is_ground

    return bool(is_ground(term))
