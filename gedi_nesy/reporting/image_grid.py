"""Grids of small images as one picture: what evaluators show and samples look like."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import torch
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

COLUMNS = 8
GAP = 128
READABLE = 48
FONT_SIZE = 14
WHITE, BLACK = 255, 0

Pixels = UInt8[Tensor, "count channels height width"]


@dataclass(frozen=True)
class ImageGrid:
    """Images that an evaluator found, to be laid out row by row.

    Attributes:
        pixels: grey or RGB, 0 to 255.
        caption: what the images are, and how they were made.
        columns: images in a row.
        rows: what each row shows; empty, or one text a row.

    Raises:
        ValueError: there is no image, or the rows' texts are not as many as rows.
    """

    pixels: Pixels
    caption: str
    columns: int = COLUMNS
    rows: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.pixels) or self.columns < 1:
            raise ValueError(f"a grid of {len(self.pixels)} images in {self.columns} columns shows nothing")
        if self.rows and len(self.rows) != self.num_rows:
            raise ValueError(f"{len(self.rows)} texts for {self.num_rows} rows of images")

    @property
    def num_rows(self) -> int:
        """Rows of images, the last one perhaps not full."""
        return -(-len(self.pixels) // self.columns)

    def png(self) -> bytes:
        """The picture: small images enlarged to be seen, the rows' texts to their left."""
        scale = -(-READABLE // int(self.pixels.shape[2]))
        pixels = self.pixels.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)
        picture = tiled(pixels, self.columns)
        return png(_labelled(picture, self.rows) if self.rows else picture)


def tiled(pixels: Pixels, columns: int = COLUMNS) -> Image.Image:
    """The images side by side, with a thin gap."""
    pixels = pixels.cpu()
    count, channels, height, width = pixels.shape
    rows = -(-count // columns)
    grid = torch.full((channels, rows * (height + 1) + 1, columns * (width + 1) + 1), GAP, dtype=torch.uint8)
    for index, image in enumerate(pixels):
        top, left = (index // columns) * (height + 1) + 1, (index % columns) * (width + 1) + 1
        grid[:, top : top + height, left : left + width] = image
    array = grid.permute(1, 2, 0).numpy()
    return Image.fromarray(array[:, :, 0] if channels == 1 else array)


def png(picture: Image.Image) -> bytes:
    """The picture as the bytes of a PNG file."""
    file = BytesIO()
    picture.save(file, format="PNG")
    return file.getvalue()


def _labelled(picture: Image.Image, rows: tuple[str, ...]) -> Image.Image:
    """The picture with a text to the left of each row of images."""
    font = ImageFont.load_default(FONT_SIZE)
    margin = int(max(font.getlength(text) for text in rows)) + FONT_SIZE
    white = WHITE if picture.mode == "L" else (WHITE,) * 3
    whole = Image.new(picture.mode, (picture.width + margin, picture.height), white)
    whole.paste(picture, (margin, 0))
    draw, height = ImageDraw.Draw(whole), picture.height / len(rows)
    for row, text in enumerate(rows):
        place = (margin - FONT_SIZE // 2, height * (row + 0.5))
        draw.text(place, text, fill=BLACK if picture.mode == "L" else (BLACK,) * 3, font=font, anchor="rm")
    return whole
