"""Lets mkdocs.yml say "*" for the pages of a folder, so that a new page needs no line there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any


def on_config(config: Any) -> Any:
    """MkDocs calls this with its config before it looks at the pages."""
    named = set(_pages(config.nav))
    config.nav = _expanded(config.nav, named, Path(config.docs_dir))
    return config


def _pages(items: Any) -> Iterator[str]:
    """The pages that a navigation names."""
    if isinstance(items, str):
        yield items
    else:
        for item in items.values() if isinstance(items, dict) else items:
            yield from _pages(item)


def _expanded(items: list[Any], named: set[str], folder: Path) -> list[Any]:
    expanded: list[Any] = []
    for item in items:
        if isinstance(item, dict):
            expanded.append({title: _expanded(below, named, folder) if isinstance(below, list) else below
                             for title, below in item.items()})  # fmt: skip
        elif item.endswith("*"):
            found = sorted(path.relative_to(folder).as_posix() for path in folder.glob(f"{item}.md"))
            expanded += [page for page in found if page not in named]
        else:
            expanded.append(item)
    return expanded
