"""Out-of-distribution scores: histograms of the run's own test images and of other data sets."""

from __future__ import annotations

from itertools import pairwise

from ..charts import Chart, Series, chart_html
from ..page import Section
from ..run_files import RunFiles
from ..text import show, words

_NOTE = "How a score is spread over the run's own test images and over other data sets. The less overlap, the better told apart."


def detection(files: RunFiles) -> Section:
    """A chart for each score, an outline for each data set."""
    charts, figures = [], ""
    for number, (name, table) in enumerate((files.table("score_histograms") or {}).items()):
        edges, shares = table["edges"], table["shares"]
        middles = [round((low + high) / 2, 9) for low, high in pairwise(edges)]
        series = [
            Series(words(data), middles, values, shape="outline", colour=colour % 10)
            for colour, (data, values) in enumerate(shares.items())
        ]
        chart = Chart(
            f"score-{number}",
            f"scores-{number}",
            words(name),
            "score",
            series,
            include=[0.0],
            x_range=(edges[0], edges[-1]),
        )
        charts.append(chart)
        figures += chart_html(
            chart, f"share of images by {table.get('score', name)}", _facts(files, name, list(shares))
        )
    return Section("Out of distribution", f'<div class="charts">{figures}</div>' if charts else "", _NOTE, charts)


def _facts(files: RunFiles, score: str, sets: list[str]) -> list[str]:
    found = [(data, files.number(f"{data}_{score}_auroc")) for data in sets]
    return [f"AUROC {show(value)} for {words(data)}" for data, value in found if value is not None]
