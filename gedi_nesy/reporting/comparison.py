"""One page for several runs: numbers side by side, curves over each other, what their configs do not have in common."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import yaml

from ..errors import RunError, UserError
from ..files import write_atomic
from .charts import Chart, chart_html, series_of
from .page import Section, page, table_html
from .published import MARKS, load_published, mark_of, scaled
from .run_files import RunFiles, read_run, showing
from .sections.curves import HEALTH, known_minima, term_names
from .text import NOTHING, duration, show, words

COLOURS = 10
# What cannot be a difference between methods: when and how a run was started, and what the machine made of it.
INCIDENTAL = {"started", "command"}


@dataclass(frozen=True)
class Compared:
    """A run under the name it has on the page, and its colour there."""

    label: str
    colour: int
    files: RunFiles


def write_comparison(folders: Sequence[Path], out: Path) -> Path:
    """Write one page about several runs, finished or not; gives its path.

    Raises:
        RunError: there are fewer than two runs, one is given twice, a folder is missing or damaged, or the page cannot be written.
    """
    if len({folder.resolve() for folder in folders}) < max(len(folders), 2):
        raise RunError(f"a comparison takes two different runs or more, not {', '.join(map(str, folders)) or 'none'}")
    labels = _labels(folders)
    runs = [Compared(labels[index], index % COLOURS, read_run(folder)) for index, folder in enumerate(folders)]
    with showing("what the runs have", *folders):
        sections = [
            _runs(runs),
            _numbers(runs),
            _published(runs),
            _losses(runs),
            _health(runs),
            _differences("Configs", "What the resolved configs do not have in common.", runs, _config),
            _differences("Environments", "What differs about machine and versions.", runs, _environment),
        ]
    write_atomic(out, page(f"{len(runs)} runs", _header(runs), sections).encode("utf-8", "replace"))
    return out


def _labels(folders: Sequence[Path]) -> list[str]:
    """What tells the folders apart: their paths without what all have in common."""
    paths = [folder.resolve() for folder in folders]
    common = os.path.commonpath([path.parent for path in paths])
    return [path.relative_to(common).as_posix() for path in paths]


def _header(runs: list[Compared]) -> str:
    unfinished = [run.label for run in runs if not run.files.finished]
    lead = f"{len(runs)} runs side by side"
    meta = f"Without results so far: {', '.join(unfinished)}" if unfinished else "All finished"
    names = " · ".join(dict.fromkeys(run.files.name for run in runs))
    return f"""<header><h1>{escape(names)}</h1><p class="lead">{lead}</p><p class="meta">{escape(meta)}</p></header>"""


def _runs(runs: list[Compared]) -> Section:
    """A line for each run, with the numbers of the first evaluator, so that runs can be sorted by them."""
    evaluators = [(name, numbers) for run in runs for name, numbers in run.files.part("numbers").items()]
    first = evaluators[0] if evaluators else ("", {})
    headings = ["run", "method", "seed", *map(words, first[1]), "time", "failures"]
    rows = []
    for run in runs:
        numbers = run.files.part("numbers").get(first[0], {})
        training = run.files.results.get("training") or {}
        seconds, failures = training.get("seconds"), (run.files.diagnosis or {}).get("failures") or []
        cells = [
            f'<th scope="row">{_name(run)}</th>',
            _cell(run.files.results.get("method"), text=True),
            _cell(run.files.seed),
            *(_cell(numbers.get(name)) for name in first[1]),
            f'<td data-value="{seconds}">{duration(seconds)}</td>' if isinstance(seconds, int | float) else _cell(None),
            f'<td class="text">{escape("; ".join(str(failure).split(":")[0] for failure in failures)) or NOTHING}</td>',
        ]
        rows.append("".join(cells))
    texts = {"run", "method", "failures"}
    return Section("Runs", table_html("Runs", headings, rows, texts), "Press a heading to sort by it.")


def _numbers(runs: list[Compared]) -> Section:
    """A line for each number, a column for each run."""
    places = dict.fromkeys(
        (evaluator, name)
        for run in runs
        for evaluator, numbers in run.files.part("numbers").items()
        for name in numbers
    )
    rows = []
    for evaluator, name in places:
        definitions = (run.files.part("definitions").get(evaluator, {}).get(name) for run in runs)
        meaning = next((str(definition) for definition in definitions if definition), "")
        plain = escape(f"{words(name)} {words(evaluator)}")
        what = f"<b>{escape(words(name))}</b> <span>{escape(words(evaluator))}</span>"
        what += f'<span class="meaning">{escape(meaning)}</span>' if meaning else ""
        values = "".join(_cell(run.files.part("numbers").get(evaluator, {}).get(name)) for run in runs)
        rows.append(f'<th scope="row" data-csv="{plain}">{what}</th>{values}')
    headings = ["number", *(run.label for run in runs)]
    body = table_html("Numbers", headings, rows, {"number"}) if rows else ""
    return Section("Numbers", body, "On data that training has not seen.")


def _published(runs: list[Compared]) -> Section:
    """The published cell that each run repeats, beside the run's numbers."""
    rows = [row for run in runs if run.files.results.get("compare") for row in _beside(run)]
    headings = ["run", "table", "number", "this run", "paper", "spread"]
    body = table_html("Published", headings, rows, {"run", "table", "number"}) if rows else ""
    note = (
        "Within means no farther from the paper's number than its spread, with half a printed digit more for rounding."
    )
    return Section("Published", body, note)


def _beside(run: Compared) -> list[str]:
    """A row for each number of the cell; none where the table is not known any more."""
    compare = run.files.results["compare"]
    try:
        table = load_published(str(compare.get("table")))
        cells = table.place(str(compare.get("row")), str(compare.get("column")))
    except UserError:
        return []
    place = f"{table.name}, {compare['row']}, {compare['column']}"
    rows = []
    for name, (_, value) in run.files.beside(cells).items():
        cell, metric = cells[name], table.metrics[name]
        ours = scaled(value, metric)
        mark = mark_of(ours, cell, metric)
        rows.append(
            f'<th scope="row">{_name(run)}</th><td class="text">{escape(place)}</td><td class="text">{escape(words(name))}</td>'
            f'{_cell(ours)}<td data-value="{cell.value}">{escape(cell.printed)}</td><td class="{MARKS[mark]}">{mark}</td>'
        )
    return rows


def _losses(runs: list[Compared]) -> Section:
    """Epoch means of each loss term, a line for each run."""
    charts = []
    for number, name in enumerate(dict.fromkeys(name for run in runs for name in term_names(run.files.metrics))):
        minima = [known_minima(run.files.part("terms"), run.files.metrics).get(name) for run in runs]
        # Those that epochs imply are rounded.
        distinct = {None if minimum is None else round(minimum, 6) for minimum in minima}
        minimum = distinct.pop() if len(distinct) == 1 else None
        reference = None if minimum is None else (minimum, "known minimum")
        charts.append(_overlaid(runs, f"term-{number}", "terms", name, "step", "epoch_terms", name, reference))
    note = '<span class="key minimum"></span> known minimum<br>Means over epochs. All terms are minimised.'
    return _charts("Loss terms", note, charts)


def _health(runs: list[Compared]) -> Section:
    charts = [
        _overlaid(runs, f"health-{name}", "health", label, "epoch", "diagnosis", name, None)
        for name, (label, _) in HEALTH.items()
    ]
    return _charts("Health", "Statistics on fixed training images. No label is looked at.", charts)


def _overlaid(
    runs: list[Compared], id: str, group: str, title: str, x: str, part: str, name: str, reference: Any
) -> Chart | None:
    """The same curve of every run that has it."""
    lines = [
        series_of(run.label, [line for line in run.files.metrics if line.get(part)], x, part, name, colour=run.colour)
        for run in runs
    ]
    kept = [line for line in lines if any(value is not None for value in line.y)]
    return Chart(id, group, title, x, kept, reference) if kept else None


def _charts(heading: str, note: str, charts: Iterable[Chart | None]) -> Section:
    kept = [chart for chart in charts if chart]
    figures = "".join(chart_html(chart, "") for chart in kept)
    return Section(heading, f'<div class="charts">{figures}</div>' if kept else "", note, kept)


def _differences(heading: str, note: str, runs: list[Compared], read: Any) -> Section:
    """The keys whose values are not the same in all runs."""
    flat = [read(run.files) for run in runs]
    keys = [
        key
        for key in dict.fromkeys(key for values in flat for key in values)
        if len({values.get(key) for values in flat}) > 1
    ]
    rows = [
        f'<th scope="row">{escape(key)}</th>'
        + "".join(f'<td class="text">{escape(values.get(key, NOTHING))}</td>' for values in flat)
        for key in keys
    ]
    headings = ["key", *(run.label for run in runs)]
    return Section(heading, table_html(heading, headings, rows, set(headings)) if rows else "", note)


def _config(files: RunFiles) -> dict[str, str]:
    try:
        return dict(_flat(yaml.safe_load(files.config) or {}))
    except yaml.YAMLError as error:
        raise RunError(f"{files.folder / 'config.yaml'} is damaged: {error}") from error


def _environment(files: RunFiles) -> dict[str, str]:
    return dict(_flat({key: value for key, value in files.environment.items() if key not in INCIDENTAL}))


def _flat(value: Any, key: str = "") -> Iterable[tuple[str, str]]:
    """Dotted keys and their values as text; a list is one value."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}".lstrip("."))
    elif key:
        yield key, yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("\n...\n").strip()


def _name(run: Compared) -> str:
    return f'<span class="swatch c{run.colour}"></span>{escape(run.label)}'


def _cell(value: object, text: bool = False) -> str:
    """A cell that keeps all digits of a number for sorting and downloads."""
    exact = f' data-value="{value!r}"' if isinstance(value, int | float) else ""
    return f"<td{' class=text' if text else ''}{exact}>{escape(show(value))}</td>"
