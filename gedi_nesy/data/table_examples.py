"""Examples of a query from the rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from ..errors import ConfigError, DataError, Position, ProgramError, did_you_mean
from ..logic.examples import Examples, Structure
from ..logic.structures import Structures
from .table import Cell, Table, joined


def examples_of_table(
    table: Table, structures: Structures, columns: Mapping[str, str], target: str | None = None
) -> Examples:
    """One example for each row.

    Args:
        table: image columns and others.
        structures: get a constraint for each structure that the rows have.
        columns: the column of each variable of the query.
        target: the column with the probability that the query holds; all hold by default.

    Raises:
        ConfigError: a column is missing or of the wrong kind.
        DataError: rows that are no example of the query, each with its line; a fault of the program is told once, at its place.
    """
    _check_columns(table, structures, columns, target)
    parts, faults = [], list[DataError]()
    of_program: dict[tuple[str, Position], list[Position]] = {}
    for row, line in enumerate(table.lines):
        try:
            parts.append(_example(table, row, structures, columns, target))
        except DataError as error:
            faults.append(error)
        except ProgramError as error:
            if error.position and error.position.line:
                of_program.setdefault((error.message, error.position), []).append(Position(table.file, line))
            else:
                faults.append(DataError(error.message, Position(table.file, line)))
    for (message, place), rows in of_program.items():
        others = len(rows) - 1
        more = f" and {others} other row{'s' * (others > 1)}" if others else ""
        faults.append(DataError(f"{message} (asked for {rows[0]}{more})", place))
    if faults:
        raise joined(faults)
    return Examples.joined(parts)


def _example(
    table: Table, row: int, structures: Structures, columns: Mapping[str, str], target: str | None
) -> Examples:
    cells = {name: table.images[columns[name]][row] for name in _image_arguments(structures)}
    texts = {name: table.values[columns[name]][row] for name in columns if name not in cells}
    template = structures.template
    images = [index for cell in cells.values() for index in cell]
    structure = Structure(
        tuple((name, len(cells[name])) for name in template.lists),
        tuple((name, texts[name]) for name in template.constants),
        _first_places(images),
    )
    answer = structures.constraint(structure).answer_index([texts[name] for name in template.labels])
    probability = None
    if target is not None:
        cell = Cell(table.file, table.lines[row], target)
        probability = torch.tensor([_probability(table.values[target][row], cell)])
    return Examples(
        torch.tensor([list(dict.fromkeys(images))], dtype=torch.long),
        torch.tensor([answer]),
        torch.tensor([structures.number(structure)]),
        probability,
    )


def _image_arguments(structures: Structures) -> list[str]:
    return [name for name, role in structures.template.arguments if role in ("image", "images")]


def _first_places(images: list[int]) -> tuple[int, ...]:
    """For each slot the first one with the same image; empty when all differ."""
    first = tuple(images.index(image) for image in images)
    return () if first == tuple(range(len(images))) else first


def _probability(text: str, cell: Cell) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise cell.fault(f"the target {text!r} is no probability between 0 and 1")
    return value


def _check_columns(table: Table, structures: Structures, columns: Mapping[str, str], target: str | None) -> None:
    """Every variable has a column of its kind; ConfigError otherwise."""
    faults = []
    images = _image_arguments(structures)
    for name, role in structures.template.arguments:
        kind, present = ("image", table.images) if name in images else ("text", table.values)
        if columns[name] not in present:
            faults.append(
                f'{table.file} has no {kind} column "{columns[name]}" for the {role} {name} of the query.'
                f" Its {kind} columns: {', '.join(present) or 'none'}. Bind one in task.columns: {{{name}: ...}}."
                f"{did_you_mean(columns[name], present)}"
            )
    if target is not None and target not in table.values:
        faults.append(f'{table.file} has no column "{target}" (task.target).{did_you_mean(target, table.values)}')
    if faults:
        raise ConfigError([ConfigError(fault, key="task.columns") for fault in faults])
    if lists := list(_lists_in_slots(table, structures, columns)):
        raise joined(lists)


def _lists_in_slots(table: Table, structures: Structures, columns: Mapping[str, str]) -> Iterator[DataError]:
    """A fault for each cell that has not exactly one image where the query has one slot."""
    for name in structures.template.slots:
        for line, cell in zip(table.lines, table.images[columns[name]], strict=True):
            if len(cell) != 1:
                fault = f"{len(cell)} images for {name}, which is one image; a list has the role images"
                yield Cell(table.file, line, columns[name]).fault(fault)
