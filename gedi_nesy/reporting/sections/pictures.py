"""Images to look at: samples of the model, and what evaluators made."""

from __future__ import annotations

import re
import struct
from html import escape
from pathlib import Path

from ..charts import thin
from ..page import Section, data_url, tools
from ..run_files import Picture, RunFiles
from ..text import natural, words

MAX_EARLIER_SAMPLES = 12
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def samples(files: RunFiles) -> Section:
    """The final samples large, earlier ones in a strip; files that are no PNG are left out."""
    images = [(path, data) for path in sorted(files.samples, key=natural) if (data := read_png(path))]
    if not images:
        return Section("Samples", "")
    final = next((image for image in images if image[0].stem == "final"), images[-1])
    earlier = thin([image for image in images if image is not final], MAX_EARLIER_SAMPLES)
    strip = "".join(_sample(path, data) for path, data in earlier)
    if strip:
        strip = f'<div class="strip scroll" tabindex="0" role="region" aria-label="Earlier samples">{strip}</div>'
    body = f'<div class="samples">{_sample(*final, tools("samples", "png"))}{strip}</div>'
    return Section("Samples", body, "Images drawn from the model.")


def shown(files: RunFiles) -> Section:
    """The images of evaluators that no other section shows."""
    elsewhere = {"embedding_map", "chains"}
    figures = [picture_html(picture) for picture in files.pictures() if picture.evaluator not in elsewhere]
    return Section("Images", f'<div class="pictures">{"".join(figures)}</div>' if any(figures) else "")


def picture_html(picture: Picture) -> str:
    """An evaluator's images with their caption; nothing if the file is no PNG."""
    data = read_png(picture.path)
    if not data:
        return ""
    name = words(f"{picture.evaluator} {picture.name}")
    alt = f"{picture.caption}; rows: {', '.join(picture.rows)}" if picture.rows else picture.caption
    return f"""<figure class="picture">{image_html(data, alt or name)}
<figcaption data-name="{escape(name)}">{escape(picture.caption or name)}</figcaption>{tools(name, "png")}</figure>"""


def read_png(path: Path) -> bytes:
    """The file if it is a PNG, else nothing."""
    data = path.read_bytes() if path.is_file() else b""
    return data if data.startswith(PNG_SIGNATURE) and len(data) > 24 else b""


def png_size(data: bytes) -> tuple[int, int]:
    """Width and height, which stand in the header."""
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def image_html(data: bytes, alt: str) -> str:
    """An image inside the page; its size keeps the page from jumping."""
    width, height = png_size(data)
    return f'<img src="{data_url("image/png", data)}" width="{width}" height="{height}" alt="{escape(alt)}">'


def _sample(path: Path, data: bytes, below: str = "") -> str:
    name = re.sub(r"-0*(?=\d)", " ", path.stem)
    image = image_html(data, f"Samples of the model: {name}")
    caption = f'<figcaption data-name="samples {escape(name)}">{escape(name)}</figcaption>'
    return f"<figure>{image}{caption}{below}</figure>"
