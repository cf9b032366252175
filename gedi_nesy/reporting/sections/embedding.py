"""The map of embeddings: held-out images as points, with the image itself where one looks."""

from __future__ import annotations

from html import escape
from typing import Any

from ..page import Section, tools
from ..run_files import Picture, RunFiles
from ..text import minus, show
from .pictures import image_html, read_png

TABLE = "embedding_map"


def embedding(files: RunFiles) -> Section:
    """Held-out images on a plane, coloured by class or by prediction."""
    table = files.table(TABLE)
    if not table or not table.get("x"):
        return Section("Embedding map", "")
    drawn = _drawn("embedding map", table) | {"columns": table.get("columns") or 1}
    sheet = sheet_of(files)
    caption = f"{show(len(table['x']))} held-out images by their embeddings: {table.get('projection') or 'a plane'}."
    return Section(
        "Embedding map", _map(drawn, read_png(sheet.path) if sheet else b"", caption), _note(files), maps=[drawn]
    )


def regions(files: RunFiles) -> Section:
    """For data that are points of the plane: the class of each place, and the points."""
    table = files.table("regions")
    if not table or not table.get("x"):
        return Section("Decision regions", "")
    drawn = _drawn("decision regions", table) | {"cells": table["cells"]}
    caption = f"{show(len(table['x']))} held-out points; the ground has the colour of the prediction at each place."
    note = minus("The plane between -1 and 1. Point at one, or press the arrow keys.")
    return Section("Decision regions", _map(drawn, b"", caption), note, maps=[drawn])


def sheet_of(files: RunFiles) -> Picture | None:
    """The images of the points, on one sheet; it is no picture to look at by itself."""
    if not files.table(TABLE):
        return None
    return next((picture for picture in files.pictures() if picture.evaluator == TABLE), None)


def _drawn(name: str, table: dict[str, Any]) -> dict[str, Any]:
    """What the page's script draws: places, and the groups to colour them by."""
    groups = {"class": table.get("labels"), "prediction": table.get("predictions")}
    return {
        "id": name.replace(" ", "-"),
        "name": name,
        "x": table["x"],
        "y": table["y"],
        "groups": {by: values for by, values in groups.items() if values},
        "names": {"class": table.get("classes") or [], "prediction": table.get("outputs") or []},
    }


def _map(drawn: dict[str, Any], sheet: bytes, caption: str) -> str:
    toggles = "".join(
        f'<button type="button" data-by="{name}" aria-pressed="{str(not index).lower()}">{name}</button>'
        for index, name in enumerate(drawn["groups"])
    )
    images = image_html(sheet, "All images of the map").replace("<img ", "<img hidden ") if sheet else ""
    return f"""<figure class="map" data-map="{drawn["id"]}">
<div class="choice" role="group" aria-label="Colour by"><span>colour by</span>{toggles}</div>
<div class="plot" tabindex="0" role="group" aria-label="{len(drawn["x"])} points. Arrow keys go from one to the next."></div>
<ul class="legend"></ul>
<figcaption>{escape(caption)}</figcaption>
{images}{tools(drawn["name"], "csv", "png")}</figure>"""


def _note(files: RunFiles) -> str:
    trust = files.number("trustworthiness")
    seen = "" if trust is None else f"<br>Trustworthiness {show(trust)}: 1 if neighbours here are neighbours there."
    return f"Point at an image, or press the arrow keys. A name in the legend puts the others aside.{seen}"
