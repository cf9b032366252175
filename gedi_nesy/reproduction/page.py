"""A filled table as one page of HTML, made as a report is: self-contained, light and dark, no request."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from ..reporting.page import Section, command_html, data_url, list_html, page, table_html
from ..reporting.text import NOTHING, duration
from .filling import Filled
from .naming import command, report_link, table_name
from .words import Speech, caveat, facts, run_name


def html_page(filled: Filled, folder: Path, as_csv: str) -> str:
    """The table in the paper's shape, its runs with links to their reports, and the command that makes it again.

    Args:
        folder: where the page goes; links lead from there.
        as_csv: the table for downloading.
    """
    plan = filled.plan
    about, *others = facts(filled)
    name = table_name(plan)
    warning = caveat(plan)
    header = f"""<header><h1>{escape(name)}</h1><p class="lead">{escape(plan.recipe.table.title)}</p>
<p class="meta">{escape(about)}</p>{f'<p class="warning">{escape(warning)}</p>' if warning else ""}</header>"""
    download = f'<div class="tools"><a download="{escape(name)}.csv" href="{data_url("text/csv", as_csv.encode())}">CSV</a></div>'
    speech = Speech(filled)
    table = _table(filled, speech, folder)
    reasons = "".join(f"<li>{escape('; '.join(reason))}</li>" for reason in speech.reasons)
    sections = [
        Section("Table", table + download + (f'<ol class="notes">{reasons}</ol>' if reasons else "")),
        Section("Facts", list_html(fact for fact in others if fact != warning)),
        Section("Runs", _runs(filled, folder)),
        Section("To make it again", command_html(command(plan, filled.folder, folder))),
    ]
    return page(name, header, sections)


def _table(filled: Filled, speech: Speech, folder: Path) -> str:
    """In each cell ours, the paper's, how far they are apart, and the runs that it is from."""
    plan, table = filled.plan, filled.plan.recipe.table
    groups = metrics = body = ""
    for column in plan.columns:
        groups += f'<th scope="colgroup" colspan="{len(table.metrics)}">{escape(table.columns[column])}</th>'
        metrics += "".join(f'<th scope="col">{escape(metric.heading)}</th>' for metric in table.metrics.values())
    for row in plan.rows:
        cells = "".join(
            _cell(filled, speech, (row, column, metric), folder) for column in plan.columns for metric in table.metrics
        )
        body += f'<tr><th scope="row">{escape(row)}</th>{cells}</tr>\n'
    return f"""<div class="scroll" tabindex="0" role="region" aria-label="The table"><table class="reproduced">
<caption>In each cell ours, the paper's, the difference with its mark, and the reports of its runs by seed</caption>
<thead><tr><th scope="col" rowspan="2">{escape(table.row_heading)}</th>{groups}</tr><tr>{metrics}</tr></thead>
<tbody>{body}</tbody></table></div>"""


def _cell(filled: Filled, speech: Speech, place: tuple[str, str, str], folder: Path) -> str:
    said = speech.say(filled.entry(*place))
    note = f" <sup>[{said.number}]</sup>" if said.number else ""
    links = [
        f'<a href="{escape(link)}">{run["seed"]}</a>'
        for run in filled.runs
        if list(place[:2]) in run["cells"] and (link := report_link(run, folder))
    ]
    kind = {"within": "good", "better": "good", "worse": "bad"}.get(said.mark, "open")
    return (
        f"<td><b>{escape(said.ours)}{note}</b><span>paper {escape(said.theirs)}</span>"
        f'<span class="{kind}">{escape(said.difference)} {said.mark}</span>'
        f"{f'<span>seed {chr(32).join(links)}</span>' if links else ''}</td>"
    )


def _runs(filled: Filled, folder: Path) -> str:
    """Every run with its end and its report."""
    rows = [_run(run, report_link(run, folder)) for run in filled.runs]
    return table_html("Runs", ["run", "state", "time", "why"], rows, {"run", "state", "why"}) if rows else ""


def _run(run: dict[str, Any], link: str | None) -> str:
    name = escape(run_name(run))
    name = f'<a href="{escape(link)}">{name}</a>' if link else name
    seconds = run.get("seconds")
    time = f'<td data-value="{seconds:.1f}">{duration(seconds)}</td>' if seconds else f"<td>{NOTHING}</td>"
    why = escape(str(run.get("reason") or ""))
    return f'<th scope="row">{name}</th><td class="text">{escape(run["state"])}</td>{time}<td class="text">{why}</td>'
