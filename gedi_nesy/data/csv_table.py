"""Read a table of examples from a CSV file, with everything that is wrong with it."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError, Position, did_you_mean
from ..logic.known_classes import UNKNOWN
from .table import Cell, NamedImage, Table, TableContents

SEPARATOR = ";"


def read_table(file: Path, columns: Mapping[str, str | None], classes: Sequence[str]) -> TableContents:
    """The rows of a CSV file and the images they name.

    UTF-8 text whose first row names the columns; blank rows are skipped. A cell of an image column names a file relative to
    the table's folder, or several separated by ";", or none. The cell of its class column names as many classes, each of
    which may be empty (unknown); an empty cell says nothing of any image.

    Args:
        columns: image column -> the column of its class, or None.
        classes: names of the classes, in the order of their numbers.
    """
    reader = _Reader(file, columns, classes)
    try:
        (start, header), *lines = _lines(file)
        reader.read_header(start, header)
        if not reader.faults:
            reader.read_rows(header, lines)
    except DataError as error:
        reader.faults.append(error)
    return reader.contents()


@dataclass(frozen=True)
class _Row:
    file: str
    line: int
    texts: dict[str, str]

    def cell(self, column: str) -> Cell:
        return Cell(self.file, self.line, column)


class _Reader:
    """Collects the rows, images and faults of one file."""

    def __init__(self, file: Path, columns: Mapping[str, str | None], classes: Sequence[str]) -> None:
        self.file, self.columns, self.faults = str(file), columns, list[DataError]()
        self._images = _Images(file.parent, classes, self.faults)
        self._values: list[str] = []
        self._rows: list[_Row] = []
        self._indices: dict[str, list[tuple[int, ...]]] = {column: [] for column in columns}

    def read_header(self, line: int, header: list[str]) -> None:
        """Every wanted column is there, and no name twice."""
        for column in dict.fromkeys(name for name in header if name and header.count(name) > 1):
            self._fault(line, f'column "{column}" is there {header.count(column)} times: rename all but one')
        for column, classed in self.columns.items():
            self._want(line, column, header)
            if classed:
                self._want(line, classed, header, f"; data.images.{column} is null where no class is known")
        self._values = [name for name in header if name and name not in self.columns]

    def read_rows(self, header: list[str], lines: list[tuple[int, list[str]]]) -> None:
        """A row with as many cells as the header is an example."""
        for line, cells in lines:
            if len(cells) == len(header):
                self._read_row(_Row(self.file, line, dict(zip(header, cells, strict=True))))
            else:
                self._fault(line, f"number of cells is {len(cells)}, the header has {len(header)}: {', '.join(header)}")
        if not self._images and not self.faults:
            raise DataError("no row names an image: each row below the header is an example", Position(self.file))

    def contents(self) -> TableContents:
        """What was read."""
        indices = {column: tuple(cells) for column, cells in self._indices.items()}
        values = {column: tuple(row.texts[column] for row in self._rows) for column in self._values}
        table = Table(self.file, tuple(row.line for row in self._rows), indices, values)
        return TableContents(table, self._images.named(), tuple(self.faults))

    def _read_row(self, row: _Row) -> None:
        self._rows.append(row)
        for column, classed in self.columns.items():
            self._indices[column].append(self._images.read(row, column, classed))

    def _want(self, line: int, column: str, header: list[str], hint: str = "") -> None:
        if column not in header:
            known = f"{did_you_mean(column, header)} Columns: {', '.join(filter(None, header))}"
            self._fault(line, f'column "{column}" is not there.{known}. Correct data.images or the header{hint}')

    def _fault(self, line: int, message: str) -> None:
        self.faults.append(DataError(message, Position(self.file, line)))


class _Images:
    """The distinct image files of a table, and their classes."""

    def __init__(self, folder: Path, classes: Sequence[str], faults: list[DataError]) -> None:
        self._folder, self._classes, self._faults = folder, {name: k for k, name in enumerate(classes)}, faults
        self._indices: dict[str, int] = {}
        self._named: list[tuple[str, Cell]] = []
        self._labels: dict[int, tuple[str, Cell]] = {}

    def __len__(self) -> int:
        return len(self._named)

    def named(self) -> tuple[NamedImage, ...]:
        """All images in the order of their indices."""
        labels = {index: self._classes[name] for index, (name, _) in self._labels.items()}
        return tuple(
            NamedImage(file, name, cell, labels.get(index, UNKNOWN))
            for index, (file, (name, cell)) in enumerate(zip(self._indices, self._named, strict=True))
        )

    def read(self, row: _Row, column: str, classed: str | None) -> tuple[int, ...]:
        """The indices of a cell's images; their classes are noted."""
        cell, names = row.cell(column), _split(row.texts[column])
        if "" in names:
            self._faults.append(
                cell.fault(f'"{row.texts[column]}" has an empty file name before or after a ";": remove it')
            )
            return ()
        indices = tuple(self._index(name, cell) for name in names)
        if classed and row.texts[classed]:
            labels = _split(row.texts[classed])
            if len(labels) == len(indices):
                for index, label in zip(indices, labels, strict=True):
                    self._classify(index, label, row.cell(classed))
            else:
                count = f'{len(labels)} classes for the {len(indices)} images of column "{column}"'
                self._faults.append(
                    row.cell(classed).fault(f"{count}: one for each, separated by ;, empty where unknown")
                )
        return indices

    def _index(self, name: str, cell: Cell) -> int:
        file = os.path.realpath(self._folder / name)
        if file not in self._indices:
            self._indices[file] = len(self._named)
            self._named.append((name, cell))
        return self._indices[file]

    def _classify(self, index: int, label: str, cell: Cell) -> None:
        if not label:
            return
        if label not in self._classes:
            known = f"Classes (data.classes): {', '.join(self._classes)}"
            self._faults.append(cell.fault(f'"{label}" is no class.{did_you_mean(label, self._classes)} {known}'))
            return
        other, where = self._labels.setdefault(index, (label, cell))
        if other != label:
            name = self._named[index][0]
            before = f'"{other}" in line {where.line}, column "{where.column}"'
            self._faults.append(
                cell.fault(f'"{name}" is "{label}" here and {before}. An image has one class: correct one of them')
            )


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(SEPARATOR)] if text else []


def _lines(file: Path) -> list[tuple[int, list[str]]]:
    """Line number and stripped cells of each row that is not blank.

    Raises:
        DataError: not there, not UTF-8, not CSV, empty.
    """
    reader = csv.reader(io.StringIO(_text(file), newline=""), strict=True, skipinitialspace=True)
    rows, line = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((line, [cell.strip() for cell in cells]))
            line = reader.line_num + 1  # a quoted cell may span lines
    except csv.Error as error:
        raise DataError(f"not CSV: {error}", Position(str(file), line)) from None
    if not rows:
        raise DataError("the file is empty: its first row names the columns", Position(str(file)))
    return rows


def _text(file: Path) -> str:
    try:
        content = file.read_bytes().removeprefix(b"\xef\xbb\xbf")
        text = content.decode("utf-8")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", Position(str(file))) from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError("not UTF-8 text: save the table as CSV in UTF-8", Position(str(file), line)) from None
    if "\0" in text:
        raise DataError("not text, it has zero bytes: save the table as CSV in UTF-8", Position(str(file)))
    return text
