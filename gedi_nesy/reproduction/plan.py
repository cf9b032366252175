"""Which runs a table needs, on a scale, and which of its cells cannot be had here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

from ..config.locate import find_config
from ..config.schema import device_name
from ..errors import ConfigError, UserError, did_you_mean
from ..plugin_manager import PluginManager, load_plugins
from ..reporting.published import FOLDER, require
from ..reporting.text import counted
from .job import Job, Training, as_override, evaluators_of, prepare
from .recipe import Merged, Recipe


@dataclass(frozen=True)
class Obstacle:
    """Why nothing is run for a cell.

    Attributes:
        lacks: what must be had to run it, in a word or two; empty where nothing is meant to be run.
    """

    text: str
    lacks: str = ""


NO_GPU = Obstacle("needs a GPU; --device cpu trains it here all the same", "GPU")


@dataclass(frozen=True)
class Place:
    """A row and column of the table.

    Attributes:
        jobs: the runs that its numbers come from, one for each seed; none if the recipe has none.
        numbers: metric -> the number of results.json.
        missing: metric -> why it is not computed.
        lacking: evaluator -> which files it needs that are not here.
        obstacles: why nothing is run here; runs that are finished count all the same.
        minutes: of one run on one core or on the device it is meant for; None if not known.
    """

    row: str
    column: str
    jobs: tuple[Job, ...] = ()
    numbers: tuple[tuple[str, str], ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    lacking: tuple[tuple[str, str], ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    minutes: float | None = None

    @property
    def obstacle(self) -> str | None:
        """All that is in the way, in a line."""
        return "; ".join(obstacle.text for obstacle in self.obstacles) or None

    def run_name(self, seed: int) -> str:
        """What people call a run of this place."""
        return f"{self.row}, {self.column}, seed {seed}"


@dataclass(frozen=True)
class Plan:
    """The chosen rows and columns of a table, on a scale.

    Attributes:
        device: the caller's own.
        changes: the caller's own, to the config of every run.
    """

    recipe: Recipe
    scale: str
    seeds: int
    places: tuple[Place, ...]
    device: str | None = None
    changes: tuple[tuple[str, Any], ...] = ()

    @property
    def wanted_device(self) -> str | None:
        """Where the caller wants every run to train."""
        return self.device or dict(self.changes).get("device")

    @cached_property
    def rows(self) -> tuple[str, ...]:
        """The chosen rows in the paper's order."""
        return tuple(dict.fromkeys(place.row for place in self.places))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The chosen columns in the paper's order."""
        return tuple(dict.fromkeys(place.column for place in self.places))

    @property
    def about(self) -> str:
        """What stands in every output: the scale and what is less than in the paper."""
        whole = self.recipe.scales.get("full", self.recipe.scale(self.scale)).seeds
        seeds = counted(self.seeds, "seed") + (f" instead of {whole}" if self.seeds != whole else "")
        changed = [f"{key}={json.dumps(value)}" for key, value in self.changes]
        parts = [f"scale {self.scale}: {self.recipe.scale(self.scale).about.rstrip('.')}", seeds, *changed]
        return "; ".join(parts)

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
        UserError: the table has no such row or column, or the recipe no such scale, or a config does not take a change; or
            something in the recipe is wrong, every fault with its place.
    """
    table, changes = recipe.table, changes or {}
    for word in rows:
        require(word, table.rows, f'a row of table "{table.name}"')
    for word in columns:
        require(word, table.columns, f'a column of table "{table.name}"')
    if "seed" in changes:
        raise UserError("the seeds of a table are 0, 1, ...: choose how many with --seeds")
    where = device or changes.get("device")
    if where is not None:
        try:
            device_name(str(where))
        except ValueError as error:
            raise UserError(f'device is "{where}": {error}') from None
    count = seeds or recipe.scale(scale).seeds
    maker = _PlaceMaker(recipe, scale, count, where, changes)
    places = [
        maker.make(row, column)
        for row in table.rows
        if row in (rows or table.rows)
        for column in table.columns
        if column in (columns or table.columns)
    ]
    if faults := [*recipe.faults, *maker.faults]:
        raise ConfigError(sorted({str(fault): fault for fault in faults}.values(), key=_place_of))
    return Plan(recipe, scale, count, tuple(places), device, tuple(changes.items()))


class _PlaceMaker:
    """Makes places; a training that several of them need is prepared once.

    Attributes:
        faults: what is wrong with the recipe.
    """

    def __init__(self, recipe: Recipe, scale: str, seeds: int, device: str | None, changes: Mapping[str, Any]) -> None:
        self._recipe, self._scale, self._seeds, self._device, self._changes = recipe, scale, seeds, device, changes
        self._prepared: dict[str, Training | Obstacle] = {}
        self.faults: list[UserError] = []

    def make(self, row: str, column: str) -> Place:
        merged = self._recipe.place(self._scale, row, column)
        numbers = {metric: metric for metric in self._recipe.table.metrics} | dict(merged.numbers)
        place = Place(row, column, (), tuple(numbers.items()), merged.missing, minutes=merged.minutes)
        training = self._training(merged, row, column)
        self._check_numbers(merged)
        if isinstance(training, Obstacle):
            return replace(place, obstacles=(training,))
        obstacles = [NO_GPU] if merged.device == "gpu" and self._device is None and not _has_gpu() else []
        obstacles += [Obstacle(training.absent, training.data)] if training.absent else []
        return replace(
            place,
            jobs=tuple(training.job(seed) for seed in range(self._seeds)),
            lacking=tuple(training.lacking.items()),
            obstacles=tuple(obstacles),
        )

    def _training(self, merged: Merged, row: str, column: str) -> Training | Obstacle:
        """What is to be trained, or why nothing is."""
        if merged.skip or merged.config is None:
            return Obstacle(merged.skip or "the recipe names no config for it")
        key = f"{merged.config} {merged.set}"
        if key not in self._prepared:
            try:
                self._prepared[key] = self._prepare(merged, self._changes, row, column)
            except UserError as error:
                self._blame_changes(merged, row, column)
                self.faults += self._located(error, merged)
                self._prepared[key] = Obstacle(str(error))
        return self._prepared[key]

    def _check_numbers(self, merged: Merged) -> None:
        """Numbers are those of evaluators that the run has; how an evaluator calls its numbers is known when it has run."""
        named = {metric: number for metric, number in merged.numbers if "." in number}
        if merged.skip or merged.config is None or not named:
            return
        try:
            asked = evaluators_of(self._config(merged), {**dict(merged.set), **self._changes})
        except (UserError, KeyError):
            return  # said of the training
        for metric, number in named.items():
            evaluator = number.rpartition(".")[0]
            if metric in dict(merged.missing) or evaluator in asked:
                continue
            hint = did_you_mean(evaluator, asked)
            message = (
                f'numbers.{metric} is "{number}": {merged.config} is not evaluated with "{evaluator}".{hint} '
                f"Its evaluators: {', '.join(asked) or 'none'}."
            )
            self.faults.append(ConfigError(message, self._recipe.position(merged, "numbers", metric)))

    def _located(self, error: UserError, merged: Merged) -> list[UserError]:
        """Each fault of a config with its changes, in the recipe where the recipe says what is wrong."""
        places = {
            f"command line: {as_override(key, value)}": self._recipe.position(merged, "set", key)
            for key, value in merged.set
            if key not in self._changes
        }
        config = self._recipe.position(merged, "config")
        faults = error.faults if isinstance(error, ConfigError) and error.faults else (error,)
        return [
            ConfigError(fault.message, places.get(fault.position.file, fault.position) if fault.position else config)
            for fault in faults
        ]

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
                told = " ".join(f"--set {as_override(key, value)}" for key, value in change.items())
                where = f"{merged.config}, which {row}, {column} needs (--rows and --columns choose others)"
                raise UserError(f"{told} does not fit {where}: {error.message}") from None

    def _prepare(self, merged: Merged, own: Mapping[str, Any], row: str, column: str) -> Training:
        table = self._recipe.table
        changes: dict[str, object] = {**dict(merged.set), **own}
        bundled = (FOLDER / f"{table.name}.yaml").is_file()
        # The run's own report compares with this place, whatever the config was made for.
        changes["compare"] = None
        if bundled:
            numbers = {metric: number for metric, number in merged.numbers if metric in table.metrics}
            changes["compare"] = {"table": table.name, "row": row, "column": column, "numbers": numbers}
        if self._device:
            changes["device"] = self._device
        training = prepare(self._config(merged), changes, _installed())
        if training.validation is not None:
            raise UserError(
                f"a published table is about test images, and the config has validation: {training.validation}"
            )
        return training

    def _config(self, merged: Merged) -> str:
        return str(find_config(str(merged.config), beside=self._recipe.folder))


@cache
def _installed() -> PluginManager:
    """The installed plugins, loaded once for all the configs of a command."""
    return load_plugins()


def _place_of(fault: UserError) -> tuple[str, int, int]:
    where = fault.position
    return (where.file, where.line, where.column) if where else ("", 0, 0)


def _has_gpu() -> bool:
    import torch  # slow to import

    return torch.cuda.is_available()
