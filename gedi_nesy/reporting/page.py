"""The page that reports are made of: web/page.html with its style and scripts inside, so that it asks nothing of the network.

A report is a list of sections. What they want drawn goes along as data; all else is plain HTML.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import finite
from .text import show, words

if TYPE_CHECKING:
    from .charts import Chart

WEB = Path(__file__).with_name("web")
SCRIPTS = ("page.js", "charts.js", "maps.js", "tables.js")
SLOT = re.compile(r"<!--slot:(\w+)-->")
TOOLS = {
    "log": ("log", "Logarithmic axis for"),
    "csv": ("CSV", "Download the data of"),
    "png": ("PNG", "Download a picture of"),
    "svg": ("SVG", "Download the drawing of"),
}


@dataclass(frozen=True)
class Section:
    """A part of a page, left out when its body is empty.

    Attributes:
        heading: text.
        body: HTML.
        note: HTML for the margin.
        charts: what the script draws into the body's frames.
        maps: likewise, as `sections.embedding` makes them.
    """

    heading: str
    body: str
    note: str = ""
    charts: list[Chart] = field(default_factory=list)
    maps: list[dict[str, Any]] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        """Its name in links."""
        return re.sub(r"\W+", "-", self.heading.lower())

    def html(self) -> str:
        """Heading and note beside the body."""
        aside = f'<p class="note">{self.note}</p>' if self.note else ""
        return f"""<section id="{self.anchor}" aria-label="{escape(self.heading)}">
<div class="side"><h2>{escape(self.heading)}</h2>{aside}</div>
<div class="body">{self.body}</div></section>"""


def page(title: str, header: str, sections: Iterable[Section]) -> str:
    """A whole page.

    Args:
        title: what files downloaded from the page begin with, too.
        header: HTML of the top.
    """
    kept = [section for section in sections if section.body]
    links = "".join(f'<li><a href="#{section.anchor}">{escape(section.heading)}</a></li>' for section in kept)
    data = {
        "name": title,
        "charts": [chart.plain() for section in kept for chart in section.charts],
        "maps": [drawn for section in kept for drawn in section.maps],
    }
    slots = {
        "title": escape(title),
        "style": _web("style.css"),
        "header": header + (f'<nav aria-label="Sections"><ul>{links}</ul></nav>' if len(kept) > 1 else ""),
        "sections": "\n".join(section.html() for section in kept),
        "data": _json(data),
        "script": "\n".join(map(_web, SCRIPTS)),
    }
    return SLOT.sub(lambda match: slots[match[1]], _web("page.html"))


def tools(name: str, *kinds: str) -> str:
    """Buttons below what is called so; the page's script gives them their work."""
    buttons = []
    for kind in kinds:
        text, title = TOOLS[kind]
        toggle = ' aria-pressed="false" hidden' if kind == "log" else ""
        buttons.append(
            f'<button type="button" data-tool="{kind}" aria-label="{escape(f"{title} {name}")}"{toggle}>{text}</button>'
        )
    return f'<div class="tools">{"".join(buttons)}</div>\n'


def table_html(
    name: str, headings: Sequence[str], rows: Sequence[str], texts: set[str], details: Mapping[str, str] | None = None
) -> str:
    """A table that can be sorted by each column and taken along as CSV.

    Args:
        rows: cells of each row, as HTML.
        texts: headings of the columns that hold text; the others hold numbers.
        details: heading -> what stands small beside it.
    """
    head = "".join(
        f'<th scope="col" data-sort data-csv="{escape(heading)}"{" class=text" if heading in texts else ""}>'
        f"{escape(heading)}{small_html((details or {}).get(heading, ''))}</th>"
        for heading in headings
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"""<figure class="table"><div class="scroll" tabindex="0" role="region" aria-label="{escape(name)}">
<table class="compared"><caption class="quiet">{escape(name)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>
{tools(name.lower(), "csv")}</figure>"""


def small_html(text: str) -> str:
    """What stands small beside a name; nothing if there is none."""
    return f" <small>{escape(text)}</small>" if text else ""


def facts_html(facts: dict[str, Any]) -> str:
    """A list of names and values; nested facts follow their parent's name."""
    flat = []
    for key, value in facts.items():
        inner = value if isinstance(value, dict) else {"": value}
        flat += [(f"{key} {name}", item) for name, item in inner.items()]
    rows = "".join(f"<div><dt>{escape(words(key))}</dt><dd>{escape(_plain(value))}</dd></div>" for key, value in flat)
    return f'<dl class="facts">{rows}</dl>' if rows else ""


def list_html(items: Iterable[object]) -> str:
    """A list of sentences."""
    rows = "".join(f"<li>{escape(str(item))}</li>" for item in items)
    return f'<ul class="notes">{rows}</ul>' if rows else ""


def command_html(command: str) -> str:
    """A command with a button that copies it."""
    copy = '<button type="button" data-copy aria-live="polite">Copy</button>'
    return f'<div class="command"><pre tabindex="0">{escape(command)}</pre>{copy}</div>'


def details_html(summary: str, text: str) -> str:
    """A text to be opened; nothing if there is none."""
    return f'<details><summary>{summary}</summary><pre tabindex="0">{escape(text)}</pre></details>' if text else ""


def data_url(kind: str, data: bytes) -> str:
    """A file inside the page, by its media type."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _web(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")


def _plain(value: object) -> str:
    return ", ".join(_plain(item) for item in value) if isinstance(value, list) else show(value)


def _json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(finite(value), separators=(",", ":")).replace("<", "\\u003c")
