"""Your own images: each row of a CSV table is an example, its cells name image files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import torch
from PIL.Image import Image
from pydantic import AfterValidator, Field, field_validator
from torch import Tensor

from gedi_nesy import ConfigError, DataError, DatasetReader, ImageDataset, Options
from gedi_nesy.config.files import SourceFile
from gedi_nesy.data.csv_table import SEPARATOR, read_table
from gedi_nesy.data.dataset import Images
from gedi_nesy.data.image_files import Shape, describe, describe_shape, fits, fitted, is_deep, open_image, pixels_of
from gedi_nesy.data.table import NamedImage, joined, shared_images


class _Beside(SourceFile):
    """A path relative to the config. Whether a file is there matters when it is read: a trained network is used without."""

    @classmethod
    def locate(cls, name: str, folder: Path) -> Path:
        return (folder / name).resolve()


# Not copied into the run folder: its paths to images are relative to where it is.
TableFile = Annotated[_Beside, AfterValidator(str)]
Size = Annotated[int, Field(gt=0)]


class ImageTable(DatasetReader):
    """A train and a test table, and the images they name.

    A cell of an image column is a path relative to the table, or several separated by ";" (a list of images, perhaps empty).
    The same file named twice is one image. The cell of the class column names the class, or as many classes as there are
    images, separated by ";"; empty means unknown. Columns besides these are labels and constants for a task.
    """

    ABOUT = "Your own images, named by CSV tables"

    class Options(Options):
        train: TableFile
        """CSV file (UTF-8, first row names the columns), relative to the config; each row is a training example."""
        test: TableFile
        """The same for held-out examples; no image may be in both."""
        images: Annotated[dict[str, str | None], Field(min_length=1)]
        """Each image column with the column of its class, or null when no class is known, such as {left: left_class}."""
        classes: Annotated[tuple[str, ...], Field(min_length=2)]
        """Names of the classes in the order of the network's outputs, as text: ["0", "1"]."""
        height: Size
        """Pixels; every image has this size."""
        width: Size
        """Pixels."""
        channels: Literal[1, 3] = 1
        """1 for grey, 3 for RGB, 8 bits each."""
        resize: bool = False
        """Convert and stretch images that are of another size or kind, instead of refusing them."""

        @field_validator("images")
        @classmethod
        def _no_column_twice(cls, images: dict[str, str | None]) -> dict[str, str | None]:
            if both := [column for column in images.values() if column in images]:
                raise ValueError(f'column "{both[0]}" cannot hold images and classes')
            return images

        @field_validator("classes")
        @classmethod
        def _plain_and_distinct(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
            for name in classes:
                if not name or name != name.strip() or SEPARATOR in name or classes.count(name) > 1:
                    raise ValueError(
                        f'"{name}": names are distinct, not empty, without "{SEPARATOR}" or space around them'
                    )
            return classes

    options: Options

    def read(self) -> ImageDataset:
        """Both tables and all their images; every fault of either in one DataError."""
        names = self.options.train, self.options.test
        self._require(train=names[0], test=names[1])
        train, test = (read_table(Path(name), self.options.images, self.options.classes) for name in names)
        train_pixels, train_faults = self._open(train.images)
        test_pixels, test_faults = self._open(test.images)
        faults = _by_line([*train.faults, *train_faults])
        faults += _by_line([*test.faults, *shared_images(train.images, test.images), *test_faults])
        if faults:
            raise joined(faults)
        train_split, test_split = _split(train_pixels, train.images), _split(test_pixels, test.images)
        tables = train.table, test.table
        fit = self._fit if self.options.resize else None
        return ImageDataset(train_split, test_split, self.options.classes, *tables, fit=fit)

    def _require(self, **tables: str) -> None:
        absent = {key: name for key, name in tables.items() if not Path(name).is_file()}
        if absent:
            raise ConfigError(
                [ConfigError(f'file "{name}" does not exist', key=f"data.{key}") for key, name in absent.items()]
            )

    def _open(self, named: tuple[NamedImage, ...]) -> tuple[list[Tensor], list[DataError]]:
        """The pixels of the files that can be read, and a fault for each of the others."""
        pixels, faults = list[Tensor](), list[DataError]()
        for image in named:
            try:
                pixels.append(self._pixels(Path(image.file)))
            except DataError as error:
                faults.append(image.cell.fault(str(error)))
        return pixels, faults

    @property
    def _shape(self) -> Shape:
        return self.options.channels, self.options.height, self.options.width

    def _fit(self, image: Image) -> Tensor:
        return pixels_of(fitted(image, self._shape))

    def _pixels(self, file: Path) -> Tensor:
        image = open_image(file)
        if self.options.resize and is_deep(image):
            raise DataError(f"{file} is {describe(image)}, more than 8 bits a channel. Convert it to 8 bits")
        if self.options.resize:
            return self._fit(image)
        if not fits(image, self._shape):
            raise DataError(
                f"{file} is {describe(image)}, and the config says {describe_shape(self._shape)}. "
                "Convert it, correct data.height, data.width and data.channels, or set data.resize: true"
            )
        return pixels_of(image)


def _split(pixels: list[Tensor], named: tuple[NamedImage, ...]) -> Images:
    return Images(torch.stack(pixels), torch.tensor([image.label for image in named]))


def _by_line(faults: list[DataError]) -> list[DataError]:
    return sorted(faults, key=lambda fault: fault.position.line if fault.position else 0)
