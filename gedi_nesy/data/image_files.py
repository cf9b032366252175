"""Image files as uint8 pixels."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from ..errors import DataError

Shape = tuple[int, int, int]
"""Channels, height and width."""

MODES = {1: "L", 3: "RGB"}


def open_image(file: Path) -> Image.Image:
    """The decoded image of a file, turned upright; its first frame if it has several.

    Raises:
        DataError: the file does not exist or is no image.
    """
    try:
        with Image.open(file) as opened:
            if opened.mode == "LAB":  # the one kind that Pillow neither calls deep nor converts
                raise ValueError("its colours are LAB, which Pillow does not convert. Save it as RGB")
            return _upright(opened.copy())
    except FileNotFoundError:
        raise DataError(f"{file} does not exist") from None
    except UnidentifiedImageError:
        raise DataError(f"{file} is no readable image: its content is of no format that Pillow knows") from None
    # Pillow reports a damaged file by any of these.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{file} is no readable image: {reason}") from None


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF data say; as it is where these are damaged, as browsers and viewers show it."""
    with suppress(Exception):  # what Pillow raises depends on where in the EXIF data the damage is
        ImageOps.exif_transpose(image, in_place=True)
    return image


def fits(image: Image.Image, shape: Shape) -> bool:
    """Whether an image has this shape as it is."""
    channels, height, width = shape
    return image.size == (width, height) and image.mode == MODES.get(channels)


def is_deep(image: Image.Image) -> bool:
    """Whether it has more than 8 bits a channel, for which Pillow knows no faithful conversion."""
    return image.mode.startswith(("I", "F"))


def describe(image: Image.Image) -> str:
    """Size and mode, such as `28x28 of mode L`."""
    return f"{image.width}x{image.height} of mode {image.mode}"


def describe_shape(shape: Shape) -> str:
    """Size and mode of images of this shape, in the form of `describe`."""
    channels, height, width = shape
    return f"{width}x{height} of mode {MODES.get(channels)}"


def fitted(image: Image.Image, shape: Shape) -> Image.Image:
    """An 8-bit image converted to grey or RGB and stretched to size; what was transparent is black."""
    channels, height, width = shape
    return _converted(image, channels).resize((width, height), Image.Resampling.BILINEAR)


def framed(image: Image.Image, channels: int, size: int, crop: float) -> Image.Image:
    """The same, but with its proportions: of the centre, a square of a share `crop` of the shorter side."""
    image = _converted(image, channels)
    side = crop * min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    return image.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))


def _converted(image: Image.Image, channels: int) -> Image.Image:
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image.convert("RGBA"))
    return image.convert(MODES[channels])


def pixels_of(image: Image.Image) -> UInt8[Tensor, "channels height width"]:
    """The pixels of an image of mode L or RGB."""
    rows = torch.from_numpy(np.array(image)).view(image.height, image.width, -1)
    return rows.permute(2, 0, 1).contiguous()
