"""Which maps of classes to classes keep every training example satisfied, as a formula over the maps.

Let f read class c as f(c). For nodes u and v of a diagram, v holds for the classes read whenever u holds for the true ones if

    read(u, v)  =  for each class c of u's choice there is a class j with  f(c) = j  and  read(u after c, v after j)

since "for all true classes" goes through the choices one by one. So read(r, r) for the root r of each answer takes as many steps as
pairs of nodes meet, however many readings and maps there are. The same steps are gone through twice: in an algebra of sets
of possible values, which leaves few classes that a class may be read as, and then in an algebra of formulas.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from itertools import islice, product
from typing import Generic, Protocol, TypeVar

from gedi_nesy.logic.circuit import FALSE, TRUE
from gedi_nesy.logic.class_maps import ReadClass
from gedi_nesy.logic.compiling import DiagramTooLarge
from gedi_nesy.logic.formula import TRUE as ALWAYS
from gedi_nesy.logic.formula import And, Atom, Choice, Formula, NeuralSource, Or
from gedi_nesy.logic.support import Training

MAX_SINGLE = 1000  # looks at readings of one class a network; networks with many classes have many of them
C = TypeVar("C", bound=Hashable)
Allowed = Mapping[ReadClass, Sequence[int]]


def condition(examples: Training, max_nodes: int) -> Formula:
    """The formula whose only root holds for the maps that satisfy every example; choice f(c) has the source (network, c).

    Raises:
        DiagramTooLarge: it has more nodes than allowed.
    """
    allowed = _narrowed(examples, max_nodes)
    formulas = _Formulas(examples, max_nodes)
    domains = [formulas.read_as(read, values) for read, values in allowed.items()]
    steps = _Steps(examples, formulas, allowed, max_nodes)
    root = formulas.all([*domains, *(steps.read(given, read) for given, read in examples.roots)])
    assert root is not None  # the identity always satisfies
    choices = tuple(
        Choice(NeuralSource(read.network, (read.index,)), examples.sizes[read.network]) for read in examples.classes()
    )
    return Formula(choices, tuple(formulas.nodes), {(): root}, ("maps",), ())


def _narrowed(examples: Training, max_nodes: int) -> Allowed:
    """The classes that each class may be read as, as far as this can be told one class at a time.

    First by the readings in which each network sees a single class, as there are few and they may say all.
    """
    sets = _Sets(examples)
    possible: int | None = sets.everything
    single = product(
        *([ReadClass(network, index) for index in range(size)] for network, size in examples.sizes.items())
    )
    for trues in (*islice(single, MAX_SINGLE), None):
        before: int | None = -1
        while before != possible and not sets.is_decided(possible):
            before = possible
            steps = _Steps(examples, sets, sets.values(possible), max_nodes, trues)
            possible = sets.all([possible, *(steps.read(given, read) for given, read in examples.roots)])
    return sets.values(possible)


class _Algebra(Protocol[C]):
    """Conditions on maps; None is the one that no map meets."""

    always: C

    def read_as(self, true: ReadClass, values: Sequence[int]) -> C | None: ...

    def all(self, conditions: Iterable[C | None]) -> C | None: ...

    def some(self, conditions: Iterable[C | None]) -> C | None: ...


class _Steps(Generic[C]):
    """The recursion of the module's formula.

    Args:
        examples: give the diagram.
        algebra: of the conditions.
        allowed: for each class what it may be read as.
        max_pairs: DiagramTooLarge beyond.
        trues: the only true classes to be looked at; None for all.
    """

    def __init__(
        self,
        examples: Training,
        algebra: _Algebra[C],
        allowed: Allowed,
        max_pairs: int,
        trues: Collection[ReadClass] | None = None,
    ) -> None:
        self._algebra, self._allowed, self._max_pairs = algebra, allowed, max_pairs
        self._edges = [dict(node.edges) for node in examples.circuit.nodes]
        self._level = [node.choice for node in examples.circuit.nodes]
        self._reads = [
            [read for read in examples.classes() if read.network == network and (trues is None or read in trues)]
            for network in examples.networks
        ]
        self._known: dict[tuple[int, int], C | None] = {}

    def read(self, given: int, read: int) -> C | None:
        """The maps under which `read` holds for the classes read whenever `given` holds for the true ones."""
        if given == FALSE or read == TRUE:
            return self._algebra.always
        if read == FALSE:
            return None  # as `given` holds for some classes
        if (given, read) not in self._known:
            if len(self._known) >= self._max_pairs:
                raise DiagramTooLarge
            self._known[given, read] = self._step(given, read)
        return self._known[given, read]

    def _step(self, given: int, read: int) -> C | None:
        level = min(self._level[node] for node in (given, read) if node != TRUE)
        conditions = []
        for true in self._reads[level]:
            rest = self._after(given, level, true.index)
            if rest != FALSE:
                conditions.append(self._read_class(true, rest, read, level))
                if conditions[-1] is None:
                    return None
        return self._algebra.all(conditions)

    def _read_class(self, true: ReadClass, given: int, read: int, level: int) -> C | None:
        """As `read`, once the true class at this level is known."""
        values_of: dict[C, list[int]] = {}
        for value in self._allowed[true]:
            rest = self.read(given, self._after(read, level, value))
            if rest is not None:
                values_of.setdefault(rest, []).append(value)
        if len(values_of) == 1 and len(*values_of.values()) == len(self._allowed[true]):
            return next(iter(values_of))
        algebra = self._algebra
        return algebra.some([algebra.all([algebra.read_as(true, values), rest]) for rest, values in values_of.items()])

    def _after(self, node: int, level: int, value: int) -> int:
        if node < 0 or self._level[node] != level:
            return node
        return self._edges[node].get(value, FALSE)


class _Sets:
    """Conditions on each f(c) by itself, in one number: a bit for each value that is possible, and a gap after each class."""

    def __init__(self, examples: Training) -> None:
        self._fields: dict[ReadClass, tuple[int, int]] = {}
        self.everything = self._gaps = end = 0
        for read in examples.classes():
            size = examples.sizes[read.network]
            self._fields[read] = (end, size)
            self.everything |= ((1 << size) - 1) << end
            end += size + 1
            self._gaps |= 1 << (end - 1)
        self.always = self.everything

    def read_as(self, true: ReadClass, values: Sequence[int]) -> int | None:
        """The class is read as one of these."""
        start, size = self._fields[true]
        kept = sum(1 << start + value for value in values)
        return self.everything & ~(((1 << size) - 1) << start) | kept

    def all(self, conditions: Iterable[int | None]) -> int | None:
        """What every condition leaves possible."""
        left = self.everything
        for possible in conditions:
            if possible is None:
                return None
            left &= possible
        # Adding ones to a class's bits carries into its gap unless the bits are all zero.
        return left if (left + self.everything) & self._gaps == self._gaps else None

    def some(self, conditions: Iterable[int | None]) -> int | None:
        """What some condition leaves possible, and perhaps more."""
        union = 0
        for possible in conditions:
            union |= possible or 0
        return union or None

    def values(self, possible: int | None) -> dict[ReadClass, list[int]]:
        """For each class what it may be read as."""
        assert possible is not None  # the identity always satisfies
        return {
            read: [value for value in range(size) if possible >> start + value & 1]
            for read, (start, size) in self._fields.items()
        }

    def is_decided(self, possible: int | None) -> bool:
        """Whether each class can be read in one way alone."""
        return possible is not None and possible.bit_count() == len(self._fields)


class _Formulas:
    """Conditions as literals of a formula over the choices f(c)."""

    always = ALWAYS

    def __init__(self, examples: Training, max_nodes: int) -> None:
        self._number = {read: number for number, read in enumerate(examples.classes())}
        self._sizes, self._max_nodes = examples.sizes, max_nodes
        self.nodes: dict[Atom | And | Or, int] = {}

    def read_as(self, true: ReadClass, values: Sequence[int]) -> int | None:
        """The class is read as one of these."""
        if len(values) == self._sizes[true.network]:
            return ALWAYS
        return self.some([self._node(Atom(self._number[true], value)) for value in values])

    def all(self, conditions: Iterable[int | None]) -> int | None:
        """Every condition is met."""
        kept = set(conditions) - {ALWAYS}
        if None in kept:
            return None
        return self._join(And, kept) if kept else ALWAYS

    def some(self, conditions: Iterable[int | None]) -> int | None:
        """Some condition is met."""
        kept = set(conditions) - {None}
        if ALWAYS in kept:
            return ALWAYS
        return self._join(Or, kept) if kept else None

    def _join(self, kind: type[And] | type[Or], conditions: Collection[int | None]) -> int:
        literals = tuple(sorted(literal for literal in conditions if literal is not None))
        return literals[0] if len(literals) == 1 else self._node(kind(literals))

    def _node(self, node: Atom | And | Or) -> int:
        key = self.nodes.setdefault(node, len(self.nodes) + 1)
        if key > self._max_nodes:
            raise DiagramTooLarge
        return key
