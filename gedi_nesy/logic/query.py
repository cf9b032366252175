"""The query of a constraint: a goal with image slots, label columns, and what differs from example to example."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from gedi_nesy.errors import Position, ProgramError, did_you_mean
from gedi_nesy.logic import terms
from gedi_nesy.logic.program import Program, parse

T = TypeVar("T")
ROLES = {
    "image": "an image slot",
    "images": "a list of images, of any length",
    "label": "a label column: every value with a proof is an answer",
    "constant": "a value that is given with the example, before the query is asked",
}
SLOT = "slot"  # the image of slot 2 is the constant slot(2) in a ground program
CONJUNCTION = "all of"  # the predicate that stands for a query of several goals


@dataclass(frozen=True)
class QueryTemplate:
    """A query whose variables have roles, anywhere inside it; several goals joined by commas hold together.

    Attributes:
        text: as the user wrote it, without a full stop.
        arguments: the role of each variable, in order of occurrence.

    Example:
        >>> roles = {"A": "image", "B": "image", "Total": "label"}
        >>> template = QueryTemplate.parse("addition(A, B, Total)", roles)
        >>> template.slots, template.labels
        (('A', 'B'), ('Total',))
        >>> QueryTemplate.parse("sorted(Digits)", {"Digits": "images"}).bind({"Digits": 3}).slots
        ('Digits_1', 'Digits_2', 'Digits_3')
    """

    text: str
    arguments: tuple[tuple[str, str], ...]
    term: Any = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str, arguments: Mapping[str, str]) -> QueryTemplate:
        """The template of a text such as `addition([A,B],[C,D],Total)`.

        Args:
            text: a term, or several joined by commas; each of its variables is declared in `arguments`.
            arguments: the role of each variable: "image", "images", "label" or "constant".

        Raises:
            ProgramError: bad syntax, or variables and declarations that do not match.
        """
        term = _read_goal(text)
        names = [variable.name for variable in terms.variables(term)]
        _check_roles(text, names, arguments)
        return cls(text.strip().removesuffix("."), tuple((name, arguments[name]) for name in names), term)

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the image slots, in order of occurrence; lists count once they are bound."""
        return self._named("image")

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the label columns, in order of occurrence."""
        return self._named("label")

    @property
    def lists(self) -> tuple[str, ...]:
        """Names of the lists of images whose length is still open."""
        return self._named("images")

    @property
    def constants(self) -> tuple[str, ...]:
        """Names of the constants whose value is still open."""
        return self._named("constant")

    def _named(self, role: str) -> tuple[str, ...]:
        return tuple(name for name, declared in self.arguments if declared == role)

    def bind(
        self, lengths: Mapping[str, int] | None = None, constants: Mapping[str, str] | None = None
    ) -> QueryTemplate:
        """The template for examples of one structure: lists become slots `Name_1`, `Name_2`, ..., constants their values.

        Raises:
            ProgramError: a list or a constant is left open, or a value is no term.
        """
        from problog.logic import Var, list2term

        lengths, constants = lengths or {}, constants or {}
        for name in (*self.lists, *self.constants):
            if name not in lengths and name not in constants:
                missing = "its length" if name in self.lists else "its value"
                raise ProgramError(f"the query {self.text} is asked without {name}: give {missing}")
        slots = {name: self.slots_of_list(name, lengths[name]) for name in self.lists}
        replaced = {name: list2term([Var(slot) for slot in names]) for name, names in slots.items()}
        replaced |= {name: _read_constant(name, constants[name]) for name in self.constants}
        if not replaced:
            return self
        names = [slot for own in slots.values() for slot in own]
        if taken := [name for name, _ in self.arguments if name in names]:
            raise ProgramError(f"the variable {taken[0]} of the query {self.text} is named like an image of a list")
        return self._with(replaced, dict.fromkeys(names, "image"))

    def _with(self, replaced: Mapping[str, Any], roles: Mapping[str, str]) -> QueryTemplate:
        """The template with other terms for some of its variables; ProgramError where no text says it, as queries travel as text."""
        term = terms.substitute(self.term, dict(replaced))
        text, known = str(term), dict(self.arguments) | dict(roles)
        if _read_term(text) != term:
            raise ProgramError(
                f"the query {self.text} becomes {text}, which ProbLog reads as something else;"
                " use simpler terms in it and simpler values of constants"
            )
        return QueryTemplate(text, tuple((each.name, known[each.name]) for each in terms.variables(term)), term)

    @staticmethod
    def slots_of_list(name: str, length: int) -> list[str]:
        """Names of the slots that a list of images becomes."""
        return [f"{name}_{index + 1}" for index in range(length)]

    def identify(self, first: Sequence[int]) -> QueryTemplate:
        """The template for examples some of whose slots hold one image; slot i holds the image of slot `first[i]`.

        The same image is the same random variable, which two slots with different images are not.
        """
        from problog.logic import Var

        replaced = {name: Var(self.slots[index]) for name, index in zip(self.slots, first, strict=True)}
        return self._with(replaced, {})

    def goals(self) -> list[Any]:
        """The goals that hold together; one, unless the text joins several by commas."""
        return list(_conjuncts(self.term))

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


def variables_of(query: str) -> list[str]:
    """The names of a query's variables in order of occurrence; ProgramError for bad syntax."""
    return [variable.name for variable in terms.variables(_read_goal(query))]


def one_goal(program: Program, template: QueryTemplate) -> tuple[Program, QueryTemplate]:
    """A program and a template of a single goal that mean the same as the given ones.

    Several goals become the body of one more clause, at the end of the program, so that positions stay.

    Raises:
        ProgramError: the program does not define a goal of the template.
    """
    check_template(program, template)
    if len(template.goals()) == 1 and not _is_negation(template.term):
        return program, template
    head = f"'{CONJUNCTION}'({','.join(name for name, _ in template.arguments)})"
    text = f"{program.text}\n{head} :- {template.text}.\n"
    extended = parse(text, program.source, allow_python=program.allow_python)
    return extended, replace(template, term=_read_goal(head))


def check_template(program: Program, template: QueryTemplate) -> None:
    """Raise ProgramError unless the program defines the predicates of the template."""
    where = Position(program.source)
    for goal in template.goals():
        called = goal.args[0] if _is_negation(goal) else goal
        signature, name = called.signature, called.functor
        asked = template.text if goal is template.term else called
        if signature in program.defined:
            continue
        arities = [known.rpartition("/")[2] for known in program.defined if known.rpartition("/")[0] == name]
        if arities:
            raise ProgramError(
                f"slots and query arity differ: the query {asked} has arity {called.arity},"
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


def find_answer(answers: Sequence[tuple[str, ...]], labels: Sequence[str]) -> tuple[str, ...] | None:
    """The answer of these labels, where `[0,1]` is `[0, 1]`; None if there is no such answer."""
    if tuple(labels) in answers:
        return tuple(labels)
    wanted = [_squeezed(label) for label in labels]
    return next((answer for answer in answers if [_squeezed(label) for label in answer] == wanted), None)


def _squeezed(label: str) -> str:
    """Without the spaces that separate no words."""
    return re.sub(r"(?<=\W)\s+|\s+(?=\W)", "", label.strip())


def _numbers_first(text: str) -> tuple[bool, float, str]:
    number = _number(text)
    return (False, number, text) if number is not None and math.isfinite(number) else (True, 0.0, text)


def _read_goal(text: str) -> Any:
    term = _read_term(text)
    goals = [] if term is None else list(_conjuncts(term))
    inner = [goal.args[0] if _is_negation(goal) else goal for goal in goals]
    if not goals or not all(_is_goal(goal) for goal in inner):
        raise ProgramError(f"the query {text!r} is not a term such as addition(A,B,Total)")
    return term


def _read_constant(name: str, text: str) -> Any:
    term = _read_term(text)
    if term is None or not _is_ground(term):
        raise ProgramError(f"the value {text!r} of the constant {name} is no term without variables, such as 7 or red")
    if term.is_constant() and terms.number(term) != _number(text):
        raise ProgramError(f"ProbLog reads the value {text} of the constant {name} as {term}; use fewer digits")
    return term


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _read_term(text: str) -> Any | None:
    from problog.core import ProbLogError
    from problog.logic import Term

    try:
        term = Term.from_string(text)
        terms.forget_places(term)  # those of the query's text would count as places in the program
        return None if terms.without_argument(term) else term
    except (ProbLogError, ValueError, IndexError):
        return None


def _is_goal(term: Any) -> bool:
    return terms.is_compound(term) and type(term).__name__ == "Term" and term.probability is None


def _is_negation(term: Any) -> bool:
    return type(term).__name__ == "Not"


def _conjuncts(term: Any) -> Any:
    if type(term).__name__ == "And":
        yield from _conjuncts(term.op1)
        yield from _conjuncts(term.op2)
    else:
        yield term


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
                f"the argument {name} is declared as {role!r}; allowed: {', '.join(ROLES)}.{did_you_mean(role, ROLES)}"
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
