"""Examples as the rows of a table whose cells name image files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import DataError, Position

SHOWN_FAULTS = 20


@dataclass(frozen=True)
class Table:
    """Rows of a CSV file, each an example.

    Attributes:
        file: the CSV file, for error messages.
        lines: line number in the file of each row.
        images: image column -> for each row the indices of its images in the split: one, or as many as the cell lists.
        values: every other named column -> the stripped text of each row.
    """

    file: str
    lines: tuple[int, ...]
    images: dict[str, tuple[tuple[int, ...], ...]]
    values: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Cell:
    """A place in a table, for errors."""

    file: str
    line: int
    column: str

    def fault(self, message: str) -> DataError:
        """An error about this cell."""
        return DataError(f'column "{self.column}": {message}', Position(self.file, self.line))


@dataclass(frozen=True)
class NamedImage:
    """An image file of a table.

    Attributes:
        file: its real path: two names of one file are one image.
        name: as it is first written.
        cell: where that is.
        label: number of its class, -1 when no row tells it.
    """

    file: str
    name: str
    cell: Cell
    label: int


@dataclass(frozen=True)
class TableContents:
    """What a CSV file says.

    Attributes:
        table: its rows; of no use when there are faults.
        images: the distinct image files; an index in `table.images` counts in this order.
        faults: everything that is wrong, the image files themselves not yet opened.
    """

    table: Table
    images: tuple[NamedImage, ...]
    faults: tuple[DataError, ...]


def shared_images(train: Iterable[NamedImage], test: Iterable[NamedImage]) -> list[DataError]:
    """A fault for each test image that the training table names too: what is held out must never be trained on."""
    trained_on = {image.file: image.cell for image in train}
    return [
        image.cell.fault(
            f'"{image.name}" is a training image too ({where.file}:{where.line}, column "{where.column}"). '
            "A test image must not be trained on: take it out of one of the tables"
        )
        for image in test
        if (where := trained_on.get(image.file))
    ]


def joined(faults: Sequence[DataError]) -> DataError:
    """One error for many: the first 20, and how many more there are."""
    more = [f"... and {len(faults) - SHOWN_FAULTS} more"] if len(faults) > SHOWN_FAULTS else []
    return DataError("\n".join([*map(str, faults[:SHOWN_FAULTS]), *more]))
