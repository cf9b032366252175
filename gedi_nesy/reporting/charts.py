"""Charts as plain data, which the page's script draws, and the HTML of their frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any, Literal, TypeVar

from .page import small_html, tools
from .text import show

MAX_POINTS = 2000

Item = TypeVar("Item")


@dataclass(frozen=True)
class Series:
    """A line of a chart; y is None where nothing is known.

    Attributes:
        shape: joined by lines, or standing on the axis as bars or as the outline of a histogram; these two have bins of equal
            width, x being their middles.
        colour: number in the page's palette; None for the colour of a chart with one thing to see.
        detail: what stands small beside the label in a legend.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float | None]
    faint: bool = False
    shape: Literal["line", "bars", "outline"] = "line"
    colour: int | None = None
    detail: str = ""


@dataclass(frozen=True)
class Chart:
    """What the page's script needs to draw a chart.

    Attributes:
        group: charts of a group move their cursors together; those of "terms" may have a logarithmic axis.
        x: what the horizontal axis shows.
        x_range: ends of the horizontal axis; by default it counts from 0 to the last place.
        reference: value and name of a dashed line, such as a known minimum.
        diagonal: name of the dashed line y = x.
        include: values that the vertical axis must cover.
        marks: places on the horizontal axis where a failure was named.
    """

    id: str
    group: str
    name: str
    x: str
    series: Sequence[Series]
    reference: tuple[float, str] | None = None
    include: Sequence[float] = ()
    marks: Sequence[float] = ()
    x_range: tuple[float, float] | None = None
    diagonal: str | None = None

    def plain(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)

    @property
    def known(self) -> list[float]:
        """The values of the last series, the one that the eye follows."""
        return [value for value in self.series[-1].y if value is not None]

    @property
    def has_legend(self) -> bool:
        """Whether lines are told apart by colour."""
        return any(series.colour is not None for series in self.series)


def chart_html(chart: Chart, meaning: str, facts: Iterable[str] = ()) -> str:
    """The frame that the page's script draws into; the facts below it can be read without the script."""
    known = chart.known
    now = "" if chart.has_legend or chart.x_range else f'<output class="now" aria-live="off">{show(known[-1])}</output>'
    over = f"{chart.name} over {chart.x}" if chart.x_range else f"{chart.name} over {chart.x}s"
    summary = f"{over}: from {show(known[0])} to {show(known[-1])}, lowest {show(min(known))}"
    return f"""<figure class="chart" data-chart="{escape(chart.id)}">
<figcaption><h3>{escape(chart.name)}</h3>{now}
<p>{escape(meaning)}</p></figcaption>
<div class="plot" tabindex="0" role="group" aria-label="{escape(summary)}. Arrow keys read single points."></div>
<div class="below">{_legend(chart)}<p class="facts">{" · ".join(escape(fact) for fact in facts)}</p></div>
{tools(chart.name, "log", "csv", "png")}</figure>"""


def series_of(
    label: str,
    lines: list[dict[str, Any]],
    x: str,
    part: str,
    name: str,
    faint: bool = False,
    colour: int | None = None,
    detail: str = "",
) -> Series:
    """One value of each line of metrics.jsonl; at most MAX_POINTS of them, evenly taken, with the last."""
    kept = thin([line for line in lines if isinstance(line.get(x), int | float)], MAX_POINTS)
    values = [line[part].get(name) for line in kept]
    rounded = [None if value is None else float(f"{value:.6g}") for value in values]
    return Series(label, [line[x] for line in kept], rounded, faint, colour=colour, detail=detail)


def thin(items: list[Item], most: int) -> list[Item]:
    """At most so many items, evenly taken, first and last among them."""
    if len(items) <= most:
        return items
    return [items[round(index * (len(items) - 1) / (most - 1))] for index in range(most)]


def _legend(chart: Chart) -> str:
    items = "".join(
        f'<li><span class="swatch c{series.colour}"></span>{escape(series.label)}{small_html(series.detail)}</li>'
        for series in chart.series
        if series.colour is not None
    )
    return f'<ul class="legend">{items}</ul>' if items else ""
