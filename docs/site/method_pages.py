"""Markdown pages about methods: what their module's docstring, their class and the bundled configs say."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from schema_tables import cell

from gedi_nesy.config.loader import load_tree
from gedi_nesy.config.locate import bundled, find_config
from gedi_nesy.methods import capabilities

RESULTS = Path(__file__).resolve().parent.parent / "pretraining.md"


def method_index(methods: Mapping[str, type]) -> str:
    """A line for each method."""
    rows = []
    for name, method in methods.items():
        title, idea, _ = _docstring(method)
        feeds = "yes" if "class_log_probs" in capabilities(method) else "no"
        rows.append(f"| [`{name}`]({name}.md) | {cell(title)} | {cell(idea)} | {feeds} |")
    return INDEX.format(rows="\n".join(rows))


def method_page(name: str, method: Any, options: str) -> str:
    """Objective, terms, what it offers, options, the configs that use it with weights and results."""
    title, idea, body = _docstring(method)
    offers = ", ".join(f"`{capability}`" for capability in capabilities(method)) or "nothing"
    return PAGE.format(
        title=title,
        idea=idea,
        body=body,
        name=name,
        terms="\n".join(f"| `{term}` | {cell(meaning)} |" for term, meaning in method.TERMS.items()),
        offers=offers,
        about=inspect.cleandoc(method.__doc__).partition("\n")[0],
        feeds="can" if "class_log_probs" in capabilities(method) else "cannot",
        options=options,
        configs=_configs(name),
        source=f"plugins/methods/{Path(inspect.getfile(method)).name}",
    )


def _docstring(method: type) -> tuple[str, str, str]:
    """Title, the rest of the first line, and the body of a method's module as Markdown."""
    first, _, rest = inspect.cleandoc(sys.modules[method.__module__].__doc__ or "").partition("\n")
    title, _, idea = first.partition(": ")
    body = re.sub(r"^Config: .*(\n\S.*)*", "", rest, flags=re.M)  # the page lists all configs
    body = re.sub(r"^(Source|Differences): ", r"\n**\1.** ", body, flags=re.M)
    body = re.sub(r"\n{3,}", "\n\n", body)
    return title, idea[:1].upper() + idea[1:], body.strip("\n")


def _configs(name: str) -> str:
    """A row for each bundled config that trains with a method."""
    rows = [
        f"| `{config}` | {cell(weights)} | {cell(_result(config))} |"
        for config, (method, weights) in _bundled().items()
        if method == name
    ]
    return "\n".join(["| config | weights of terms | measured |", "|---|---|---|", *rows]) if rows else "None."


@cache
def _bundled() -> dict[str, tuple[str, str]]:
    """Each bundled config's method, and its weights as text."""
    found = {}
    for config in bundled(".yaml"):
        data = load_tree(config).data
        method = data["method"] if isinstance(data["method"], str) else data["method"]["name"]
        found[config] = (method, ", ".join(f"{term} {weight:g}" for term, weight in data["weights"].items()))
    return found


def _result(config: str) -> str:
    """What was measured of a config: as its header has it, or the table of small runs."""
    header = re.match(r"(#.*\n)*", find_config(config).read_text(encoding="utf-8"))
    lines = [line.lstrip("# ") for line in header[0].splitlines()] if header else []
    text = "\n".join(lines).partition("Measured, ")[2].partition("\n\n")[0]
    first_sentence = re.split(r"(?<=\.)\s", text)[0]
    return first_sentence or _small_runs().get(config, "")


@cache
def _small_runs() -> dict[str, str]:
    """Config -> the numbers of its row in docs/pretraining.md, each after the head of its column."""
    found: dict[str, str] = {}
    head: list[str] = []
    for cells in _table_rows(RESULTS.read_text(encoding="utf-8")):
        if cells[0] == "config":
            head = cells
        elif config := re.fullmatch(r"`(.+)`", cells[0]):
            numbers = [
                f"{column} {value}" for column, value in zip(head, cells, strict=True) if re.match(r"[\d.]+", value)
            ]
            found.setdefault(config[1], ", ".join(numbers) + " ([protocol](../pretraining.md))")
    return found


def _table_rows(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        if line.startswith("| "):
            yield [part.strip() for part in line.strip("| ").split(" | ")]


INDEX = """\
# Methods

Each is chosen by its name, `method: {{name: simclr}}`. One that gives class probabilities can feed a ProbLog program; the others train
representations.

| name | method | idea | class probabilities |
|---|---|---|---|
{rows}
"""

PAGE = """\
# {title}

{idea}

{body}

## Terms

A config weighs them under `weights`; a term without a weight is not computed.

| term | what it is |
|---|---|
{terms}

## What it offers

{about}

[Evaluators](../evaluators.md) and programs ask for capabilities by these names: {offers}. Such a method {feeds} feed a ProbLog program.

## Options

`method: {{name: {name}}}` with any of

{options}

## Configs

{configs}

The header of a config has the whole account of its number. Code: `{source}`.
"""
