"""Curves: loss terms with their known minima, and the health of the model."""

from __future__ import annotations

from html import escape
from typing import Any

from ..charts import Chart, chart_html, series_of
from ..page import Section
from ..run_files import RunFiles
from ..text import show, words

HEALTH = {
    "used_classes": ("classes in use", "exp of the entropy of the mean prediction"),
    "confidence": ("confidence", "mean of the largest class probability"),
    "disagreement": ("disagreement", "share of images whose two views get different classes"),
    "spread": ("spread", "deviation of the embeddings over their size; 0 when they collapse"),
}
LOOKED_AT = "Held-out data, looked at while the run trained. Nothing was chosen by it."
_NOTE = """<span class="key step"></span> logged step<br><span class="key mean"></span> epoch mean<br>
<span class="key minimum"></span> known minimum<br>All terms are minimised."""


def losses(files: RunFiles) -> Section:
    """A chart for each loss term."""
    terms = files.part("terms")
    minima = known_minima(terms, files.metrics)
    charts = _term_charts(files.metrics, minima)
    figures = [
        chart_html(chart, str(terms.get(chart.name, {}).get("meaning") or ""), _term_facts(chart, terms, minima))
        for chart in charts
    ]
    return Section("Loss terms", f'<div class="charts">{"".join(figures)}</div>' if figures else "", _NOTE, charts)


def health(files: RunFiles) -> Section:
    """A chart for each statistic of the diagnosis, and when failures were named."""
    classes = files.table("classes")
    charts = _health_charts(files.metrics, len(classes) if classes else None)
    meanings = dict(HEALTH.values())
    figures = "".join(chart_html(chart, meanings[chart.name]) for chart in charts)
    found = [f"{kind}, {epochs}" for kind, epochs in _failed_epochs(files.metrics).items()]
    text = "No failure was named in any epoch."
    if found:
        text = f"Failures named on the way, marked below the curves: {'; '.join(found)}."
    body = f'<div class="charts">{figures}</div><p class="seen">{escape(text)}</p>' if figures else ""
    return Section("Health", body, "Statistics on fixed training images. No label is looked at.", charts)


def on_the_way(files: RunFiles) -> Section:
    """A chart for each number that evaluators found while the run trained, up to what they found at its end."""
    lines, definitions = files.lines("numbers"), files.part("definitions")
    charts: list[Chart] = []
    figures: list[str] = []
    for place in number_names(files):
        evaluator, _, name = place.partition(".")
        series = series_of(words(name), lines, "epoch", "numbers", place)
        if any(value is not None for value in series.y):
            charts.append(Chart(f"way-{len(charts)}", "way", words(name, capital=True), "epoch", [series]))
            meaning = definitions.get(evaluator, {}).get(name)
            figures.append(chart_html(charts[-1], str(meaning or words(evaluator))))
    return Section("On the way", f'<div class="charts">{"".join(figures)}</div>' if figures else "", LOOKED_AT, charts)


def number_names(files: RunFiles) -> list[str]:
    """Every `evaluator.number` that was found on the way, in the order of its first line."""
    return list(dict.fromkeys(name for line in files.lines("numbers") for name in line["numbers"]))


def known_minima(terms: dict[str, Any], metrics: list[dict[str, Any]]) -> dict[str, float]:
    """Each term's known minimum, as results.json says or, in a run without results, as an epoch's distances imply."""
    minima = {name: term["known_minimum"] for name, term in terms.items() if term.get("known_minimum") is not None}
    for line in metrics:
        means, distances = line.get("epoch_terms") or {}, (line.get("diagnosis") or {}).get("distances") or {}
        for name in means.keys() & distances.keys() - terms.keys():
            if means[name] is not None and distances[name] is not None:
                minima.setdefault(name, round(means[name] - distances[name], 6))
    return minima


def term_names(metrics: list[dict[str, Any]]) -> list[str]:
    """Every loss term that was logged, in the order of its first line."""
    lines = [line.get("terms") or line.get("epoch_terms") or {} for line in metrics]
    return list(dict.fromkeys(name for line in lines for name in line))


def _term_charts(metrics: list[dict[str, Any]], minima: dict[str, float]) -> list[Chart]:
    """A chart for each loss term over steps: single steps faint, means of epochs on top."""
    steps = [line for line in metrics if line.get("terms")]
    epochs = [line for line in metrics if line.get("epoch_terms")]
    charts: list[Chart] = []
    for name in term_names(metrics):
        lines = [
            series_of("logged step", steps, "step", "terms", name, faint=bool(epochs)),
            series_of("epoch mean", epochs, "step", "epoch_terms", name),
        ]
        reference = (minima[name], "known minimum") if name in minima else None
        if kept := [series for series in lines if any(value is not None for value in series.y)]:
            charts.append(Chart(f"term-{len(charts)}", "terms", name, "step", kept, reference))
    return charts


def _health_charts(metrics: list[dict[str, Any]], num_classes: int | None) -> list[Chart]:
    """A chart for each statistic of the diagnosis over epochs, but for those that the method does not offer."""
    lines = [line for line in metrics if line.get("diagnosis")]
    marks = [line["epoch"] for line in lines if line["diagnosis"].get("failures")]
    charts = []
    for name, (label, _) in HEALTH.items():
        series = series_of(label, lines, "epoch", "diagnosis", name)
        reference = (float(num_classes), "classes") if num_classes and name == "used_classes" else None
        include = [0.0, 1.0] if name in ("confidence", "disagreement") else [0.0]
        if any(value is not None for value in series.y):
            charts.append(Chart(f"health-{name}", "health", label, "epoch", [series], reference, include, marks))
    return charts


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
