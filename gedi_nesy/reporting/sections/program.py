"""What the task knows: its constraint, the size of the circuit, the readings that it cannot tell apart."""

from __future__ import annotations

from html import escape
from pathlib import Path

from ..page import Section, data_url, facts_html, tools
from ..run_files import RunFiles
from ..text import words


def constraint(files: RunFiles) -> Section:
    """Facts about the constraint, and its circuit as a drawing."""
    drawings = sorted((files.folder / "figures").glob("*.svg"))
    body = facts_html(files.constraint) + "".join(map(_drawing, drawings))
    return Section("Constraint" if files.results.get("constraint") else "Task", body)


def _drawing(path: Path) -> str:
    """As an image, so that nothing in the file acts on the page."""
    name = words(path.stem)
    image = f'<img src="{data_url("image/svg+xml", path.read_bytes())}" alt="Drawing of the {escape(name)}">'
    return f"""<figure class="drawing"><div class="scroll" tabindex="0" role="region" aria-label="{escape(name)}">{image}</div>
<figcaption data-name="{escape(name)}">The {escape(name)}: a row for each choice, an edge for the classes that lead on.
{_CLASSES}</figcaption>{tools(name, "svg", "png")}</figure>"""


_CLASSES = "Whatever has no edge makes the query false."
