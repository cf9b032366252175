"""A ground program: which answers hold, as a function of finitely many independent choices."""

from __future__ import annotations

from dataclasses import dataclass, field

from gedi_nesy.errors import Position

TRUE = 0  # the literal that always holds; key k > 0 is node k, -k its negation
Answer = tuple[str, ...]


@dataclass(frozen=True)
class NeuralSource:
    """A choice made by a network: class j has the network's probability j for the images in these slots."""

    network: str
    slots: tuple[int, ...]


@dataclass(frozen=True)
class Constant:
    """A choice with fixed probabilities; they sum to 1, so a class for "none of these" is among them."""

    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Learnable:
    """A choice whose probabilities are trained: `t(...) :: head`.

    Attributes:
        name: of the parameters; choices with one name share them.
        initial: the probabilities at the start of training; they sum to 1, so a class for "none of these" is among them.
        fixed: which classes keep their probability, plain numbers beside `t(...)` in an annotated disjunction.
    """

    name: str
    initial: tuple[float, ...]
    fixed: tuple[bool, ...]


Source = NeuralSource | Constant | Learnable


@dataclass(frozen=True)
class Choice:
    """A random variable with finitely many classes, independent of all others.

    Two choices may have one source: ProbLog makes a new choice for each grounding of a clause.

    Attributes:
        source: where its probabilities come from.
        num_classes: how many classes it has.
        classes: what they are called: the values of a network's domain, or the heads of a clause.
    """

    source: Source
    num_classes: int
    classes: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Atom:
    """The choice takes this class."""

    choice: int
    class_index: int


@dataclass(frozen=True)
class And:
    """All of the literals hold."""

    literals: tuple[int, ...]


@dataclass(frozen=True)
class Or:
    """Some literal holds."""

    literals: tuple[int, ...]


@dataclass(frozen=True)
class Formula:
    """An and-or graph over the choices of a program.

    Cycles mean their least solution: what holds must follow from choices in the end. No node depends on its own negation.

    Attributes:
        choices: the random variables.
        nodes: node k is `nodes[k - 1]`.
        roots: the literal of each provable answer, answers in order (numbers by size, then text).
        queries: the ground query of each answer as ProbLog text, image i written slot(i).
        evidence: literals that are known to hold.
        places: where each of them is stated.
    """

    choices: tuple[Choice, ...]
    nodes: tuple[Atom | And | Or, ...]
    roots: dict[Answer, int]
    queries: tuple[str, ...]
    evidence: tuple[int, ...]
    places: tuple[Position, ...] = ()
