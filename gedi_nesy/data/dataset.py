"""Images (or points) with labels as tensors, and the interface of what reads them."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from ..config.files import FullPath
from ..config.options import Options
from ..errors import DataError
from .table import Table

if TYPE_CHECKING:
    from PIL.Image import Image


LOOKED_AT = 1000
"""Images that a fingerprint looks at."""


# Values 0 to 255; or floats that are in [-1, 1] as they stand, such as the coordinates of points: one image of (2, 1, 1) each.
Pixels = UInt8[Tensor, "images channels height width"] | Float[Tensor, "images channels height width"]


@dataclass(frozen=True)
class Images:
    """One split: pixels and class labels, -1 where the class is not known.

    Attributes:
        pixels: uint8 for pictures; floats in [-1, 1] for points.
        attributes: further labels of the same images by name, such as a person's hair colour; -1 where one is not known.
    """

    pixels: Pixels
    labels: Int[Tensor, " images"]
    attributes: Mapping[str, Int[Tensor, " images"]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pixels)

    def at(self, rows: Int[Tensor, " rows"] | Bool[Tensor, " images"] | slice) -> Images:
        """The images at these places."""
        rows = rows if isinstance(rows, slice) else rows.to(self.labels.device)
        attributes = {name: values[rows] for name, values in self.attributes.items()}
        return Images(self.pixels[rows], self.labels[rows], attributes)


Fit = Callable[["Image"], UInt8[Tensor, "channels height width"]]
"""Pixels of the data set's shape, of an image that Pillow has opened."""


@dataclass(frozen=True)
class ImageDataset:
    """A train split, a held-out test split, and the names of the classes.

    Attributes:
        train_table: examples made of the train images, where the data set states them; None when a task is to draw its own.
        test_table: the same of the test images.
        fit: how 8-bit images of any size and kind were made to fit, for later images to be treated the same; None where images
            of another size or kind are refused.
        before: how many training and test images there were before training images took the place of test images, see `hold_out`.
    """

    train: Images
    test: Images
    classes: tuple[str, ...]
    train_table: Table | None = None
    test_table: Table | None = None
    fit: Fit | None = None
    before: tuple[int, int] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.train.pixels.shape[1:]
        return channels, height, width

    @property
    def is_pictures(self) -> bool:
        """Whether there is something to look at; points are none."""
        return self.train.pixels.dtype == torch.uint8

    def require_pictures(self, wanted_by: str) -> None:
        """DataError when the data are points, for what only makes sense with pictures."""
        if not self.is_pictures:
            raise DataError(
                f"{wanted_by} is for pictures, and this run's data are points, not pictures", key="data.name"
            )


def fingerprint(dataset: ImageDataset) -> str:
    """A short hash of the classes, labels and table of the training data, and of up to 1,000 images spread evenly over it."""
    train = dataset.train
    rows = torch.linspace(0, len(train) - 1, min(LOOKED_AT, len(train))).long().to(train.pixels.device)
    found = hashlib.sha256(repr((dataset.classes, tuple(train.pixels.shape), _examples(dataset.train_table))).encode())
    pixels = train.pixels[rows]
    # Generated points may differ in their last digits on another machine.
    for values in (train.labels, pixels if dataset.is_pictures else pixels.round(decimals=3)):
        found.update(values.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:16]


def _examples(table: Table | None) -> Any:
    """What a table says, wherever it lies."""
    return table and (sorted(table.images.items()), sorted(table.values.items()))


class DatasetReader(ABC):
    """Reads a data set from files that are already here; nothing is ever downloaded.

    Class attributes:
        ABOUT: one line for `gedi-nesy data list`.
        FETCH: the command that puts the files in place, for the error when they are missing.
    """

    ABOUT: ClassVar[str]
    FETCH: ClassVar[str] = ""

    class Options(Options):
        """Options beside `name` in the config's data section."""

        root: FullPath | None = None
        """Folder that holds the data sets; the variable GEDI_NESY_DATA, else ./data, by default."""

    options: Any

    def __init__(self, options: Any) -> None:
        self.options = options

    @property
    def root(self) -> Path:
        """The folder to look in."""
        chosen = self.options.root or os.environ.get("GEDI_NESY_DATA") or "data"
        return Path(chosen).expanduser().resolve()

    @property
    def root_key(self) -> str:
        """The config key that decides where files are looked for: the root where it is set, else which set it is."""
        return "data.root" if self.options.root else "data.name"

    @abstractmethod
    def read(self) -> ImageDataset:
        """The whole set in memory; DataError when files are missing or damaged."""

    def status(self) -> str:
        """One line for `gedi-nesy data list` that begins with "here" when `read` can work; opens no file."""
        return "here, made or packaged"

    def no_training_images(self) -> DataError:
        """The error for training on a set whose training split is empty."""
        return DataError(f"{self.ABOUT.rstrip('.')}: there are no training images", key="data.name")

    def missing(self, expected: Path) -> DataError:
        """The error for files that are not there."""
        return DataError(
            f"{self.ABOUT.rstrip('.')}: no {expected}. Looked in {self.root} "
            f"(data.root in the config, or the variable GEDI_NESY_DATA). {self.FETCH.format(root=self.root)}".rstrip(),
            key=self.root_key,
        )


def to_unit_range(pixels: UInt8[Tensor, "*axes"] | Float[Tensor, "*axes"]) -> Float[Tensor, "*axes"]:
    """Pixels 0..255 as floats in [-1, 1], the range of every image that a network sees; floats are there already."""
    if pixels.is_floating_point():
        return pixels
    return pixels.float().div_(127.5).sub_(1.0)


def to_pixels(images: Float[Tensor, "*axes"]) -> UInt8[Tensor, "*axes"]:
    """The inverse of `to_unit_range`; values outside [-1, 1] are clipped."""
    return images.detach().add(1.0).mul(127.5).round().clamp(0, 255).to(torch.uint8)
