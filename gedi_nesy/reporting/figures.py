"""The figures of a report: what its charts draw, as plain data, and the HTML of charts, confusion matrix, samples."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from typing import Any

MAX_POINTS = 2000
MAX_EARLIER_SAMPLES = 12
# Beyond this many classes a cell is too small for its count.
MAX_PRINTED_CLASSES = 16
ABBREVIATIONS = {"auc", "auroc", "fid", "knn", "nmi", "ood"}
NOTHING = "\u2013"  # an en dash, where a number would stand
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

HEALTH = {
    "used_classes": ("classes in use", "exp of the entropy of the mean prediction"),
    "confidence": ("confidence", "mean of the largest class probability"),
    "disagreement": ("disagreement", "share of images whose two views get different classes"),
    "spread": ("spread", "deviation of the embeddings over their size; 0 when they collapse"),
}


@dataclass(frozen=True)
class Series:
    """A line of a chart; y is None where nothing is known."""

    label: str
    x: list[float]
    y: list[float | None]
    faint: bool = False


@dataclass(frozen=True)
class Chart:
    """What the page's script needs to draw a chart.

    Attributes:
        group: charts of a group move their cursors together.
        x: what the horizontal axis counts.
        reference: value and name of a dashed line, such as a known minimum.
        include: values that the vertical axis must cover.
        marks: places on the horizontal axis where a failure was named.
    """

    id: str
    group: str
    name: str
    x: str
    series: list[Series]
    reference: tuple[float, str] | None = None
    include: list[float] = field(default_factory=list)
    marks: list[float] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)

    @property
    def known(self) -> list[float]:
        """The values of the last series, the one that the eye follows."""
        return [value for value in self.series[-1].y if value is not None]


def show(value: object) -> str:
    """A number as it stands in text and tables; three decimals for shares, separators for thousands."""
    if value is None:
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return _minus(f"{value:,}")
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 3
    return _minus(f"{value:.1e}" if 0 < abs(value) < 5e-4 else f"{value:,.{digits}f}")


def words(name: str, capital: bool = False) -> str:
    """A key as words: `matched_accuracy` as `matched accuracy`, `nmi` as `NMI`."""
    text = " ".join(word.upper() if word in ABBREVIATIONS else word for word in str(name).replace("_", " ").split())
    return text[:1].upper() + text[1:] if capital else text


def known_minima(terms: dict[str, Any], metrics: list[dict[str, Any]]) -> dict[str, float]:
    """Each term's known minimum, as results.json says or, in a run without results, as an epoch's distances imply."""
    minima = {name: term["known_minimum"] for name, term in terms.items() if term.get("known_minimum") is not None}
    for line in metrics:
        means, distances = line.get("epoch_terms") or {}, (line.get("diagnosis") or {}).get("distances") or {}
        for name in means.keys() & distances.keys() - terms.keys():
            if means[name] is not None and distances[name] is not None:
                minima.setdefault(name, round(means[name] - distances[name], 6))
    return minima


def term_charts(metrics: list[dict[str, Any]], minima: dict[str, float]) -> list[Chart]:
    """A chart for each loss term over steps: single steps faint, means of epochs on top."""
    steps = [line for line in metrics if line.get("terms")]
    epochs = [line for line in metrics if line.get("epoch_terms")]
    names = dict.fromkeys(name for line in steps + epochs for name in line.get("terms") or line["epoch_terms"])
    charts: list[Chart] = []
    for name in names:
        lines = [
            _series("logged step", steps, "step", "terms", name, faint=bool(epochs)),
            _series("epoch mean", epochs, "step", "epoch_terms", name),
        ]
        reference = (minima[name], "known minimum") if name in minima else None
        if kept := [series for series in lines if any(value is not None for value in series.y)]:
            charts.append(Chart(f"term-{len(charts)}", "terms", name, "step", kept, reference))
    return charts


def health_charts(metrics: list[dict[str, Any]], num_classes: int | None) -> list[Chart]:
    """A chart for each statistic of the diagnosis over epochs, but for those that the method does not offer."""
    lines = [line for line in metrics if line.get("diagnosis")]
    marks = [line["epoch"] for line in lines if line["diagnosis"].get("failures")]
    charts = []
    for name, (label, _) in HEALTH.items():
        series = _series(label, lines, "epoch", "diagnosis", name)
        reference = (float(num_classes), "classes") if num_classes and name == "used_classes" else None
        include = [0.0, 1.0] if name in ("confidence", "disagreement") else [0.0]
        if any(value is not None for value in series.y):
            charts.append(Chart(f"health-{name}", "health", label, "epoch", [series], reference, include, marks))
    return charts


def chart_html(chart: Chart, meaning: str, facts: Iterable[str]) -> str:
    """The frame that the page's script draws into; the facts below it can be read without the script."""
    known = chart.known
    summary = f"{chart.name} over {chart.x}s: from {show(known[0])} to {show(known[-1])}, lowest {show(min(known))}"
    return f"""<figure class="chart" data-chart="{escape(chart.id)}">
<figcaption><h3>{escape(chart.name)}</h3><output class="now" aria-live="off">{show(known[-1])}</output>
<p>{escape(meaning)}</p></figcaption>
<div class="plot" tabindex="0" role="group" aria-label="{escape(summary)}. Arrow keys read single points."></div>
<p class="facts">{" · ".join(escape(fact) for fact in facts)}</p>
{_tools(chart.name, "log", "csv", "png")}</figure>"""


def confusion_html(matrix: list[list[int]], classes: list[str]) -> str:
    """A heat map as a table: rows are true classes, columns predicted ones, colour is the share of the row."""
    width = max((len(row) for row in matrix), default=0)
    columns = classes if len(classes) == width else [str(column) for column in range(width)]
    rows = classes if len(classes) == len(matrix) else [str(row) for row in range(len(matrix))]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "".join(_confusion_row(index, rows[index], counts, columns) for index, counts in enumerate(matrix))
    dense = " dense" if width > MAX_PRINTED_CLASSES else ""
    return f"""<figure class="confusion{dense}">
<div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix">
<table><caption>Images by true class (rows) and predicted class (columns); colour is the share of the row</caption>
<thead><tr><td></td>{head}<th scope="col" class="recall">right</th></tr></thead><tbody>{body}</tbody></table></div>
<p class="readout" aria-live="polite">Point at a cell to read it.</p>
{_tools("confusion matrix", "csv")}</figure>"""


def samples_html(paths: list[Path]) -> str:
    """The final samples large, earlier ones in a strip; files that are no PNG are left out."""
    images = [(path, path.read_bytes()) for path in sorted(paths, key=_natural)]
    images = [(path, data) for path, data in images if data.startswith(PNG_SIGNATURE) and len(data) > 24]
    if not images:
        return ""
    final = next((image for image in images if image[0].stem == "final"), images[-1])
    earlier = _thin([image for image in images if image is not final], MAX_EARLIER_SAMPLES)
    strip = "".join(_sample(path, data) for path, data in earlier)
    if strip:
        strip = f'<div class="strip scroll" tabindex="0" role="region" aria-label="Earlier samples">{strip}</div>'
    return f'<div class="samples">{_sample(*final)}{strip}</div>'


def _series(label: str, lines: list[dict[str, Any]], x: str, part: str, name: str, faint: bool = False) -> Series:
    """One value of each line; at most MAX_POINTS of them, evenly taken, with the last."""
    kept = _thin([line for line in lines if isinstance(line.get(x), int | float)], MAX_POINTS)
    values = [line[part].get(name) for line in kept]
    rounded = [None if value is None else float(f"{value:.6g}") for value in values]
    return Series(label, [line[x] for line in kept], rounded, faint)


def _thin(items: list[Any], most: int) -> list[Any]:
    """At most so many items, evenly taken, first and last among them."""
    if len(items) <= most:
        return items
    return [items[round(index * (len(items) - 1) / (most - 1))] for index in range(most)]


def _tools(name: str, *tools: str) -> str:
    titles = {"log": "Logarithmic axis for", "csv": "Download the data of", "png": "Download a picture of"}
    toggle = ' aria-pressed="false" hidden'
    text = {"log": "log", "csv": "CSV", "png": "PNG"}
    buttons = [
        f'<button type="button" data-tool="{tool}" aria-label="{escape(titles[tool] + " " + name)}"'
        f"{toggle if tool == 'log' else ''}>{text[tool]}</button>"
        for tool in tools
    ]
    return f'<div class="tools">{"".join(buttons)}</div>\n'


def _confusion_row(index: int, name: str, counts: list[int], columns: list[str]) -> str:
    total = sum(counts)
    cells = []
    for column, count in enumerate(counts):
        share = count / total if total else 0.0
        text = f"true {name}, predicted {columns[column]}: {count:,} of {total:,} images ({share:.1%})"
        kind = ' class="zero"' if not count else ""
        cells.append(f'<td{kind} style="--share:{share:.1%}" title="{escape(text)}"><span>{count}</span></td>')
    right = f"{counts[index] / total:.1%}" if total and index < len(counts) else NOTHING
    return f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}<td class="recall">{right}</td></tr>'


def _sample(path: Path, data: bytes) -> str:
    """An image inside the page; its size stands in the PNG's header and keeps the page from jumping."""
    width, height = struct.unpack(">II", data[16:24])
    name = re.sub(r"-0*(?=\d)", " ", path.stem)
    encoded = base64.b64encode(data).decode()
    return f"""<figure><img src="data:image/png;base64,{encoded}" width="{width}" height="{height}"
alt="Samples of the energy model: {escape(name)}"><figcaption>{escape(name)}</figcaption></figure>"""


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sorts epoch-9 before epoch-10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.stem)]


def _minus(text: str) -> str:
    return text.replace("-", "\u2212")
