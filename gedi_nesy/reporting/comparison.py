"""One page for several runs: numbers side by side, curves over each other, what their configs do not have in common."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import yaml

from ..config.differences import differences, written
from ..errors import RunError, UserError
from ..files import write_atomic
from .charts import Chart, chart_html, series_of
from .labels import short_labels
from .listing import several
from .page import Section, page, small_html, table_html
from .published import MARKS, load_published, mark_of, scaled
from .run_files import RunFiles, read_run, showing
from .sections.curves import HEALTH, LOOKED_AT, known_minima, number_names, term_names
from .seeds import over_seeds, spread
from .text import NOTHING, duration, show, words

COLOURS = 10
MOST_NUMBERS = 3  # of a run, beside its circumstances
# What cannot be a difference between methods: when and how a run was started, and what the machine made of it.
INCIDENTAL = {"started", "command"}


@dataclass(frozen=True)
class Compared:
    """A run as it is on the page.

    Attributes:
        label: by what its config has of its own, unlike all others.
        id: its folder, as short as can be; empty where it is the label.
        config: resolved, as plain data.
    """

    label: str
    id: str
    colour: int
    files: RunFiles
    config: Any


def write_comparison(folders: Sequence[Path], out: Path) -> Path:
    """Write one page about several runs, finished or not; gives its path.

    Raises:
        RunError: there are fewer than two runs, one is given twice, a folder is missing or damaged, or the page cannot be written.
    """
    runs = _compared(several(folders))
    with showing("what the runs have", *folders):
        sections = [
            _runs(runs),
            _numbers(runs),
            _over_seeds(runs),
            _published(runs),
            _on_the_way(runs),
            _losses(runs),
            _health(runs),
            _differences(
                "Configs", "What the resolved configs do not have in common.", runs, [run.config for run in runs]
            ),
            _differences(
                "Environments", "What differs about machine and versions.", runs, list(map(_environment, runs))
            ),
        ]
    write_atomic(out, page(f"{len(runs)} runs", _header(runs), sections).encode("utf-8", "replace"))
    return out


def _compared(folders: Sequence[Path]) -> list[Compared]:
    """The runs with labels of their own: what tells their configs apart, with the run's id where that is not enough."""
    files = [read_run(folder) for folder in folders]
    configs, ids = [_config(run) for run in files], _ids(folders)
    labels = short_labels(configs)
    if len(set(labels)) < len(labels):
        labels = [f"{label} {id}".strip() for label, id in zip(labels, ids, strict=True)]
        ids = [""] * len(ids)
    return [
        Compared(labels[index], ids[index], index % COLOURS, files[index], configs[index])
        for index in range(len(files))
    ]


def _ids(folders: Sequence[Path]) -> list[str]:
    """Paths of the folders without what all have in common."""
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
    """A line for each run, with its first numbers, so that runs can be sorted by them."""
    first = list(dict.fromkeys(place for run in runs for place in run.files.main))[:MOST_NUMBERS]
    headings = ["run", "method", "seed", *(words(name) for _, name in first), "time", "failures"]
    rows = []
    for run in runs:
        training = run.files.results.get("training") or {}
        seconds = training.get("seconds")
        cells = [
            f'<th scope="row">{_name(run)}</th>',
            _cell(run.files.results.get("method"), text=True),
            _cell(run.files.seed),
            *(_cell(run.files.value(*place)) for place in first),
            f'<td data-value="{seconds}">{duration(seconds)}</td>' if isinstance(seconds, int | float) else _cell(None),
            f'<td class="text">{escape("; ".join(failure.split(":")[0] for failure in run.files.failures)) or NOTHING}</td>',
        ]
        rows.append("".join(cells))
    texts = {"run", "method", "failures"}
    return Section("Runs", table_html("Runs", headings, rows, texts), "Press a heading to sort by it.")


def _numbers(runs: list[Compared]) -> Section:
    """A line for each number, a column for each run."""
    places = dict.fromkeys(place for run in runs for place in run.files.main)
    places |= dict.fromkeys(place for run in runs for place in run.files.places)
    meanings = {place: _meaning(runs, *place) for place in places}
    rows = [
        f'<th scope="row" data-csv="{escape(f"{words(name)} {words(evaluator)}")}">{_what(evaluator, name)}'
        + (f'<span class="meaning">{escape(meaning)}</span>' if meaning else "")
        + "</th>"
        + "".join(_cell(run.files.value(evaluator, name)) for run in runs)
        for (evaluator, name), meaning in meanings.items()
    ]
    if not rows:
        return Section("Numbers", "")
    # Where there is no room for meanings beside two numbers, they are read below the table.
    items = "".join(
        f"<dt>{_what(*place)}</dt><dd>{escape(meaning)}</dd>" for place, meaning in meanings.items() if meaning
    )
    below = (
        f'<details class="meanings"><summary>What the numbers mean</summary><dl>{items}</dl></details>' if items else ""
    )
    return Section(
        "Numbers",
        _table("Numbers", "number", rows, {"number"}, runs) + below,
        _about(runs),
    )


def _about(runs: list[Compared]) -> str:
    """Which images the numbers are of."""
    validated = [run.label for run in runs if run.files.results.get("validation")]
    about = "On data that training has not seen, unless said otherwise."
    if not validated:
        return about
    those = "all runs" if len(validated) == len(runs) else ", ".join(validated)
    return f"{about} Numbers of {those} are of images held out of the training split, not of test images (validation)."


def _over_seeds(runs: list[Compared]) -> Section:
    """Mean and spread of each number for every config that was run with several seeds."""
    groups = over_seeds([run.config for run in runs])
    rows = []
    for evaluator, name in dict.fromkeys(place for run in runs for place in run.files.main) if groups else ():
        spreads = [
            spread([runs[place].files.value(evaluator, name) for place in group.runs.values()]) for group in groups
        ]
        cells = [f'<td data-value="{each.mean}">{each}</td>' if each else _cell(None) for each in spreads]
        rows.append(f'<th scope="row">{_what(evaluator, name)}</th>{"".join(cells)}')
    details = {group.label or "mean": f"seeds {', '.join(map(str, group.runs))}" for group in groups}
    body = table_html("Over seeds", ["number", *details], rows, {"number"}, details) if rows else ""
    return Section(
        "Over seeds", body, "Mean ± standard deviation (n \u2212 1) of runs that differ in their seed alone."
    )


def _what(evaluator: str, name: str) -> str:
    return f"<b>{escape(words(name))}</b> <span>{escape(words(evaluator))}</span>"


def _meaning(runs: list[Compared], evaluator: str, name: str) -> str:
    """What a number is, as the first run that says so has it."""
    definitions = (run.files.part("definitions").get(evaluator, {}).get(name) for run in runs)
    return next((str(definition) for definition in definitions if definition), "")


def _table(name: str, first: str, rows: list[str], texts: set[str], runs: list[Compared]) -> str:
    """A table with a column for each run."""
    headings = [first, *(run.label for run in runs)]
    return table_html(name, headings, rows, texts, {run.label: run.id for run in runs})


def _published(runs: list[Compared]) -> Section:
    """The published cell that each run repeats, beside the run's numbers."""
    rows = [row for run in runs if run.files.results.get("compare") for row in _beside(run)]
    headings = ["run", "table", "number", "this run", "paper", "mark"]
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


def _on_the_way(runs: list[Compared]) -> Section:
    """Each number that evaluators found while runs trained, a line for each run."""
    names = dict.fromkeys(name for run in runs for name in number_names(run.files))
    charts = [
        _overlaid(
            runs, f"way-{number}", "way", words(name.partition(".")[2], capital=True), "epoch", "numbers", name, None
        )
        for number, name in enumerate(names)
    ]
    return _charts("On the way", LOOKED_AT, charts)


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
        series_of(
            run.label,
            run.files.lines(part),
            x,
            part,
            name,
            colour=run.colour,
            detail=run.id,
        )
        for run in runs
    ]
    kept = [line for line in lines if any(value is not None for value in line.y)]
    return Chart(id, group, title, x, kept, reference) if kept else None


def _charts(heading: str, note: str, charts: Iterable[Chart | None]) -> Section:
    kept = [chart for chart in charts if chart]
    figures = "".join(chart_html(chart, "") for chart in kept)
    return Section(heading, f'<div class="charts">{figures}</div>' if kept else "", note, kept)


def _differences(heading: str, note: str, runs: list[Compared], trees: list[Any]) -> Section:
    """The keys whose values are not the same in all runs."""
    rows = [
        f'<th scope="row">{escape(key)}</th>'
        + "".join(f'<td class="text">{escape(written(value)) or NOTHING}</td>' for value in values)
        for key, values in differences(trees).items()
    ]
    texts = {"key", *(run.label for run in runs)}
    return Section(heading, _table(heading, "key", rows, texts, runs) if rows else "", note)


def _config(files: RunFiles) -> Any:
    try:
        return yaml.safe_load(files.config) or {}
    except yaml.YAMLError as error:
        raise RunError(f"{files.folder / 'config.yaml'} is damaged: {error}") from error


def _environment(run: Compared) -> dict[str, Any]:
    return {key: value for key, value in run.files.environment.items() if key not in INCIDENTAL}


def _name(run: Compared) -> str:
    return f'<span class="swatch c{run.colour}"></span>{escape(run.label)}{small_html(run.id)}'


def _cell(value: object, text: bool = False) -> str:
    """A cell that keeps all digits of a number for sorting and downloads."""
    exact = f' data-value="{value!r}"' if isinstance(value, int | float) else ""
    return f"<td{' class=text' if text else ''}{exact}>{escape(show(value))}</td>"
