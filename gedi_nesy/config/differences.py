"""Where configs, or other trees of plain data, are not the same: changed keys only, each with its value in every tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .writing import to_yaml

PRESENT = "present"


class _Absent:
    """Stands where a tree has no such key."""


_ABSENT = _Absent()


def differences(trees: Sequence[Any], key: str = "") -> dict[str, list[Any]]:
    """Dotted key -> the value in each tree, None where it has none.

    Items of a list that have names go by them, others by their places; one that only some have is PRESENT there. The value of a
    list whose items differ in their order alone is that order.

    Example:
        >>> differences([{"seed": 0, "views": [{"name": "flip"}]}, {"seed": 1, "views": []}])
        {'seed': [0, 1], 'views.flip': ['present', None]}
    """
    return dict(_found(trees, key))


def written(value: Any) -> str:
    """A value as it stands in a config, on one line; empty for None."""
    return "" if value is None else to_yaml(value, one_line=True)


def _found(trees: Sequence[Any], key: str) -> Iterator[tuple[str, list[Any]]]:
    if all(tree == trees[0] for tree in trees):
        return
    holders = [tree for tree in trees if isinstance(tree, dict | list)]
    if not holders or any(not isinstance(tree, dict | list | _Absent | None) for tree in trees) or _has_values(holders):
        yield key, [_or_none(tree) for tree in trees]
        return
    items = isinstance(holders[0], list)
    parts = [_parts(tree) for tree in trees]
    inner = [
        row
        for name in dict.fromkeys(name for part in parts for name in part)
        for row in _of_part([part.get(name, _ABSENT) for part in parts], f"{key}.{name}".lstrip("."), items)
    ]
    yield from inner or [(key, [list(part) or _or_none(tree) for part, tree in zip(parts, trees, strict=True)])]


def _of_part(values: list[Any], key: str, is_item: bool) -> Iterator[tuple[str, list[Any]]]:
    """The rows of a key; for an item of a list first who has it, then how those who do differ."""
    here = [index for index, value in enumerate(values) if value is not _ABSENT]
    if not is_item or len(here) == len(values):
        yield from _found(values, key)
        return
    yield key, [PRESENT if index in here else None for index in range(len(values))]
    for inner, row in _found([values[index] for index in here], key):
        yield inner, [row[here.index(index)] if index in here else None for index in range(len(values))]


def _or_none(tree: Any) -> Any:
    return None if tree is _ABSENT else tree


def _has_values(holders: Sequence[Any]) -> bool:
    """Whether one of them is a list of values, such as widths, which is a value itself."""
    return any(
        isinstance(item, str | int | float | None) for tree in holders if isinstance(tree, list) for item in tree
    )


def _parts(tree: Any) -> dict[str, Any]:
    """What a tree is made of, by names."""
    if isinstance(tree, dict):
        return {str(key): value for key, value in tree.items()}
    items = tree if isinstance(tree, list) else []
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    if None in names or len(set(map(str, names))) < len(names):
        return {str(index): item for index, item in enumerate(items)}
    return {
        str(name): {key: value for key, value in item.items() if key != "name"}
        for name, item in zip(names, items, strict=True)
    }
