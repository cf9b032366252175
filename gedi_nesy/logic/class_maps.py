"""A set of maps of classes to classes, kept as a decision diagram: counted, listed, told apart by labels."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from gedi_nesy.errors import LimitError
from gedi_nesy.logic.circuit import Circuit
from gedi_nesy.logic.formula import NeuralSource

Prior: TypeAlias = Mapping[str, Sequence[Fraction]]


@dataclass(frozen=True, order=True)
class ReadClass:
    """A class of a network's domain, which a map reads as some class."""

    network: str
    index: int


Labelled: TypeAlias = Collection[ReadClass]
Step: TypeAlias = Callable[[int, ReadClass, int], int | None]
"""From what is known of the choices so far, a class and what it is read as, to what is known then; None: not wanted."""


@dataclass(frozen=True)
class ClassMap:
    """For each network and class, the class it is read as."""

    values: Mapping[str, tuple[int, ...]]

    @property
    def moved(self) -> frozenset[ReadClass]:
        """The classes that are not read as themselves."""
        return frozenset(
            ReadClass(network, index)
            for network, values in self.values.items()
            for index, value in enumerate(values)
            if value != index
        )


class ClassMaps:
    """The maps that make the only root of a circuit hold.

    Args:
        circuit: has a choice for every class: the one with `NeuralSource(network, (index,))` says as what it is read.
        sizes: number of classes of each network; classes without a choice may be read as anything.
        max_states: of a count; LimitError beyond.
    """

    def __init__(self, circuit: Circuit, sizes: Mapping[str, int], max_states: int) -> None:
        self._circuit, self.sizes, self._max_states = circuit, sizes, max_states
        everything = [ReadClass(network, index) for network, size in sizes.items() for index in range(size)]
        chosen = [_read_class(choice.source) for choice in circuit.choices]
        self._levels = chosen + [read for read in everything if read not in set(chosen)]

    def count(self, start: int = 0, step: Step = lambda state, read, value: state) -> int:
        """How many maps there are along which `step` never gives None."""
        layer = {(self._circuit.roots[0], start): 1}
        for level, read in enumerate(self._levels):
            following: dict[tuple[int, int], int] = defaultdict(int)
            for (node, state), number in layer.items():
                for value, child in self._edges(node, level):
                    after = step(state, read, value)
                    if after is not None:
                        following[child, after] += number
                self._check(len(following))
            layer = following
        return sum(layer.values())

    def count_labelled(self, labelled: Labelled) -> int:
        """How many maps leave the labelled classes as they are."""
        return self.count(0, lambda state, read, value: state if value == read.index or read not in labelled else None)

    def count_preserving(self, prior: Prior) -> int:
        """How many maps push the prior of each network forward onto itself; under a uniform one, the permutations."""
        scale = math.lcm(*(mass.denominator for masses in prior.values() for mass in masses))
        width = scale.bit_length()
        fields = [(network, int(mass * scale)) for network, masses in prior.items() for mass in masses]
        start = sum(mass << place * width for place, (_, mass) in enumerate(fields))
        first = {network: [name for name, _ in fields].index(network) for network in prior}

        def step(left: int, read: ReadClass, value: int) -> int | None:
            if read.network not in prior:
                return left
            _, mass = fields[first[read.network] + read.index]
            shift = (first[read.network] + value) * width
            return None if left >> shift & ((1 << width) - 1) < mass else left - (mass << shift)

        # No class gets more than it has, and all of the mass goes somewhere: so each gets exactly what it has.
        return self.count(start, step)

    def nearest(self, number: int, labelled: Labelled = ()) -> list[ClassMap]:
        """The maps that move the fewest classes and none of the labelled ones; the identity, if it is there, is first."""
        layer: dict[int, list[tuple[int, tuple[int, ...]]]] = {self._circuit.roots[0]: [(0, ())]}
        for level, read in enumerate(self._levels):
            following: dict[int, list[tuple[int, tuple[int, ...]]]] = defaultdict(list)
            for node, partial in layer.items():
                for value, child in self._edges(node, level):
                    is_moved = value != read.index
                    if not (is_moved and read in labelled):
                        following[child] += [(moved + is_moved, (*values, value)) for moved, values in partial]
            layer = {node: sorted(partial)[:number] for node, partial in following.items()}
        return [self._as_map(values) for partial in layer.values() for _, values in partial]

    def smallest_labelled_sets(self, number: int) -> list[frozenset[ReadClass]]:
        """Some of the smallest sets of classes whose labels leave the identity alone, up to a number.

        A set will do if it has a class of each wrong map's moved ones. The wrong maps are brought in one at a time, as
        long as one of them escapes a smallest set that catches all before it.
        """
        caught: list[frozenset[ReadClass]] = []
        for size in range(len(self._levels) + 1):
            found: list[frozenset[ReadClass]] = []
            candidates = self._hitting_sets(caught, size)
            while len(found) < number and (candidate := next(candidates, None)) is not None:
                escaped = [moved for each in self.nearest(2, candidate) if (moved := each.moved)]
                if escaped:
                    caught.append(escaped[0])
                    candidates = self._hitting_sets(caught, size)
                elif candidate not in found:
                    found.append(candidate)
            if found:
                return found
        raise AssertionError("labels of all classes leave the identity alone")

    def _hitting_sets(self, sets: list[frozenset[ReadClass]], size: int) -> Iterator[frozenset[ReadClass]]:
        """The sets of at most so many classes that have a class of every given set, in a fixed order."""
        stack, seen = [frozenset[ReadClass]()], set[frozenset[ReadClass]]()
        while stack:
            chosen = stack.pop()
            missed = min((each for each in sets if not each & chosen), key=len, default=None)
            if missed is None:
                yield chosen
            elif len(chosen) < size:
                more = {chosen | {read} for read in missed} - seen
                seen |= more
                self._check(len(seen))
                stack.extend(sorted(more, key=sorted, reverse=True))

    def _edges(self, node: int, level: int) -> Iterator[tuple[int, int]]:
        """Value and child for each class as which the class of a level may be read."""
        if node >= 0 and self._circuit.nodes[node].choice == level:
            yield from self._circuit.nodes[node].edges
        else:
            yield from ((value, node) for value in range(self.sizes[self._levels[level].network]))

    def _as_map(self, values: Sequence[int]) -> ClassMap:
        value_of = dict(zip(self._levels, values, strict=True))
        return ClassMap(
            {
                network: tuple(value_of[ReadClass(network, index)] for index in range(size))
                for network, size in self.sizes.items()
            }
        )

    def _check(self, num_states: int) -> None:
        if num_states > self._max_states:
            raise LimitError(
                f"telling the maps of classes apart takes more than {self._max_states:,} states."
                " What to try: a query that says more about the classes, or a higher limit"
            )


def _read_class(source: object) -> ReadClass:
    assert isinstance(source, NeuralSource)
    return ReadClass(source.network, source.slots[0])
