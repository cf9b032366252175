"""A filled table as text for a terminal, and as JSON, CSV and Markdown files."""

from __future__ import annotations

import csv
import io
import json
import textwrap
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from ..errors import RunError, UserError
from ..files import finite, write_atomic
from .filling import Entry, Filled
from .naming import command, report_link, table_name
from .page import html_page
from .words import Speech, caveat, facts, heading, run_name

LINES = ("ours", "paper", "difference")


def as_text(filled: Filled, width: int) -> str:
    """The table in the paper's shape, three lines a row; as many columns side by side as fit into the width."""
    speech = Speech(filled)
    blocks = _blocks(filled, speech, width)
    wrapped = [textwrap.fill(line, width, subsequent_indent="  ") for line in (*speech.footnotes(), *facts(filled))]
    return "\n".join([textwrap.fill(heading(filled.plan), width), "", *blocks, *wrapped])


def as_markdown(filled: Filled, folder: Path) -> str:
    """One line an entry, and one a run with the way from this folder to its report."""
    speech, table = Speech(filled), filled.plan.recipe.table
    head = [table.row_heading, "column", "number", "ours", "n", "paper", "difference", "mark"]
    lines = [f"# {heading(filled.plan)}", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for entry in filled.entries:
        said = speech.say(entry)
        ours = said.ours + (f" [{said.number}]" if said.number else "")
        cells = [
            entry.row, table.columns[entry.column], table.metrics[entry.metric].heading, ours, str(len(entry.values)),
            said.theirs, said.difference, said.mark,
        ]  # fmt: skip
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    notes = [line.replace("[", "\\[", 1) for line in speech.footnotes()] + facts(filled)
    again = f"    {command(filled.plan, filled.folder, folder)}"
    lines += ["", *(f"- {note}" for note in notes), "", "## Runs", "", *(_run_line(run, folder) for run in filled.runs)]
    return "\n".join([*lines, "", "## To make it again", "", again]) + "\n"


def as_csv(filled: Filled) -> str:
    """One line an entry, numbers in the paper's unit; the scale stands in every line."""
    text = io.StringIO()
    rows = [{"table": filled.plan.recipe.name, "scale": filled.plan.scale} | _plain(entry) for entry in filled.entries]
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["table", "scale"], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        joined = {key: "; ".join(map(str, value)) for key, value in row.items() if isinstance(value, list)}
        writer.writerow(row | joined)
    return text.getvalue()


def as_plain(filled: Filled, folder: Path) -> dict[str, Any]:
    """Everything, JSON-able; `folder` is where the table's files go."""
    plan, table = filled.plan, filled.plan.recipe.table
    plain = {
        "table": plan.recipe.name,
        "title": table.title,
        "source": table.source,
        "scale": plan.scale,
        "about": plan.about,
        "caveat": caveat(plan),
        "seeds": plan.seeds,
        "center": table.center or "mean",
        "spread": table.spread,
        "entries": [_plain(entry) for entry in filled.entries],
        "runs": list(filled.runs),
        "facts": facts(filled),
        "command": command(plan, filled.folder, folder),
    }
    return dict(finite(plain))


def write_files(filled: Filled, folder: Path) -> list[Path]:
    """The table as JSON, CSV, Markdown and a page of HTML, see `table_name`; gives their paths.

    Raises:
        UserError: the folder does not take them.
    """
    texts = {
        "json": json.dumps(as_plain(filled, folder), indent=2, ensure_ascii=False) + "\n",
        "csv": (as_comma_separated := as_csv(filled)),
        "md": as_markdown(filled, folder),
        "html": html_page(filled, folder, as_comma_separated),
    }
    paths = [folder / f"{table_name(filled.plan)}.{suffix}" for suffix in texts]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in zip(paths, texts.values(), strict=True):
            write_atomic(path, text.encode())
    except (OSError, RunError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        raise UserError(
            f"the table cannot be written to {folder}: {getattr(cause, 'strerror', None) or cause}. Its runs are kept: the same "
            "command with another --out trains nothing again"
        ) from None
    return paths


def require_folder(folder: Path, option: str) -> None:
    """Make a folder, if it is not there; UserError that names the option if it cannot be made or written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        why = (
            "there is a file in its place"
            if isinstance(error, FileExistsError | NotADirectoryError)
            else error.strerror
        )
        raise UserError(f"{option} {folder} is no folder to write to: {why}. Name another") from None


def _plain(entry: Entry) -> dict[str, Any]:
    return {
        "row": entry.row,
        "column": entry.column,
        "metric": entry.metric,
        "number": entry.number,
        "ours": _shortest(entry.center),
        "ours_spread": _shortest(entry.spread),
        "paper": entry.published.value if entry.published else None,
        "paper_spread": entry.published.spread if entry.published else None,
        "difference": _shortest(entry.difference),
        "mark": entry.mark,
        "seeds": list(entry.values),
        "values": [_shortest(value) for value in entry.values.values()],
        "reasons": list(entry.reasons),
    }


def _shortest(value: float | None) -> float | None:
    """Without the last digits, which are of the arithmetic: 46.8 and not 46.800000000000004."""
    return None if value is None else float(f"{value:.12g}")


def _run_line(run: dict[str, Any], folder: Path) -> str:
    link, name = report_link(run, folder), run_name(run)
    return f"- {f'[{name}]({link})' if link else name}: {run['state']}"


def _blocks(filled: Filled, speech: Speech, width: int) -> list[str]:
    """The grid, cut between the paper's columns where it is too wide."""
    table, rows = filled.plan.recipe.table, filled.plan.rows
    label = max(len(name) for name in (table.row_heading, *rows)) + 2
    groups = {column: _group(filled, speech, column) for column in filled.plan.columns}
    blocks, left = [], list(groups)
    while left:
        taken = [left.pop(0)]
        while left and label + 12 + sum(len(groups[name][0]) for name in (*taken, left[0])) <= width:
            taken.append(left.pop(0))
        names = [f"{'':<{label + 12}}", f"{table.row_heading:<{label + 12}}"]
        names += [f"{row if line == 0 else '':<{label}}{LINES[line]:<12}" for row in rows for line in range(3)]
        blocks += ["".join(parts).rstrip() for parts in zip(names, *(groups[name] for name in taken), strict=True)] + [
            ""
        ]
    return blocks


def _group(filled: Filled, speech: Speech, column: str) -> list[str]:
    """A column of the paper as lines of equal width: its name, its metrics, and three lines a row."""
    table = filled.plan.recipe.table
    parts = []
    for metric, what in table.metrics.items():
        cells = [what.heading]
        for row in filled.plan.rows:
            said = speech.say(filled.entry(row, column, metric))
            ours = said.ours + (f" [{said.number}]" if said.number else "")
            cells += [ours, said.theirs, f"{said.difference} {said.mark}".strip()]
        parts.append([f"{cell:<{max(map(len, cells)) + 2}}" for cell in cells])
    lines = ["".join(cells) for cells in zip(*parts, strict=True)]
    name = table.columns[column]
    size = max(len(lines[0]), len(name) + 2)
    return [f"{line:<{size}}" for line in (name, *lines)]
