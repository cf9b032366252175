"""Which runs a table needs, on a scale, and which of its cells cannot be had here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..config.locate import find_config
from ..errors import UserError
from ..reporting.published import FOLDER, require
from .job import Job, Training, prepare
from .recipe import Merged, Recipe

NO_GPU = "needs a GPU; --device cpu trains it here all the same"


@dataclass(frozen=True)
class Place:
    """A row and column of the table.

    Attributes:
        jobs: the runs that its numbers come from, one for each seed; none if the recipe has none.
        numbers: metric -> the number of results.json.
        missing: metric -> why it is not computed.
        lacking: evaluator -> which files it needs that are not here.
        obstacle: why nothing is run here; runs that are finished count all the same.
        minutes: of one run on one core or on the device it is meant for; None if not known.
    """

    row: str
    column: str
    jobs: tuple[Job, ...] = ()
    numbers: tuple[tuple[str, str], ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    lacking: tuple[tuple[str, str], ...] = ()
    obstacle: str | None = None
    minutes: float | None = None


@dataclass(frozen=True)
class Plan:
    """The chosen rows and columns of a table, on a scale; `changes` are the caller's own, to the config of every run."""

    recipe: Recipe
    scale: str
    seeds: int
    places: tuple[Place, ...]
    changes: tuple[tuple[str, Any], ...] = ()

    @property
    def rows(self) -> tuple[str, ...]:
        """The chosen rows in the paper's order."""
        return tuple(dict.fromkeys(place.row for place in self.places))

    @property
    def columns(self) -> tuple[str, ...]:
        """The chosen columns in the paper's order."""
        return tuple(dict.fromkeys(place.column for place in self.places))

    @property
    def about(self) -> str:
        """What stands in every output: the scale and what is less than in the paper."""
        changed = "".join(f"; {key}={json.dumps(value)}" for key, value in self.changes)
        return f"scale {self.scale}: {self.recipe.scale(self.scale).about}{changed}"

    def jobs(self) -> dict[Job, Place]:
        """Every run once, with the first place that needs it; long ones first, so that several at once end together."""
        places: dict[Job, Place] = {}
        for place in self.places:
            for job in place.jobs:
                places.setdefault(job, place)
        return dict(sorted(places.items(), key=lambda item: (-(item[1].minutes or 0), item[0].seed)))


def make_plan(
    recipe: Recipe,
    scale: str,
    *,
    seeds: int | None = None,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    device: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Plan:
    """What is to be run for the chosen rows and columns, all by default.

    Args:
        seeds: runs of each cell instead of the recipe's number.
        device: where to train, whatever the recipe's runs are meant for; a change of the key `device` says it too.
        changes: to the config of every run, dotted key -> value.

    Raises:
        UserError: the table has no such row or column, or the recipe no such scale, or a config does not take a change.
    """
    table = recipe.table
    for word in rows:
        require(word, table.rows, f'a row of table "{table.name}"')
    for word in columns:
        require(word, table.columns, f'a column of table "{table.name}"')
    if "seed" in (changes or {}):
        raise UserError("the seeds of a table are 0, 1, ...: choose how many with --seeds")
    device = device or (changes or {}).get("device")
    count = seeds or recipe.scale(scale).seeds
    maker = _PlaceMaker(recipe, scale, count, device, changes or {})
    places = [
        maker.make(row, column)
        for row in table.rows
        if row in (rows or table.rows)
        for column in table.columns
        if column in (columns or table.columns)
    ]
    return Plan(recipe, scale, count, tuple(places), tuple((changes or {}).items()))


class _PlaceMaker:
    """Makes places; a training that several of them need is prepared once."""

    def __init__(self, recipe: Recipe, scale: str, seeds: int, device: str | None, changes: Mapping[str, Any]) -> None:
        self._recipe, self._scale, self._seeds, self._device, self._changes = recipe, scale, seeds, device, changes
        self._prepared: dict[str, Training | str] = {}

    def make(self, row: str, column: str) -> Place:
        merged = self._recipe.place(self._scale, row, column)
        numbers = {metric: metric for metric in self._recipe.table.metrics} | dict(merged.numbers)
        place = Place(row, column, (), tuple(numbers.items()), merged.missing, minutes=merged.minutes)
        training = self._training(merged, row, column)
        if isinstance(training, str):
            return replace(place, obstacle=training)
        no_gpu = NO_GPU if merged.device == "gpu" and self._device is None and not _has_gpu() else None
        return replace(
            place,
            jobs=tuple(training.job(seed) for seed in range(self._seeds)),
            lacking=tuple(training.lacking.items()),
            obstacle="; ".join(filter(None, (no_gpu, training.absent))) or None,
        )

    def _training(self, merged: Merged, row: str, column: str) -> Training | str:
        """What is to be trained, or why nothing is."""
        if merged.skip or merged.config is None:
            return merged.skip or "the recipe names no config for it"
        key = f"{merged.config} {merged.set}"
        if key not in self._prepared:
            try:
                self._prepared[key] = self._prepare(merged, self._changes, row, column)
            except UserError as error:
                self._blame_changes(merged, row, column)
                self._prepared[key] = str(error)
        return self._prepared[key]

    def _blame_changes(self, merged: Merged, row: str, column: str) -> None:
        """UserError if it is a change of the caller's own that the config does not take."""
        try:
            self._prepare(merged, {}, row, column)
        except UserError:
            return
        for change in [{key: value} for key, value in self._changes.items()] + [dict(self._changes)]:
            try:
                self._prepare(merged, change, row, column)
            except UserError as error:
                told = " ".join(f"--set {key}={json.dumps(value)}" for key, value in change.items())
                where = f"{merged.config}, which {row}, {column} needs (--rows and --columns choose others)"
                raise UserError(f"{told} does not fit {where}: {error.message}") from None

    def _prepare(self, merged: Merged, own: Mapping[str, Any], row: str, column: str) -> Training:
        table = self._recipe.table
        changes: dict[str, object] = {**dict(merged.set), **own}
        bundled = (FOLDER / f"{table.name}.yaml").is_file()
        # The run's own report compares with this place, whatever the config was made for.
        changes["compare"] = None
        if bundled:
            changes["compare"] = {"table": table.name, "row": row, "column": column, "numbers": dict(merged.numbers)}
        if self._device:
            changes["device"] = self._device
        return prepare(str(find_config(str(merged.config), beside=self._recipe.folder)), changes)


def _has_gpu() -> bool:
    import torch  # slow to import

    return torch.cuda.is_available()
