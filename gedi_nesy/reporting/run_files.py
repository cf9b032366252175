"""What a run folder says so far, read for a report."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RunError
from .metrics import read_metrics
from .results import failures_of, numbers_called

# Parts of files that are mappings, some of mappings, and how deep; null may stand for an empty one.
RESULTS = {
    **dict.fromkeys(("diagnosis", "constraint", "training", "compare", "failures"), 1),
    **dict.fromkeys(("numbers", "definitions", "tables", "terms"), 2),
    "images": 3,
}
METRICS = dict.fromkeys(("terms", "epoch_terms", "diagnosis", "numbers"), 1)


@dataclass(frozen=True)
class Picture:
    """A PNG of an evaluator's images, as results.json lists it; `rows` says what each row shows, or is empty."""

    evaluator: str
    name: str
    path: Path
    caption: str
    rows: list[str]


@dataclass(frozen=True)
class RunFiles:
    """What is in a run folder so far; parts that are not there are empty.

    Attributes:
        finished: results.json is there.
    """

    folder: Path
    config: str
    environment: dict[str, Any]
    metrics: list[dict[str, Any]]
    results: dict[str, Any]
    samples: list[Path]
    finished: bool

    @property
    def name(self) -> str:
        """The run's name, from its results or config, else that of the folder above."""
        in_config = re.search(r"^name:\s*(\S+)", self.config, re.MULTILINE)
        return str(self.results.get("name") or (in_config and in_config[1]) or self.folder.resolve().parent.name)

    @property
    def diagnosis(self) -> dict[str, Any] | None:
        """The newest diagnosis there is."""
        in_epochs = [line["diagnosis"] for line in self.metrics if line.get("diagnosis")]
        return self.results.get("diagnosis") or (in_epochs[-1] if in_epochs else None)

    @property
    def failures(self) -> list[str]:
        """What has gone wrong, a line each."""
        return [str(line) for line in failures_of({**self.results, "diagnosis": self.diagnosis})]

    @property
    def constraint(self) -> dict[str, Any]:
        """Facts about the constraint or whatever else the task reports."""
        return self.results.get("constraint") or {}

    @property
    def seed(self) -> Any:
        """The seed, as far as known."""
        return self.results.get("seed", self.environment.get("seed"))

    def part(self, name: str) -> dict[str, Any]:
        """A part of the results that maps names to mappings; empty where it is missing."""
        return {key: value or {} for key, value in (self.results.get(name) or {}).items()}

    @property
    def places(self) -> list[tuple[str, str]]:
        """Evaluator and name of every number: those to look at first, then settings that evaluators chose."""
        numbers = [(evaluator, name) for evaluator, found in self.part("numbers").items() for name in found]
        main = self.main
        return [*main, *(place for place in numbers if place not in main)]

    @property
    def main(self) -> list[tuple[str, str]]:
        """Those to look at first; all numbers where the results do not say."""
        numbers = self.part("numbers")
        said = self.results.get(
            "main", [f"{evaluator}.{name}" for evaluator, found in numbers.items() for name in found]
        )
        places = [tuple(str(key).partition(".")[::2]) for key in said]
        return [(evaluator, name) for evaluator, name in places if name in numbers.get(evaluator, {})]

    def lines(self, part: str) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl that have a part; `numbers` that were found on the way go on with those of the results."""
        found = [line for line in self.metrics if line.get(part)]
        if part != "numbers" or not found or not self.finished:
            return found
        last = {name: self.number(name) for line in found for name in line["numbers"]}
        return [*found, {"epoch": (self.results.get("training") or {}).get("epochs"), "numbers": last}]

    def value(self, evaluator: str, name: str) -> Any:
        """A number by its place; None if it is not there."""
        return self.part("numbers").get(evaluator, {}).get(name)

    def table(self, name: str) -> Any:
        """The first table of this name among those of all evaluators."""
        return next((tables[name] for tables in self.part("tables").values() if tables.get(name)), None)

    def number(self, name: str) -> float | None:
        """The first number that is called so, `evaluator.number` or by its name alone; None if there is none."""
        return next((value for value in numbers_called(name, self.part("numbers")) if value is not None), None)

    def beside(self, metrics: Iterable[str]) -> dict[str, tuple[str, float | None]]:
        """For metrics of the published table that the run is compared with, which number it is, and its value."""
        said = self.part("compare").get("numbers")
        names = {metric: str(said.get(metric, metric)) if isinstance(said, dict) else metric for metric in metrics}
        return {metric: (name, self.number(name)) for metric, name in names.items()}

    def pictures(self) -> list[Picture]:
        """The images of all evaluators whose files are there."""
        listed = [
            Picture(
                evaluator,
                name,
                self.folder / str(entry.get("file")),
                str(entry.get("caption") or ""),
                list(entry.get("rows") or []),
            )
            for evaluator, entries in self.part("images").items()
            for name, entry in entries.items()
        ]
        return [picture for picture in listed if picture.path.is_file()]


def read_run(folder: Path) -> RunFiles:
    """Read the files of a run folder.

    Raises:
        RunError: there is no such folder, or one of its files is damaged.
    """
    if not folder.is_dir():
        raise RunError(f"{folder} is not a folder. Give the folder of a run, such as runs/<name>/<run id>")
    config, results = folder / "config.yaml", folder / "results.json"
    return RunFiles(
        folder=folder,
        config=config.read_text(encoding="utf-8", errors="replace") if config.is_file() else "",
        environment=_read_json(folder / "environment.json"),
        metrics=_read_metrics(folder / "metrics.jsonl"),
        results=_with_mappings(results, _read_json(results), RESULTS),
        samples=list((folder / "samples").glob("*.png")),
        finished=results.is_file(),
    )


@contextmanager
def showing(part: str, *folders: Path) -> Iterator[None]:
    """Whatever is wrong with values that the body shows is damage: a file may hold anything.

    Raises:
        RunError: names the part of the page, and the folders that its values are from.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise RunError(
            f"{part} cannot be shown, as results.json, metrics.jsonl or environment.json is damaged in "
            f"{', '.join(map(str, folders))}: {type(error).__name__}: {error}"
        ) from error


def _read_metrics(path: Path) -> list[dict[str, Any]]:
    return [_with_mappings(path, line, METRICS, f"step {line['step']}: ") for line in read_metrics(path)]


def _with_mappings(path: Path, value: dict[str, Any], depths: dict[str, int], where: str = "") -> dict[str, Any]:
    """The value, whose parts are mappings as deep as said."""
    for name, depth in depths.items():
        _check_mappings(path, where + name, value.get(name), depth)
    return value


def _check_mappings(path: Path, name: str, value: Any, depth: int) -> None:
    if value is None or not depth:
        return
    if not isinstance(value, dict):
        raise RunError(f"{path} is damaged: {name} is {json.dumps(value)[:60]}, not an object")
    for key, inner in value.items():
        _check_mappings(path, f"{name}.{key}", inner, depth - 1)


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}. Remove it to get a report without it") from error
    if not isinstance(value, dict):
        raise RunError(f"{path} is damaged: it holds no object. Remove it to get a report without it")
    return value
