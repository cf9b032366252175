"""Tables of published numbers, kept in published.json, and how a run stands beside them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from ..errors import UserError, did_you_mean
from .figures import NOTHING, show, words

FILE = Path(__file__).with_name("published.json")


@dataclass(frozen=True)
class Cell:
    """A published number and its spread over the paper's runs; what they are is the table's `statistic`."""

    value: float
    spread: float


@dataclass(frozen=True)
class PublishedTable:
    """A table as printed in a paper.

    Attributes:
        title: the paper's caption.
        paper: authors and title.
        reference: where in the paper.
        statistic: what a cell holds, such as `median ± standard deviation`.
        decimals: how many the paper prints.
        row_heading: what the row names are.
        rows: row names, in the paper's order.
        columns: short column name, as used in a config -> the paper's heading.
        metrics: name of a number in results.json -> the paper's heading.
        cells: by row, column and metric.
    """

    name: str
    title: str
    paper: str
    reference: str
    statistic: str
    decimals: int
    row_heading: str
    rows: tuple[str, ...]
    columns: dict[str, str]
    metrics: dict[str, str]
    cells: dict[tuple[str, str, str], Cell]

    @property
    def rounding(self) -> float:
        """How far a printed number may be from the one it was rounded from."""
        return 0.5 * 10.0**-self.decimals

    @property
    def source(self) -> str:
        """Paper and place in it."""
        return f"{self.paper}: {self.reference}"

    def describe(self, row: str, column: str) -> str:
        """The cells of a row and column in one line.

        Raises:
            UserError: the table has no such row or column.
        """
        cells = [f"{metric} {_text(cell, self.decimals)}" for metric, cell in self.place(row, column).items()]
        return f"{', '.join(cells)} ({self.statistic}, {self.row_heading.lstrip('# ').lower()} {row}, {column})"

    def place(self, row: str, column: str) -> dict[str, Cell]:
        """The cells of a row and column by metric.

        Raises:
            UserError: the table has no such row or column; lists those it has.
        """
        _require(row, self.rows, f'a row of published table "{self.name}"')
        _require(column, self.columns, f'a column of published table "{self.name}"')
        return {metric: self.cells[row, column, metric] for metric in self.metrics}


def load_published(name: str) -> PublishedTable:
    """A published table by its name, such as `gedi-table6`.

    Raises:
        UserError: there is no such table; lists those there are.
    """
    tables: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
    _require(name, tables, "a published table")
    fields = dict(tables[name])
    nested = fields.pop("cells")
    cells = {
        (row, column, metric): Cell(*pair)
        for row, columns in nested.items()
        for column, metrics in columns.items()
        for metric, pair in metrics.items()
    }
    return PublishedTable(name=name, rows=tuple(nested), cells=cells, **fields)


def beside_html(table: PublishedTable, theirs: dict[str, Cell], ours: dict[str, float | None]) -> str:
    """Each metric of the run beside the published one, with their difference and whether the spread covers it."""
    rows = []
    for metric, cell in theirs.items():
        value = ours[metric]
        difference = NOTHING if value is None else f"{value - cell.value:+.3f}".replace("-", "\u2212")
        kind, verdict = _verdict(value, cell, table.rounding)
        rows.append(
            f'<tr><th scope="row">{escape(words(metric))}</th><td>{show(value)}</td>'
            f"<td>{_cell(cell, table.decimals)}</td>"
            f'<td>{difference}</td><td class="{kind}">{verdict}</td></tr>'
        )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("", "this run", "paper", "difference", "spread"))
    caption = '<caption class="quiet">This run beside the paper</caption>'
    return f'<table class="beside">{caption}<thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _verdict(ours: float | None, cell: Cell, rounding: float) -> tuple[str, str]:
    if ours is None:
        return "open", "no number"
    difference = ours - cell.value
    # The last bit of a decimal fraction must not decide.
    if abs(difference) <= cell.spread + rounding + 1e-9:
        return "good", "within"
    return ("good", "above") if difference > 0 else ("bad", "below")


def published_html(table: PublishedTable, row: str, column: str, ours: dict[str, float | None]) -> str:
    """The whole published table, the named row and column marked, our numbers below the cell they belong to."""
    groups = metrics = body = ""
    for name, heading in table.columns.items():
        here = _here(name == column)
        groups += f'<th scope="colgroup" colspan="{len(table.metrics)}"{here}>{escape(heading)}</th>'
        metrics += "".join(f'<th scope="col"{here}>{escape(text)}</th>' for text in table.metrics.values())
    for name in table.rows:
        label = show(int(name)) if name.isdigit() else escape(name)
        cells = "".join(_their_cells(table, name, other, name == row and other == column) for other in table.columns)
        body += f'<tr{_here(name == row)}><th scope="row">{label}</th>{cells}</tr>'
        body += _our_row(table, column, ours) if name == row else ""
    caption = f"{table.statistic.capitalize()}, as published; the marked cell is what this run repeats"
    return f"""<table class="published"><caption>{escape(caption)}</caption>
<thead><tr><th scope="col" rowspan="2">{escape(table.row_heading)}</th>{groups}</tr><tr>{metrics}</tr></thead>
<tbody>{body}</tbody></table>"""


def _their_cells(table: PublishedTable, row: str, column: str, marked: bool) -> str:
    cells = [table.cells[row, column, metric] for metric in table.metrics]
    current = ' aria-current="true"' if marked else ""
    return "".join(f"<td{_here(marked)}{current}>{_cell(cell, table.decimals)}</td>" for cell in cells)


def _our_row(table: PublishedTable, column: str, ours: dict[str, float | None]) -> str:
    places = [(name, metric) for name in table.columns for metric in table.metrics]
    cells = "".join(f"<td>{show(ours[metric]) if name == column else ''}</td>" for name, metric in places)
    return f'<tr class="ours"><th scope="row">this run</th>{cells}</tr>'


def _cell(cell: Cell, decimals: int) -> str:
    return f'{cell.value:.{decimals}f} <span class="spread">± {cell.spread:.{decimals}f}</span>'


def _text(cell: Cell, decimals: int) -> str:
    return f"{cell.value:.{decimals}f} ± {cell.spread:.{decimals}f}"


def _here(marked: bool) -> str:
    return ' class="here"' if marked else ""


def _require(word: str, known: tuple[str, ...] | dict[str, Any], what: str) -> None:
    if word not in known:
        raise UserError(f'"{word}" is not {what}. Known: {", ".join(known)}.{did_you_mean(word, known)}')
