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


def condition(examples: Training, max_nodes: int, *, probing: bool = False) -> Formula:
    """The formula whose only root holds for the maps that satisfy every example; choice f(c) has the source (network, c).

    Args:
        examples: what to satisfy.
        max_nodes: of the formula.
        probing: narrow what classes may be read as further first, at the cost of a pass for each class and value; a formula
            of far fewer nodes may come of it.

    Raises:
        DiagramTooLarge: it has more nodes than allowed.
    """
    allowed = _Narrowing(examples, max_nodes).allowed(probing)
    formulas = _Formulas(examples, max_nodes)
    domains = [formulas.read_as(read, values) for read, values in allowed.items()]
    steps = _Steps(examples, formulas, allowed, max_nodes)
    root = formulas.all([*domains, *(steps.read(given, read) for given, read in examples.roots)])
    assert root is not None  # the identity always satisfies
    choices = tuple(
        Choice(NeuralSource(read.network, (read.index,)), examples.sizes[read.network]) for read in examples.classes()
    )
    return Formula(choices, tuple(formulas.nodes), {(): root}, ("maps",), ())


class _Narrowing:
    """Rules out values that a class cannot be read as, as far as this can be told one class at a time."""

    def __init__(self, examples: Training, max_nodes: int) -> None:
        self._examples, self._max_nodes, self._sets = examples, max_nodes, _Sets(examples)

    def allowed(self, probing: bool) -> Allowed:
        """The values that are left for each class."""
        possible = self._by_single_classes()
        if probing:
            possible = self._by_probing(possible)
        return self._sets.values(possible)

    def _by_single_classes(self) -> int | None:
        """First by the readings in which each network sees a single class, as there are few and they may say all."""
        possible: int | None = self._sets.everything
        sizes = self._examples.sizes
        single = product(*([ReadClass(network, index) for index in range(size)] for network, size in sizes.items()))
        for trues in (*islice(single, MAX_SINGLE), None):
            possible = self._settled(possible, trues)
        return possible

    def _by_probing(self, possible: int | None) -> int | None:
        """Drop each value that would leave another class without any.

        Classes with most values go first, and the first that loses none is the last: others rarely would.
        """
        left = self._sets.values(possible)
        for read in sorted(left, key=lambda read: -len(left[read])):
            values = self._sets.values(possible)[read]
            kept = [value for value in values if self._settled(self._with(possible, read, [value])) is not None]
            if kept == values:
                break
            possible = self._with(possible, read, kept)
        return possible

    def _with(self, possible: int | None, read: ReadClass, values: Sequence[int]) -> int | None:
        return self._sets.all([possible, self._sets.read_as(read, values)])

    def _settled(self, possible: int | None, trues: Collection[ReadClass] | None = None) -> int | None:
        """What is left once nothing follows any more from the examples, or from those of some classes; None for nothing."""
        before: int | None = -1
        while before != possible and possible is not None:
            before = possible
            steps = _Steps(self._examples, self._sets, self._sets.values(possible), self._max_nodes, trues)
            possible = self._sets.all([possible, *(steps.read(given, read) for given, read in self._examples.roots)])
        return possible


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
        self._algebra, self._max_pairs = algebra, max_pairs
        self._allowed = {read: frozenset(values) for read, values in allowed.items()}
        self._num_classes = [choice.num_classes for choice in examples.circuit.choices]
        self._edges = examples.edges
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
        values_to: dict[int, list[int]] = {}
        for value in range(self._num_classes[level]):
            values_to.setdefault(self._after(read, level, value), []).append(value)
        values_to.pop(FALSE, None)
        conditions = []
        for true in self._reads[level]:
            rest = self._after(given, level, true.index)
            if rest != FALSE:
                conditions.append(self._read_class(true, rest, values_to))
                if conditions[-1] is None:
                    return None
        return self._algebra.all(conditions)

    def _read_class(self, true: ReadClass, given: int, values_to: Mapping[int, list[int]]) -> C | None:
        """As `read`, once the true class is known, and for each node that may follow the values which lead to it."""
        allowed = self._allowed[true]
        values_of: dict[C, list[int]] = {}
        for node, values in values_to.items():
            kept = [value for value in values if value in allowed]
            rest = self.read(given, node) if kept else None
            if rest is not None:
                values_of.setdefault(rest, []).extend(kept)
        if len(values_of) == 1 and len(*values_of.values()) == len(allowed):
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
