"""report.html: everything a run folder says about its run, on one page that asks nothing of the network.

The page is template.html with three slots: title, sections, data. Its script draws the charts from the data; all else
is plain HTML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from ..errors import RunError, UserError
from ..files import finite, write_atomic
from .figures import (
    HEALTH,
    Chart,
    chart_html,
    confusion_html,
    health_charts,
    known_minima,
    samples_html,
    show,
    term_charts,
    words,
)
from .metrics import read_metrics
from .published import beside_html, load_published, published_html

TEMPLATE = Path(__file__).with_name("template.html")
SLOT = re.compile(r"<!--slot:(\w+)-->")


@dataclass(frozen=True)
class RunFiles:
    """What is in a run folder so far; parts that are not there are empty.

    Attributes:
        finished: results.json is there.
    """

    folder: Path
    config: str
    environment: dict[str, Any]
    metrics: list[dict[str, Any]]
    results: dict[str, Any]
    samples: list[Path]
    finished: bool

    @property
    def name(self) -> str:
        """The run's name, from its results or config, else that of the folder above."""
        in_config = re.search(r"^name:\s*(\S+)", self.config, re.MULTILINE)
        return str(self.results.get("name") or (in_config and in_config[1]) or self.folder.resolve().parent.name)

    @property
    def diagnosis(self) -> dict[str, Any] | None:
        """The newest diagnosis there is."""
        in_epochs = [line["diagnosis"] for line in self.metrics if line.get("diagnosis")]
        return self.results.get("diagnosis") or (in_epochs[-1] if in_epochs else None)

    @property
    def constraint(self) -> dict[str, Any]:
        """Facts about the constraint or whatever else the task reports."""
        return self.results.get("constraint") or {}

    def table(self, name: str) -> Any:
        """The first table of this name among those of all evaluators."""
        return next((tables[name] for tables in _part(self.results, "tables").values() if tables.get(name)), None)

    def number(self, name: str) -> float | None:
        """The first number of this name among those of all evaluators."""
        evaluators = _part(self.results, "numbers").values()
        return next((numbers[name] for numbers in evaluators if numbers.get(name) is not None), None)


def write_report(folder: Path) -> Path:
    """Write report.html into a run folder, finished or not, from nothing but the folder's files; gives its path.

    Raises:
        RunError: there is no such folder, a file in it is damaged, or the report cannot be written.
    """
    files = read_run(folder)
    terms = _part(files.results, "terms")
    minima = known_minima(terms, files.metrics)
    classes = files.table("classes")
    losses, health = term_charts(files.metrics, minima), health_charts(files.metrics, len(classes) if classes else None)
    sections = [
        _header(files),
        _section("Numbers", _numbers(files.results), "On data that training has not seen."),
        _comparison(files),
        _section("Loss terms", _losses(losses, terms, minima), _LOSSES_NOTE),
        _section("Health", _health(files, health), "Statistics on fixed training images. No label is looked at."),
        _section("Confusion", confusion_html(matrix, classes or []) if (matrix := files.table("confusion")) else ""),
        _section("Samples", samples_html(files.samples), "Images that the energy model finds likely."),
        _section("Constraint" if files.results.get("constraint") else "Task", _facts(files.constraint)),
        _section("On the way", _list(files.results.get("notes") or []), "What happened while the run trained."),
        _section("Training", _facts(_training(files))),
        _section("To run it again", _reproduce(files)),
    ]
    data = {"name": files.name, "charts": [chart.plain() for chart in losses + health]}
    slots = {"title": escape(files.name), "sections": "\n".join(filter(None, sections)), "data": _json(data)}
    page = SLOT.sub(lambda match: slots[match[1]], TEMPLATE.read_text(encoding="utf-8"))
    path = folder / "report.html"
    write_atomic(path, page.encode("utf-8", "replace"))
    return path


def read_run(folder: Path) -> RunFiles:
    """Read the files of a run folder.

    Raises:
        RunError: there is no such folder, or one of its files is damaged.
    """
    if not folder.is_dir():
        raise RunError(f"{folder} is not a folder. Give the folder of a run, such as runs/<name>/<run id>")
    config = folder / "config.yaml"
    return RunFiles(
        folder=folder,
        config=config.read_text(encoding="utf-8", errors="replace") if config.is_file() else "",
        environment=_read_json(folder / "environment.json"),
        metrics=read_metrics(folder / "metrics.jsonl"),
        results=_read_json(folder / "results.json"),
        samples=list((folder / "samples").glob("*.png")),
        finished=(folder / "results.json").is_file(),
    )


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}. Remove it to get a report without it") from error
    if not isinstance(value, dict):
        raise RunError(f"{path} is damaged: it holds no object. Remove it to get a report without it")
    return value


def _part(results: dict[str, Any], name: str) -> dict[str, Any]:
    """A part of the results that maps names to mappings; empty where it is missing."""
    return {key: value or {} for key, value in (results.get(name) or {}).items()}


def _json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(finite(value), separators=(",", ":")).replace("<", "\\u003c")


# The top of the page


def _header(files: RunFiles) -> str:
    return f"""<header><h1>{escape(files.name)}</h1>
<p class="lead">{escape(_sentence(files))}</p>
<p class="meta">{" · ".join(escape(part) for part in _meta(files))}</p>
<ul class="badges" aria-label="Status">{"".join(_badges(files))}</ul></header>"""


def _sentence(files: RunFiles) -> str:
    """The run in one sentence: the first number with its definition, or how far the run has come."""
    for evaluator, numbers in _part(files.results, "numbers").items():
        for name, value in numbers.items():
            definition = str(_part(files.results, "definitions").get(evaluator, {}).get(name, ""))
            is_share = definition.startswith("share") and isinstance(value, int | float)
            result = f"{words(name, capital=True)} {f'{value:.1%}' if is_share else show(value)}"
            return f"{result}: {definition.split(';')[0]}." if definition else f"{result}."
    if files.finished:
        return "Finished; no evaluator gave a number."
    if not files.metrics:
        return "Nothing logged yet."
    last = files.metrics[-1]
    epochs = int(last.get("epoch") or 0)
    return f"Unfinished: {show(last['step'])} steps, {epochs} whole epochs so far, no results yet."


def _meta(files: RunFiles) -> list[str]:
    """Method, what was learnt from, seed, time and place, as far as known."""
    results, training = files.results, files.results.get("training") or {}
    constraint, seed = files.constraint, files.results.get("seed", files.environment.get("seed"))
    device = training.get("device") or files.environment.get("device")
    query, time = constraint.get("query") or "the query", _duration(training.get("seconds") or 0)
    parts = (
        (results.get("method"), f"method {results.get('method')}"),
        (constraint.get("examples"), f"{show(constraint.get('examples'))} examples of {query}"),
        (seed is not None, f"seed {seed}"),
        (training.get("seconds"), f"{show(training.get('epochs'))} epochs in {time}"),
        (device, f"on {device}"),
    )
    return [text for known, text in parts if known]


def _badges(files: RunFiles) -> list[str]:
    unfinished = _badge("open", "unfinished: results.json is not there yet")
    badges = [_badge("good", "finished") if files.finished else unfinished]
    if files.diagnosis is None:
        return [*badges, _badge("open", "not diagnosed yet")]
    failures = files.diagnosis.get("failures") or []
    return badges + ([_badge("bad", failure) for failure in failures] or [_badge("good", "no failure detected")])


def _badge(kind: str, text: str) -> str:
    sign = {"good": "✓", "bad": "✕", "open": "…"}[kind]
    return f'<li class="badge {kind}"><span aria-hidden="true">{sign}</span> {escape(str(text))}</li>'


# Numbers, alone and beside published ones


def _numbers(results: dict[str, Any]) -> str:
    body = []
    for evaluator, numbers in _part(results, "numbers").items():
        definitions = _part(results, "definitions").get(evaluator, {})
        rows = "".join(_number_row(name, value, str(definitions.get(name, ""))) for name, value in numbers.items())
        head = f'<tr><th scope="rowgroup" colspan="2">{escape(words(evaluator))}</th></tr>'
        body.append(f"<tbody>{head}{rows}</tbody>")
    caption = '<caption class="quiet">The run\'s numbers and what they mean</caption>'
    return f'<table class="numbers">{caption}{"".join(body)}</table>' if body else ""


def _number_row(name: str, value: object, definition: str) -> str:
    what = f"<b>{escape(words(name))}</b><span>{escape(definition)}</span>"
    return f'<tr><td class="value">{escape(show(value))}</td><th scope="row">{what}</th></tr>'


def _comparison(files: RunFiles) -> str:
    """The named cell of a published table beside the run's own numbers; a line instead if the name is unknown."""
    compare = files.results.get("compare")
    if not compare:
        return ""
    row, column = str(compare.get("row")), str(compare.get("column"))
    try:
        table = load_published(str(compare.get("table")))
        theirs = table.place(row, column)
    except UserError as error:
        return _section("Published", f"<p>Nothing to compare with: {escape(str(error))}</p>")
    ours = {metric: files.number(metric) for metric in theirs}
    source = f'<p class="source">{escape(table.source)}. {escape(table.title)}.</p>'
    seed = files.results.get("seed")
    note = (
        f"One run{'' if seed is None else f' (seed {seed})'} beside the paper's {table.statistic}. "
        f"Within means no farther from it than the spread, with {table.rounding:g} more for the paper's rounding."
    )
    body = beside_html(table, theirs, ours) + published_html(table, row, column, ours) + source
    return _section("Published", body, note)


# Curves

_LOSSES_NOTE = """<span class="key step"></span> logged step<br><span class="key mean"></span> epoch mean<br>
<span class="key minimum"></span> known minimum<br>All terms are minimised."""


def _losses(charts: list[Chart], terms: dict[str, Any], minima: dict[str, float]) -> str:
    figures = [chart_html(chart, _meaning(terms, chart.name), _term_facts(chart, terms, minima)) for chart in charts]
    return f'<div class="charts">{"".join(figures)}</div>' if figures else ""


def _meaning(terms: dict[str, Any], name: str) -> str:
    return str(terms.get(name, {}).get("meaning") or "")


def _term_facts(chart: Chart, terms: dict[str, Any], minima: dict[str, float]) -> list[str]:
    """Weight, known minimum and last value of a term, with its distance from the minimum."""
    term = terms.get(chart.name, {})
    facts = [f"weight {term['weight']:g}"] if isinstance(term.get("weight"), int | float) else []
    last = term.get("last") if term.get("last") is not None else chart.known[-1]
    if chart.name not in minima:
        return [*facts, "no known minimum", f"last {show(last)}"]
    minimum = float(minima[chart.name])
    side = "above" if last >= minimum else "below"
    named = show(int(minimum) if minimum.is_integer() else minimum)
    return [*facts, f"known minimum {named}", f"last {show(last)}, {show(abs(last - minimum))} {side} it"]


def _health(files: RunFiles, charts: list[Chart]) -> str:
    meanings = dict(HEALTH.values())
    figures = "".join(chart_html(chart, meanings[chart.name], []) for chart in charts)
    found = [f"{kind}, {epochs}" for kind, epochs in _failed_epochs(files.metrics).items()]
    text = "No failure was named in any epoch."
    if found:
        text = f"Failures named on the way, marked below the curves: {'; '.join(found)}."
    return f'<div class="charts">{figures}</div><p class="seen">{escape(text)}</p>' if figures else ""


def _failed_epochs(metrics: list[dict[str, Any]]) -> dict[str, str]:
    """Kind of failure -> the epochs that show it, as `epochs 20 to 80, epoch 160`; diagnoses may lie epochs apart."""
    spans: dict[str, list[list[int]]] = {}
    before = None
    for line in metrics:
        if not line.get("diagnosis"):
            continue
        epoch = int(line.get("epoch") or 0)
        for kind in {str(failure).split(":")[0]: None for failure in line["diagnosis"].get("failures") or []}:
            found = spans.setdefault(kind, [])
            if found and found[-1][1] == before:
                found[-1][1] = epoch
            else:
                found.append([epoch, epoch])
        before = epoch
    return {kind: ", ".join(_span(first, last) for first, last in found) for kind, found in spans.items()}


def _span(first: int, last: int) -> str:
    return f"epoch {first}" if first == last else f"epochs {first} to {last}"


# Facts at the end

_COPY = '<button type="button" data-copy aria-live="polite">Copy</button>'


def _training(files: RunFiles) -> dict[str, Any]:
    training = dict(files.results.get("training") or {})
    if not training and files.metrics:
        last, timed = files.metrics[-1], [line["seconds"] for line in files.metrics if line.get("seconds")]
        training = {
            "seconds": timed[-1] if timed else None,
            "epochs": int(last.get("epoch") or 0),
            "steps": last["step"],
        }
    if isinstance(training.get("seconds"), int | float):
        training["time"] = _duration(training.pop("seconds"))
    if isinstance(training.get("images_per_second"), float):
        training["images_per_second"] = round(training["images_per_second"])
    places = {key: files.environment.get(key) for key in ("device", "gpu", "threads", "platform", "started")}
    return {key: value for key, value in ({"time": None} | places | training).items() if value is not None}


def _reproduce(files: RunFiles) -> str:
    command = str(files.environment.get("command") or "")
    versions = files.environment.get("versions") or {}
    facts = {"commit": files.environment.get("commit")} | versions
    environment = json.dumps(files.environment, indent=2, ensure_ascii=False) if files.environment else ""
    parts = [
        f'<div class="command"><pre tabindex="0">{escape(command)}</pre>{_COPY}</div>' if command else "",
        _facts({key: value for key, value in facts.items() if value is not None}),
        _details("Resolved config", files.config),
        _details("Environment", environment),
    ]
    return "\n".join(filter(None, parts))


def _details(summary: str, text: str) -> str:
    return f'<details><summary>{summary}</summary><pre tabindex="0">{escape(text)}</pre></details>' if text else ""


def _facts(facts: dict[str, Any]) -> str:
    """A list of names and values; nested facts follow their parent's name."""
    flat = []
    for key, value in facts.items():
        inner = value if isinstance(value, dict) else {"": value}
        flat += [(f"{key} {name}", item) for name, item in inner.items()]
    rows = "".join(f"<div><dt>{escape(words(key))}</dt><dd>{escape(_plain(value))}</dd></div>" for key, value in flat)
    return f'<dl class="facts">{rows}</dl>' if rows else ""


def _plain(value: object) -> str:
    return ", ".join(_plain(item) for item in value) if isinstance(value, list) else show(value)


def _list(notes: Iterable[object]) -> str:
    items = "".join(f"<li>{escape(str(note))}</li>" for note in notes)
    return f'<ul class="notes">{items}</ul>' if items else ""


def _section(heading: str, body: str, note: str = "") -> str:
    """A section with its note in the margin; nothing if it has no body. Heading and body are HTML, the note is too."""
    if not body:
        return ""
    aside = f'<p class="note">{note}</p>' if note else ""
    return f"""<section aria-label="{heading}"><div class="side"><h2>{heading}</h2>{aside}</div>
<div class="body">{body}</div></section>"""


def _duration(seconds: float) -> str:
    """Seconds as people say them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
