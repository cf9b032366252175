"""The options of `program shortcuts`, from text to values."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from ..errors import ConfigError, DataError, Position, ProgramError, UserError, did_you_mean
from ..logic.circuit import Circuit
from ..logic.class_maps import Prior, ReadClass
from ..logic.formula import Answer, NeuralSource
from ..logic.naming import ClassNames
from ..logic.query import QueryTemplate
from ..logic.support import ALL, DISTINCT, Reading, Support


def renamed(classes: ClassNames, text: str) -> ClassNames:
    """The class names of the only network, if others are given."""
    if not text:
        return classes
    network, names = _only_network(classes, "--class-names"), _split(text)
    if len(names) != len(classes[network]) or len(set(names)) != len(names):
        raise ProgramError(
            f"--class-names has {len(set(names))} names; the network {network} has {len(classes[network])} classes"
        )
    return {network: names}


def read_prior(text: str, classes: ClassNames) -> Prior:
    """The probability of each class; `uniform` is one for every network.

    Raises:
        ProgramError: not as many numbers as classes, or they do not sum to 1.
    """
    if text == "uniform":
        return {network: (Fraction(1, len(names)),) * len(names) for network, names in classes.items()}
    network = _only_network(classes, "--prior")
    try:
        prior = tuple(map(Fraction, _split(text)))
    except (ValueError, ZeroDivisionError) as error:
        raise ProgramError(f"--prior {text} is neither uniform nor numbers such as 0.5,0.25,0.25") from error
    if len(prior) != len(classes[network]) or min(prior) < 0 or sum(prior) != 1:
        raise ProgramError(
            f"--prior has {len(prior)} numbers that sum to {float(sum(prior)):g}; write {len(classes[network])}"
            " that sum to 1 exactly, such as 1/3"
        )
    return {network: prior}


def read_labelled(text: str, classes: ClassNames) -> list[ReadClass]:
    """Classes by name, `network:name` where there are several networks; ProgramError for one that is not there."""
    return [_class(name, classes, "--labelled") for name in _split(text)]


def read_support(text: str, circuit: Circuit, template: QueryTemplate, classes: ClassNames) -> Support:
    """`all`, `distinct`, or the rows of a CSV file with a column for each slot and, if it likes, for each label.

    Raises:
        ConfigError: with everything that is wrong with the file.
    """
    if text == ALL:
        return ALL
    if text == DISTINCT:
        return DISTINCT
    file = Path(text)
    if not file.is_file():
        raise DataError(f"--support {text} is neither all nor distinct nor a file")
    networks = {
        template.slots[choice.source.slots[0]]: choice.source.network
        for choice in circuit.choices
        if isinstance(choice.source, NeuralSource)
    }
    return _Rows(file, template, networks, classes).readings()


class _Rows:
    """The rows of a CSV of readings, and what is wrong with them."""

    def __init__(self, file: Path, template: QueryTemplate, networks: dict[str, str], classes: ClassNames) -> None:
        self._file, self._template, self._networks, self._classes = file, template, networks, classes
        self._faults: list[UserError] = []

    def readings(self) -> list[Reading]:
        """All rows; ConfigError with all faults."""
        try:
            reader = csv.DictReader(io.StringIO(self._file.read_text(encoding="utf-8-sig")), skipinitialspace=True)
            self._check_header(reader.fieldnames or ())
            readings = [] if self._faults else [self._reading(row, reader.line_num) for row in reader]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"cannot read the support: {error}", Position(str(self._file))) from error
        if self._faults:
            raise ConfigError(self._faults)
        return readings

    def _check_header(self, names: Sequence[str]) -> None:
        labels = self._template.labels
        wanted = [*self._networks, *(labels if set(labels) & set(names) else ())]
        for name in wanted:
            if name not in names:
                self._fault(1, f"there is no column {name}. Columns: {', '.join(names)}.{did_you_mean(name, names)}")

    def _reading(self, row: dict[str, str], line: int) -> Reading:
        classes = {}
        for slot, network in self._networks.items():
            names, name = list(self._classes[network]), (row[slot] or "").strip()
            if name in names:
                classes[slot] = names.index(name)
            else:
                self._fault(line, f'{slot} is "{name}". Classes: {", ".join(names)}.{did_you_mean(name, names)}')
        return Reading(classes, self._answer(row), Position(str(self._file), line))

    def _answer(self, row: dict[str, str]) -> Answer | None:
        labels = self._template.labels
        return tuple((row[name] or "").strip() for name in labels) if labels and labels[0] in row else None

    def _fault(self, line: int, message: str) -> None:
        self._faults.append(DataError(message, Position(str(self._file), line)))


def _class(text: str, classes: ClassNames, option: str) -> ReadClass:
    network, colon, name = text.rpartition(":")
    if not colon or network not in classes:
        network, name = _only_network(classes, option), text
    if name not in classes[network]:
        known = list(classes[network])
        raise ProgramError(
            f'{option} names the class "{name}". Classes: {", ".join(known)}.{did_you_mean(name, known)}'
        )
    return ReadClass(network, list(classes[network]).index(name))


def _only_network(classes: ClassNames, option: str) -> str:
    if len(classes) != 1:
        raise ProgramError(
            f"{option} must say which network it is about; the program has {', '.join(classes) or 'none'}"
        )
    return next(iter(classes))


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
