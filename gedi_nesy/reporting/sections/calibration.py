"""Calibration: how often predictions of some confidence are right, and how confident they are."""

from __future__ import annotations

from typing import Any

from ..charts import Chart, Series, chart_html
from ..page import Section
from ..run_files import RunFiles
from ..text import show

_NOTE = """Bars below the dashed line are overconfident, above it too modest.<br>
<span class="key minimum"></span> as right as confident"""


def calibration(files: RunFiles) -> Section:
    """The reliability diagram and the histogram of confidence."""
    bins: list[dict[str, Any]] = files.table("reliability") or []
    count = sum(bin["count"] for bin in bins)
    if not count:
        return Section("Calibration", "")
    middles = [round((bin["low"] + bin["high"]) / 2, 6) for bin in bins]
    right = [bin["accuracy"] if bin["count"] else None for bin in bins]
    shares = [bin["count"] / count for bin in bins]
    common: dict[str, Any] = {"group": "calibration", "x": "confidence", "x_range": (0.0, 1.0)}
    diagram = Chart(
        "reliability",
        name="reliability",
        series=[Series("share that is right", middles, right, shape="bars")],
        include=[0.0, 1.0],
        diagonal="as right as confident",
        **common,
    )
    confidence = Chart(
        "confidence",
        name="confidence of predictions",
        series=[Series("share of images", middles, shares, shape="bars")],
        include=[0.0],
        **common,
    )
    errors = [
        f"{name} {show(value)}"
        for name, key in (("expected error", "expected_calibration_error"), ("largest", "maximum_calibration_error"))
        if (value := files.number(key)) is not None
    ]
    figures = chart_html(diagram, "share of predictions that are right, by their confidence", errors)
    figures += chart_html(confidence, "share of test images, by confidence", [f"{show(count)} images"])
    return Section("Calibration", f'<div class="charts">{figures}</div>', _NOTE, [diagram, confidence])
