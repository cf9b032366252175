"""A filled table as one page of HTML: self-contained, light and dark, no script, no request."""

from __future__ import annotations

from html import escape

from .filling import Filled
from .words import Speech, facts, heading

STYLE = """
:root { color-scheme: light dark; --page: light-dark(#fdfdfb, #131517); --ink: light-dark(#1b1d20, #e7e6e2);
  --muted: light-dark(#5a5e65, #a3a6ab); --rule: light-dark(#dcdad2, #33373b); --mark: light-dark(#f6ecd9, #3a3120);
  --good: light-dark(#1c6640, #7bc99b); --bad: light-dark(#a3241c, #f4938a); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 80rem; padding: 1.5rem 1rem 4rem; background: var(--page); color: var(--ink);
  font: 0.9375rem/1.5 system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.25rem; line-height: 1.35; max-width: 48em; margin: 0 0 0.5rem; }
.scale { background: var(--mark); padding: 0.5rem 0.75rem; max-width: 52em; border-radius: 0.25rem; }
.scroll { overflow-x: auto; margin: 1.5rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums lining-nums; }
caption { text-align: left; color: var(--muted); font-size: 0.8125rem; padding-bottom: 0.5rem; }
th { font-weight: 500; text-align: left; }
td, th { padding: 0.35rem 0.9rem 0.35rem 0; vertical-align: top; white-space: nowrap; }
thead th { color: var(--muted); font-size: 0.8125rem; vertical-align: bottom; }
tbody tr { border-top: 1px solid var(--rule); }
td b { font-weight: 600; display: block; }
td span { display: block; color: var(--muted); font-size: 0.8125rem; }
td .within, td .better { color: var(--good); }
td .worse { color: var(--bad); }
ul, ol { max-width: 60em; padding-left: 1.25rem; color: var(--muted); font-size: 0.875rem; }
a:focus-visible, .scroll:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
"""


def html_page(filled: Filled) -> str:
    """The table in the paper's shape; each cell has ours, the paper's, and how far they are apart."""
    plan, table = filled.plan, filled.plan.recipe.table
    speech = Speech(filled)
    groups = metrics = body = ""
    for column in plan.columns:
        groups += f'<th scope="colgroup" colspan="{len(table.metrics)}">{escape(table.columns[column])}</th>'
        metrics += "".join(f'<th scope="col">{escape(metric.heading)}</th>' for metric in table.metrics.values())
    for row in plan.rows:
        cells = "".join(
            _cell(filled, speech, row, column, metric) for column in plan.columns for metric in table.metrics
        )
        body += f'<tr><th scope="row">{escape(row)}</th>{cells}</tr>\n'
    about, *others = facts(filled)
    notes = "".join(f"<li>{escape(reason)}</li>" for reason in ("; ".join(reasons) for reasons in speech.reasons))
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{escape(plan.recipe.name)}, scale {escape(plan.scale)}</title><link rel="icon" href="data:,"><style>{STYLE}</style></head>
<body><main><h1>{escape(heading(plan))}</h1><p class="scale">{escape(about)}</p>
<div class="scroll" tabindex="0" role="region" aria-label="The table"><table>
<caption>In each cell ours, the paper's, and the difference with its mark</caption>
<thead><tr><th scope="col" rowspan="2">{escape(table.row_heading)}</th>{groups}</tr><tr>{metrics}</tr></thead>
<tbody>{body}</tbody></table></div>
{f"<ol>{notes}</ol>" if notes else ""}
<ul>{"".join(f"<li>{escape(fact)}</li>" for fact in others)}</ul></main></body></html>
"""


def _cell(filled: Filled, speech: Speech, row: str, column: str, metric: str) -> str:
    said = speech.say(filled.entry(row, column, metric))
    note = f" <sup>[{said.number}]</sup>" if said.number else ""
    return (
        f"<td><b>{escape(said.ours)}{note}</b><span>paper {escape(said.theirs)}</span>"
        f'<span class="{said.mark or "open"}">{escape(said.difference)} {said.mark}</span></td>'
    )
