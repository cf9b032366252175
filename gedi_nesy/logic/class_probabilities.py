"""Class probabilities that a person writes down, for the choices that networks make."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gedi_nesy.errors import DataError, Position, did_you_mean
from gedi_nesy.logic.circuit import Circuit
from gedi_nesy.logic.explaining import Distribution, uniform
from gedi_nesy.logic.formula import NeuralSource

SLACK = 1e-3  # how far probabilities may be from summing to 1; they are written with few digits


def read_probabilities(file: Path, circuit: Circuit, names: Sequence[str]) -> list[Distribution]:
    """The probabilities of each choice of a circuit; uniform for images that the file does not name.

    JSON: an object with a list for each image, or an object by class. CSV: a column `slot`, then one for each class.

    Args:
        file: JSON, or CSV if it is called so. An image is named by its slot, `A`, or with its network, `net(A)`.
        circuit: says which choices there are.
        names: of the choices.

    Raises:
        DataError: the file cannot be read, names no image of the query, or its numbers are no probabilities.
    """
    given = _read(file)
    where = Position(str(file))
    distributions = uniform(circuit)
    used = set()
    for index, choice in enumerate(circuit.choices):
        if isinstance(choice.source, NeuralSource):
            slots = names[index].removeprefix(f"{choice.source.network}(").removesuffix(")")
            for key in (slots, names[index]):
                if key in given:
                    used.add(key)
                    distributions[index] = _distribution(key, given[key], choice.classes, where)
    for key in given.keys() - used:
        raise DataError(
            f'"{key}" is no image that the query depends on.{did_you_mean(key, names)} Known: {", ".join(names)}', where
        )
    return distributions


def _distribution(key: str, given: Any, classes: Sequence[str], where: Position) -> Distribution:
    if isinstance(given, Mapping):
        for name in given.keys() - set(classes):
            raise DataError(f'{key} has the class "{name}". Classes: {", ".join(classes)}', where)
        given = [given.get(name, 0.0) for name in classes]
    if not isinstance(given, list) or len(given) != len(classes):
        length = f"{len(given)} values" if isinstance(given, list) else repr(given)
        raise DataError(f"{key} has {length}; write {len(classes)} probabilities, for {', '.join(classes)}", where)
    try:
        values = [float(value) for value in given]
    except (TypeError, ValueError):
        raise DataError(f"{key} has the values {given}, which are not all numbers", where) from None
    total = sum(values)
    if not all(value >= 0 for value in values) or not abs(total - 1) <= SLACK:
        raise DataError(f"{key} has the values {given}, which sum to {total:g}; probabilities sum to 1", where)
    return [value / total for value in values]


def _read(file: Path) -> dict[str, Any]:
    where = Position(str(file))
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the probabilities: {error}", where) from error
    if file.suffix.lower() == ".csv":
        return _rows(text, where)
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"not JSON: {error.msg}", Position(str(file), error.lineno, error.colno)) from error
    except RecursionError as error:
        raise DataError("the JSON is nested too deeply to be read", where) from error
    if not isinstance(given, dict):
        raise DataError('the file must hold an object such as {"A": [0.9, 0.1]}', where)
    return given


def _rows(text: str, where: Position) -> dict[str, Any]:
    """The rows of a CSV by their slots."""
    reader = csv.DictReader(io.StringIO(text))
    if "slot" not in (reader.fieldnames or ()):
        raise DataError("the first row must name the columns: slot, then the classes", where)
    rows: dict[str, Any] = {}
    for row in reader:
        slot = row.pop("slot")
        if slot in rows:
            raise DataError(
                f"{slot} has a second row; write one row for each image", replace(where, line=reader.line_num)
            )
        rows[slot] = row
    return rows
