"""A run beside a published table, in a report."""

from __future__ import annotations

from html import escape

from .published import MARKS, Cell, PublishedTable, difference, mark_of, scaled
from .text import NOTHING, show, words


def beside_html(table: PublishedTable, theirs: dict[str, Cell], ours: dict[str, float | None]) -> str:
    """Each metric of the run beside the published one, with their difference and whether the spread covers it."""
    rows = []
    for metric, cell in theirs.items():
        what = table.metrics[metric]
        value = scaled(ours[metric], what)
        apart = difference(value, cell, what)
        written = NOTHING if apart is None else f"{apart:+.3f}".replace("-", "\u2212")
        mark = mark_of(value, cell, what)
        rows.append(
            f'<tr><th scope="row">{escape(words(metric))}</th><td>{show(value)}</td>'
            f"<td>{_cell(cell)}</td>"
            f'<td>{written}</td><td class="{MARKS[mark]}">{mark}</td></tr>'
        )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("", "this run", "paper", "difference", "mark"))
    caption = '<caption class="quiet">This run beside the paper</caption>'
    return f'<table class="beside">{caption}<thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def published_html(table: PublishedTable, row: str, column: str, ours: dict[str, float | None]) -> str:
    """The whole published table, the named row and column marked, our numbers below the cell they belong to."""
    groups = metrics = body = ""
    for name, heading in table.columns.items():
        here = _here(name == column)
        groups += f'<th scope="colgroup" colspan="{len(table.metrics)}"{here}>{escape(heading)}</th>'
        metrics += "".join(f'<th scope="col"{here}>{escape(metric.heading)}</th>' for metric in table.metrics.values())
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
    cells = [table.cells.get((row, column, metric)) for metric in table.metrics]
    current = ' aria-current="true"' if marked else ""
    return "".join(f"<td{_here(marked)}{current}>{_cell(cell) if cell else NOTHING}</td>" for cell in cells)


def _our_row(table: PublishedTable, column: str, ours: dict[str, float | None]) -> str:
    places = [(name, metric) for name in table.columns for metric in table.metrics]
    cells = "".join(
        _our_cell(scaled(ours.get(metric), table.metrics[metric])) if name == column else "<td></td>"
        for name, metric in places
    )
    return f'<tr class="ours"><th scope="row">this run</th>{cells}</tr>'


def _our_cell(value: float | None) -> str:
    """Keeps all digits for downloads."""
    return f"<td>{NOTHING}</td>" if value is None else f'<td data-value="{value!r}">{show(value)}</td>'


def _cell(cell: Cell) -> str:
    value, plus, spread = cell.printed.partition(" ± ")
    return f'{value} <span class="spread">± {spread}</span>' if plus else value


def _here(marked: bool) -> str:
    return ' class="here"' if marked else ""
