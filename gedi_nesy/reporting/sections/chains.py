"""Sampler chains: images on their way from noise, and their log-density over steps."""

from __future__ import annotations

from ..charts import Chart, Series, chart_html
from ..page import Section
from ..run_files import RunFiles
from .pictures import picture_html

EVALUATOR = "chains"


def chains(files: RunFiles) -> Section:
    """The log-density of each chain beside that of test images, and what the chains look like."""
    table = files.table("chains")
    if not table:
        return Section("Sampler chains", "")
    steps, densities = table["steps"], table["log_density"]
    lines = [
        Series(f"chain {number}", steps, list(values), faint=True)
        for number, values in enumerate(zip(*densities, strict=True), 1)
    ]
    mean = Series("mean", steps, [sum(values) / len(values) for values in densities])
    chart = Chart(
        "chains", "chains", "log p(x)", "step", [*lines, mean], reference=(table["test_images"], "mean of test images")
    )
    figure = chart_html(chart, "of each chain, up to a constant; the line is their mean")
    images = "".join(picture_html(picture) for picture in files.pictures() if picture.evaluator == EVALUATOR)
    note = "Chains of the sampler from uniform noise."
    return Section("Sampler chains", f'<div class="charts">{figure}</div>{images}', note, [chart])
