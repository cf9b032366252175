"""The numbers of a run, alone and beside published ones."""

from __future__ import annotations

from html import escape

from ...errors import UserError
from ..page import Section, tools
from ..published import load_published
from ..published_html import beside_html, published_html
from ..results import about_validation
from ..run_files import RunFiles
from ..text import show, words

HEADINGS = ("value", "what it is", "evaluator")


def numbers(files: RunFiles) -> Section:
    """Every number with its definition, those to look at first on top, in a table that can be sorted."""
    numbers, definitions, main = files.part("numbers"), files.part("definitions"), files.main
    rows = [
        _row(
            evaluator, name, numbers[evaluator][name], str(definitions.get(evaluator, {}).get(name, "")), place in main
        )
        for place in files.places
        for evaluator, name in [place]
    ]
    head = "".join(f'<th scope="col" data-sort>{name}</th>' for name in HEADINGS)
    body = f"""<figure class="table"><table class="numbers"><caption class="quiet">The run's numbers and what they mean</caption>
<thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>
{tools("numbers", "csv")}</figure>"""
    about = about_validation(files.results)
    about = f"{about[0].upper()}{about[1:]}." if about else "On data that training has not seen, unless said otherwise."
    return Section("Numbers", body if rows else "", about)


def _row(evaluator: str, name: str, value: object, definition: str, is_main: bool) -> str:
    """The cell with the value keeps all its digits for sorting and downloads; what an evaluator chose is set smaller."""
    exact = f' data-value="{value!r}"' if isinstance(value, int | float) else ""
    what = f"<b>{escape(words(name))}</b> <span>{escape(definition)}</span>"
    return (
        f'<tr{"" if is_main else " class=chosen"}><td class="value"{exact}>{escape(show(value))}</td><th scope="row">{what}</th>'
        f'<td class="from">{escape(words(evaluator))}</td></tr>'
    )


def published(files: RunFiles) -> Section:
    """The named cell of a published table beside the run's own numbers; a line instead if the name is unknown."""
    compare = files.results.get("compare")
    if not compare:
        return Section("Published", "")
    row, column = str(compare.get("row")), str(compare.get("column"))
    try:
        table = load_published(str(compare.get("table")))
        theirs = table.place(row, column)
    except UserError as error:
        return Section("Published", f"<p>Nothing to compare with: {escape(str(error))}</p>")
    found = files.beside(theirs)
    ours = {metric: value for metric, (_, value) in found.items()}
    other = [
        f"{words(metric)} is this run's {name}"
        for metric, (name, _) in found.items()
        if name.rpartition(".")[2] != metric
    ]
    source = f'<p class="source">{escape(table.source)}. {escape(table.title)}.</p>'
    seed = files.results.get("seed")
    note = (
        f"One run{'' if seed is None else f' (seed {escape(str(seed))})'} beside the paper's {table.statistic}. "
        f"Within means no farther from it than the spread, with half a printed digit more for rounding."
    ) + "".join(f" {escape(text[0].upper() + text[1:])}." for text in other)
    whole = f"""<div class="scroll" tabindex="0" role="region" aria-label="This run beside the paper">
{beside_html(table, theirs, ours)}</div>
<figure class="table"><div class="scroll" tabindex="0" role="region" aria-label="Published table">
{published_html(table, row, column, ours)}</div>{tools("published table", "csv")}</figure>"""
    return Section("Published", whole + source, note)
