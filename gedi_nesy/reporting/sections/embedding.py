"""The map of embeddings: held-out images as points, with the image itself where one looks."""

from __future__ import annotations

from html import escape
from typing import Any

from ..page import Section, tools
from ..run_files import Picture, RunFiles
from ..text import show
from .pictures import image_html, read_png

TABLE = "embedding_map"


def embedding(files: RunFiles) -> Section:
    """Held-out images on a plane, coloured by class or by prediction."""
    table = files.table(TABLE)
    if not table or not table.get("x"):
        return Section("Embedding map", "")
    sheet = sheet_of(files)
    data = read_png(sheet.path) if sheet else b""
    groups = {"class": table.get("labels"), "prediction": table.get("predictions")}
    drawn = {
        "id": "embedding",
        "name": "embedding map",
        "x": table["x"],
        "y": table["y"],
        "groups": {name: values for name, values in groups.items() if values},
        "names": table.get("classes") or [],
        "columns": table.get("columns") or 1,
    }
    body = _map(drawn, data, str(table.get("projection") or ""))
    return Section("Embedding map", body, _note(files), maps=[drawn])


def sheet_of(files: RunFiles) -> Picture | None:
    """The images of the points, on one sheet; it is no picture to look at by itself."""
    if not files.table(TABLE):
        return None
    return next((picture for picture in files.pictures() if picture.evaluator == TABLE), None)


def _map(drawn: dict[str, Any], sheet: bytes, projection: str) -> str:
    toggles = "".join(
        f'<button type="button" data-by="{name}" aria-pressed="{str(not index).lower()}">{name}</button>'
        for index, name in enumerate(drawn["groups"])
    )
    images = image_html(sheet, "All images of the map").replace("<img ", "<img hidden ") if sheet else ""
    count = len(drawn["x"])
    return f"""<figure class="map" data-map="{drawn["id"]}">
<div class="choice" role="group" aria-label="Colour by"><span>colour by</span>{toggles}</div>
<div class="plot" tabindex="0" role="group" aria-label="{count} images as points. Arrow keys go from point to point."></div>
<ul class="legend"></ul>
<figcaption>{show(count)} held-out images by their embeddings: {escape(projection)}.</figcaption>
{images}{tools("embedding map", "csv", "png")}</figure>"""


def _note(files: RunFiles) -> str:
    trust = files.number("trustworthiness")
    seen = "" if trust is None else f"<br>Trustworthiness {show(trust)}: 1 if neighbours here are neighbours there."
    return f"Point at an image, or press the arrow keys. A name in the legend puts the others aside.{seen}"
