"""The confusion matrix as a heat map."""

from __future__ import annotations

from html import escape

from ..page import Section, tools
from ..run_files import RunFiles
from ..text import NOTHING

# Beyond this many classes a cell is too small for its count.
MAX_PRINTED_CLASSES = 16


def confusion(files: RunFiles) -> Section:
    """True classes against predicted ones."""
    matrix = files.table("confusion")
    return Section("Confusion", _table(matrix, files.table("classes") or []) if matrix else "")


def _table(matrix: list[list[int]], classes: list[str]) -> str:
    """Rows are true classes, columns predicted ones, colour is the share of the row."""
    width = max((len(row) for row in matrix), default=0)
    columns = classes if len(classes) == width else [str(column) for column in range(width)]
    rows = classes if len(classes) == len(matrix) else [str(row) for row in range(len(matrix))]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "".join(_row(index, rows[index], counts, columns) for index, counts in enumerate(matrix))
    dense = " dense" if width > MAX_PRINTED_CLASSES else ""
    return f"""<figure class="table confusion{dense}">
<div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix. Arrow keys read single cells.">
<table><caption>Images by true class (rows) and predicted class (columns); colour is the share of the row</caption>
<thead><tr><td data-csv="true class"></td>{head}<th scope="col" class="recall">right</th></tr></thead><tbody>{body}</tbody></table></div>
<p class="readout" aria-live="polite">Point at a cell to read it, or press the arrow keys.</p>
{tools("confusion matrix", "csv", "png")}</figure>"""


def _row(index: int, name: str, counts: list[int], columns: list[str]) -> str:
    total = sum(counts)
    cells = []
    for column, count in enumerate(counts):
        share = count / total if total else 0.0
        text = f"true {name}, predicted {columns[column]}: {count:,} of {total:,} images ({share:.1%})"
        kind = ' class="zero"' if not count else ""
        cells.append(f'<td{kind} style="--share:{share:.1%}" title="{escape(text)}"><span>{count}</span></td>')
    right = f"{counts[index] / total:.1%}" if total and index < len(counts) else NOTHING
    return f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}<td class="recall">{right}</td></tr>'
