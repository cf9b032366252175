"""Tables of published numbers, one file each in papers/, and how a number of ours stands to them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from ..config.loader import Tree, read_yaml
from ..config.options import Options
from ..errors import ConfigError, UserError, did_you_mean
from .text import NOTHING

FOLDER = Path(__file__).with_name("papers")

Verdict = Literal["within", "better", "worse"]
# Class of each mark in a report.
MARKS = {"within": "good", "better": "good", "worse": "bad", "no number": "open", "not comparable": "open"}
Printed = str | Annotated[list[str], Field(min_length=1)]


# A number, and what stands behind ±.
PRINTED = re.compile(r"(-?\d+(?:\.\d+)?)(?: ± (\d+(?:\.\d+)?))?")


@dataclass(frozen=True)
class Cell:
    """A published number as printed, such as `0.96 ± 0.01`; what both are is the table's `statistic`."""

    printed: str

    @property
    def value(self) -> float:
        """The number."""
        return float(self.printed.partition(" ± ")[0])

    @property
    def spread(self) -> float | None:
        """Its spread over the paper's runs; None where the paper gives none."""
        text = self.printed.partition(" ± ")[2]
        return float(text) if text else None

    @property
    def decimals(self) -> int:
        """How many the number is printed with."""
        return len(self.printed.partition(" ± ")[0].partition(".")[2])

    @property
    def rounding(self) -> float:
        """How far the printed number may be from the one it was rounded from."""
        return 0.5 * 10.0**-self.decimals


class Metric(Options):
    """What one number of a cell is.

    A percent is a hundred times the number that results.json has.
    """

    heading: str
    """As the paper prints it."""
    better: Literal["higher", "lower"]
    unit: Literal["percent"] | None = None
    comparable: Annotated[bool, Field(strict=False)] = True
    """Whether ours is the same quantity; if not, both stand side by side without difference and mark, and the table's notes say why."""

    @property
    def factor(self) -> float:
        """A number of results.json times this is in the paper's unit."""
        return 100.0 if self.unit == "percent" else 1.0


class _File(Options):
    """A file of papers/. Every value is read as text, so that numbers keep the decimals that are printed."""

    title: str
    """The paper's caption."""
    paper: str
    """Authors and title."""
    reference: str
    """Where in the paper."""
    center: Literal["mean", "median"] | None = None
    """What a number is of several runs; not stated by default."""
    spread: Literal["standard deviation", "standard error"] | None = None
    """What stands behind ±."""
    runs: str | None = None
    """How many runs; not stated by default."""
    row_heading: str
    """What the row names are."""
    columns: dict[str, str]
    """Short column name -> the paper's heading."""
    metrics: dict[str, Metric]
    """Name of a number, as in results.json where there is one such, -> what it is."""
    cells: dict[str, dict[str, Printed]]
    """By row and column what is printed for each metric: `0.98 ± 0.01`, `0.98`, or an en dash for nothing."""
    notes: list[str] = []
    """What a reader of the numbers should know."""


@dataclass(frozen=True)
class PublishedTable:
    """A table as printed in a paper; `file` has what is said about it.

    Attributes:
        rows: row names, in the paper's order.
        cells: by row, column and metric; those that the paper leaves empty are absent.
    """

    name: str
    file: _File
    rows: tuple[str, ...]
    cells: dict[tuple[str, str, str], Cell]

    @property
    def title(self) -> str:
        """The paper's caption."""
        return self.file.title

    @property
    def columns(self) -> dict[str, str]:
        """Short column name -> the paper's heading."""
        return self.file.columns

    @property
    def metrics(self) -> dict[str, Metric]:
        """Name of a number -> what it is."""
        return self.file.metrics

    @property
    def row_heading(self) -> str:
        """What the row names are."""
        return self.file.row_heading

    @property
    def center(self) -> str | None:
        """mean or median, where the paper says so."""
        return self.file.center

    @property
    def spread(self) -> str | None:
        """standard deviation or standard error, where the paper has one."""
        return self.file.spread

    @property
    def notes(self) -> list[str]:
        """What a reader of the numbers should know."""
        return self.file.notes

    @property
    def statistic(self) -> str:
        """What a cell holds, such as `median ± standard deviation`."""
        if self.file.center is None or self.file.spread is None:
            return "one number, of how many runs is not said"
        return f"{self.file.center} ± {self.file.spread}"

    @property
    def source(self) -> str:
        """Paper and place in it."""
        return f"{self.file.paper}: {self.file.reference}"

    def describe(self, row: str, column: str) -> str:
        """The cells of a row and column in one line.

        Raises:
            UserError: the table has no such row or column.
        """
        cells = [f"{metric} {cell.printed}" for metric, cell in self.place(row, column).items()]
        return f"{', '.join(cells)} ({self.statistic}, {self.row_heading.lstrip('# ').lower()} {row}, {column})"

    def place(self, row: str, column: str) -> dict[str, Cell]:
        """The cells of a row and column by metric, without those that the paper leaves empty.

        Raises:
            UserError: the table has no such row or column; lists those it has.
        """
        require(row, self.rows, f'a row of published table "{self.name}"')
        require(column, self.columns, f'a column of published table "{self.name}"')
        places = {metric: (row, column, metric) for metric in self.metrics}
        return {metric: self.cells[place] for metric, place in places.items() if place in self.cells}


def published_names() -> list[str]:
    """The names of all tables, those of a paper together and in its order."""
    digits = re.compile(r"(\d+)$")
    return sorted(
        (file.stem for file in FOLDER.glob("*.yaml")),
        key=lambda name: (digits.sub("", name), int(match[1]) if (match := digits.search(name)) else 0),
    )


@cache
def load_published(name: str) -> PublishedTable:
    """A published table by its name, such as `gedi-table6`.

    Raises:
        UserError: there is no such table; lists those there are.
    """
    require(name, published_names(), "a published table")
    return read_published(FOLDER / f"{name}.yaml")


def read_published(path: Path) -> PublishedTable:
    """A published table from a file.

    Raises:
        UserError: the file cannot be read, or something in it is wrong; every fault with its place.
    """
    from ..config.validate import check_model  # which looks tables up itself

    tree = read_yaml(path, "a table of published numbers", as_text=True)
    faults: list[UserError] = []
    file = check_model(_File, tree.data, tree, (), faults)
    cells = _cells(tree, faults)
    if faults or file is None:
        raise ConfigError(faults)
    return PublishedTable(path.stem, file, tuple(file.cells), cells)


def _cells(tree: Tree, faults: list[UserError]) -> dict[tuple[str, str, str], Cell]:
    """What is printed where; as far as that can be said when other keys of the file are wrong."""
    columns, metrics, rows = (_mapping(tree.data.get(key)) for key in ("columns", "metrics", "cells"))
    cells: dict[tuple[str, str, str], Cell] = {}
    for row, places in rows.items():
        if set(_mapping(places)) != set(columns):
            message = f'row "{row}" has the columns {", ".join(_mapping(places)) or "none"}, not {", ".join(columns)}'
            faults.append(ConfigError(message, tree.position(("cells", row))))
        for column, printed in _mapping(places).items():
            texts = printed if isinstance(printed, list) else [printed]
            if len(texts) != len(metrics):
                message = f'row "{row}", column "{column}" has {len(texts)} numbers for {len(metrics)} metrics'
                faults.append(ConfigError(message, tree.position(("cells", row, column))))
                continue
            for metric, text in zip(metrics, texts, strict=True):
                if text != NOTHING and _is_printed(tree, row, column, text, faults):
                    cells[row, column, metric] = Cell(text)
    return cells


def _is_printed(tree: Tree, row: str, column: str, text: Any, faults: list[UserError]) -> bool:
    """Whether a number has the form that the table says; a fault is noted if not."""
    has_spread = "spread" in tree.data
    match = PRINTED.fullmatch(str(text))
    if match and (match[2] is not None) == has_spread:
        return True
    form = "0.98 ± 0.01" if has_spread else "0.98"
    message = f'row "{row}", column "{column}": "{text}" has not the form "{form}" or "{NOTHING}"'
    faults.append(ConfigError(message, tree.position(("cells", row, column))))
    return False


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def verdict(value: float, cell: Cell, metric: Metric) -> Verdict:
    """How a number in the paper's unit stands to the published one, both being the same quantity.

    Within means no farther from it than the paper's own spread, with half a printed digit more for rounding.
    """
    apart = value - cell.value
    # The last bit of a decimal fraction must not decide.
    if abs(apart) <= (cell.spread or 0.0) + cell.rounding + 1e-9:
        return "within"
    return "better" if (apart > 0) == (metric.better == "higher") else "worse"


def mark_of(value: float | None, cell: Cell, metric: Metric) -> str:
    """The verdict, or why there is none: one of MARKS."""
    if value is None:
        return "no number"
    return verdict(value, cell, metric) if metric.comparable else "not comparable"


def difference(value: float | None, cell: Cell | None, metric: Metric) -> float | None:
    """A number in the paper's unit less the published one; None where one is missing or they are not the same quantity."""
    return None if value is None or cell is None or not metric.comparable else value - cell.value


def scaled(value: float | None, metric: Metric) -> float | None:
    """A number of results.json in the paper's unit."""
    return None if value is None else metric.factor * value


def require(word: str, known: Iterable[str], what: str) -> None:
    """UserError that lists what is known, if the word is not."""
    known = list(known)
    if word not in known:
        raise UserError(f'"{word}" is not {what}. Known: {", ".join(known)}.{did_you_mean(word, known)}')
