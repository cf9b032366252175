"""Can a program be learned at all? The wrong readings of the classes that satisfy every training example.

A classifier that reads class c as f(c), always, is not corrected by a constraint that holds for the classes f(c) whenever it
holds for the true ones. Such maps f other than the identity are reasoning shortcuts (Marconato et al. 2023, arXiv 2305.19951;
there too they are counted as deterministic maps). Here they are counted exactly and without trying them: `map_conditions`
states which maps satisfy as a formula over the choices f(c), which is compiled as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from gedi_nesy.errors import LimitError, Position
from gedi_nesy.logic.circuit import Circuit
from gedi_nesy.logic.class_maps import ClassMap, ClassMaps, Labelled, Prior, ReadClass
from gedi_nesy.logic.compiling import DiagramTooLarge, Work, compile
from gedi_nesy.logic.map_conditions import condition
from gedi_nesy.logic.query import QueryTemplate
from gedi_nesy.logic.recursion import deep_recursion
from gedi_nesy.logic.support import ALL, Support, Training, joined, training

MAX_NODES = 1_000_000
FIRST_NODES = 200_000  # beyond, it pays to narrow further what classes may be read as
NODES_PER_STATE = 10  # a state of a count takes about as long as so many nodes
LISTED = 10
T = TypeVar("T")


@dataclass(frozen=True)
class ShortcutReport:
    """How much a query and its training examples say about the classes.

    Attributes:
        sizes: number of classes of each network that the answers depend on.
        maps: how many maps of classes to classes satisfy every example, the intended one among them.
        permutations: how many of them read something as each class; None if that is too many to tell.
        prior_known: how many push the given prior forward onto itself; None without a prior.
        labelled: how many leave the given classes as they are; None without such classes.
        nearest: up to ten of the maps, those first that move the fewest classes; the intended one is the first.
        label_sets: up to ten of the smallest sets of classes whose labels leave the intended map alone; None if too many
            would have to be tried.
        unseen: classes that no training example has.
    """

    sizes: Mapping[str, int]
    maps: int
    permutations: int | None
    prior_known: int | None
    labelled: int | None
    nearest: tuple[ClassMap, ...]
    label_sets: tuple[frozenset[ReadClass], ...] | None
    unseen: tuple[ReadClass, ...]


def count_shortcuts(
    circuit: Circuit,
    template: QueryTemplate,
    *,
    support: Support = ALL,
    prior: Prior | None = None,
    labelled: Labelled | None = None,
    max_nodes: int = MAX_NODES,
) -> ShortcutReport:
    """The exact number of ways to read classes as classes that a constraint cannot tell from the right one.

    Args:
        circuit: of the template's query.
        template: names slots in errors.
        support: the training examples: every provable reading, those whose classes all differ, or some readings.
            A reading without a given answer stands with each of its answers.
        prior: the known probability of each class of each network.
        labelled: classes for which some images have labels.
        max_nodes: of the decision diagram over the maps.

    Raises:
        ProgramError: chance of the program's own decides an answer, a network reads several images at once or makes two
            choices for one image, or the support cannot be used.
        LimitError: the diagram is larger than allowed, or the maps of a given prior cannot be told apart within it.
    """
    parts = [training(circuit, template, support)]
    return count_shortcuts_of(parts, template.text, prior=prior, labelled=labelled, max_nodes=max_nodes)


def count_shortcuts_of(
    parts: Sequence[Training],
    query: str,
    *,
    prior: Prior | None = None,
    labelled: Labelled | None = None,
    max_nodes: int = MAX_NODES,
) -> ShortcutReport:
    """The number of ways to read classes that satisfy the examples of every part; see `count_shortcuts`.

    Args:
        parts: examples of one program, such as those of a query with lists of two images and of three.
        query: their name in errors.
    """
    examples = joined(parts)
    maps = ClassMaps(_compiled(examples, query, max_nodes), examples.sizes, max_nodes // NODES_PER_STATE)
    uniform = {network: (Fraction(1),) * size for network, size in examples.sizes.items()}
    seen = set[ReadClass]().union(*(part.seen() for part in parts))
    return ShortcutReport(
        sizes=examples.sizes,
        maps=maps.count(),
        permutations=_unless_too_many(lambda: maps.count_preserving(uniform)),
        prior_known=None if prior is None else maps.count_preserving(prior),
        labelled=None if labelled is None else maps.count_labelled(labelled),
        nearest=tuple(maps.nearest(LISTED)),
        label_sets=_unless_too_many(lambda: tuple(maps.smallest_labelled_sets(LISTED))),
        unseen=tuple(read for read in examples.classes() if read not in seen),
    )


def _compiled(examples: Training, query: str, max_nodes: int) -> Circuit:
    """The circuit whose only root holds for the maps that satisfy every example."""
    with deep_recursion():
        try:
            return _attempt(examples, min(FIRST_NODES, max_nodes), probing=False)
        except DiagramTooLarge:
            pass
        try:
            return _attempt(examples, max_nodes, probing=True)
        except DiagramTooLarge as error:
            raise LimitError(
                f"counting the shortcuts of the query {query} takes more than {max_nodes:,} nodes."
                " What to try: a query of fewer images that says the same, or a higher limit",
                Position(f"query {query}"),
            ) from error


def _attempt(examples: Training, max_nodes: int, probing: bool) -> Circuit:
    return compile(condition(examples, max_nodes, probing=probing), work=Work(max_nodes=max_nodes))


def _unless_too_many(count: Callable[[], T]) -> T | None:
    try:
        return count()
    except LimitError:
        return None
