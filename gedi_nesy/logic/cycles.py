"""Which nodes of a formula depend on each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gedi_nesy.logic.formula import Atom, Formula


def components(formula: Formula) -> list[tuple[int, ...]]:
    """The nodes that answers and evidence need, in groups of which each needs itself and earlier ones only.

    A group of more than one node is a cycle. (Tarjan 1972, without recursion: proofs may be deep.)
    """
    found: list[tuple[int, ...]] = []
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    open_keys: list[int] = []
    is_open: set[int] = set()
    walk: list[tuple[int, Iterator[int]]] = []

    def enter(key: int) -> None:
        index[key] = low[key] = len(index)
        open_keys.append(key)
        is_open.add(key)
        walk.append((key, iter(children(formula, key))))

    for root in needed_keys((*formula.roots.values(), *formula.evidence)):
        if root not in index:
            enter(root)
        while walk:
            key, rest = walk[-1]
            child = next(rest, None)
            if child is None:
                walk.pop()
                if walk:
                    low[walk[-1][0]] = min(low[walk[-1][0]], low[key])
                if low[key] == index[key]:
                    place = open_keys.index(key)
                    found.append(tuple(sorted(open_keys[place:])))
                    is_open.difference_update(open_keys[place:])
                    del open_keys[place:]
            elif child not in index:
                enter(child)
            elif child in is_open:
                low[key] = min(low[key], index[child])
    return found


def children(formula: Formula, key: int) -> list[int]:
    """The nodes under a node, whatever their signs."""
    node = formula.nodes[key - 1]
    return [] if isinstance(node, Atom) else needed_keys(node.literals)


def needed_keys(literals: Iterable[int]) -> list[int]:
    """The nodes of some literals; the literal 0, which always holds, has none."""
    return [abs(literal) for literal in literals if literal]
