"""A config in several settings, each with several seeds: what to train, and what came of it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config.differences import written
from ..config.loader import load_tree, parse_yaml
from ..errors import ConfigError, UserError
from ..reporting.listing import RunLine, read_line
from ..reporting.seeds import Spread, spread
from .execution import stand_of
from .job import Job, Training, prepare

HELD_OUT = 0.2


@dataclass(frozen=True)
class Setting:
    """One combination of the values that are tried.

    Attributes:
        values: key -> value, of the keys that have several.
    """

    values: dict[str, Any]
    training: Training
    seeds: range

    @property
    def jobs(self) -> list[Job]:
        """A run for each seed."""
        return [self.training.job(seed) for seed in self.seeds]

    @property
    def label(self) -> str:
        """The values that are tried, by the last words of their keys; the config's name where there is one setting only."""
        return (
            ", ".join(f"{key.rpartition('.')[2]} {written(value)}" for key, value in self.values.items())
            or self.training.name
        )

    def lines(self, runs: Path) -> list[RunLine]:
        """Its finished runs."""
        found = [read_line(job.folder(runs).path) for job in self.jobs if stand_of(job, runs)]
        return [line for line in found if line.state == "finished"]


@dataclass(frozen=True)
class Sweep:
    """All settings.

    Attributes:
        validation: the share of the training images that this sweep holds out; None where the config says, or test images are wanted.
    """

    settings: tuple[Setting, ...]
    validation: float | None

    @property
    def about(self) -> str:
        """What is tried, in a line."""
        first = self.settings[0]
        told = (
            f"{first.training.name}: {len(self.settings)} settings" if len(self.settings) > 1 else first.training.name
        )
        told += f", seeds {first.seeds[0]} to {first.seeds[-1]}" if len(first.seeds) > 1 else f", seed {first.seeds[0]}"
        if self.validation is None:
            return told
        return (
            f"{told}\nvalidation={self.validation}: settings are compared on training images that are held out, so that none is chosen on"
            " test images (validation=SHARE holds out another share, --on-test none)"
        )

    def jobs(self) -> dict[Job, str]:
        """Every run with its name; settings that come to the same training share theirs."""
        return {job: f"{setting.label}, seed {job.seed}" for setting in self.settings for job in setting.jobs}


def plan_sweep(config: str, changes: Sequence[str], seeds: int, on_test: bool) -> Sweep:
    """Check every setting; nothing is trained.

    Args:
        config: path or bundled name.
        changes: `key=value`, or `key=value,value` for several values of which each is tried with those of the other keys.
        seeds: how many, from 0 on.
        on_test: compare several settings on test images.

    Raises:
        UserError: what is wrong with a setting, all at once; or its data are not here.
    """
    tried = dict(map(_alternatives, changes))
    several = [key for key, values in tried.items() if len(values) > 1]
    held_out = None
    if several and not on_test and "validation" not in tried and load_tree(config).data.get("validation") is None:
        held_out = HELD_OUT
        tried["validation"] = [held_out]
    settings, faults = list[Setting](), dict[str, None]()
    for values in itertools.product(*tried.values()):
        chosen = dict(zip(tried, values, strict=True))
        try:
            training = prepare(config, chosen | {"compare": None})
        except UserError as error:
            faults |= dict.fromkeys(str(error).splitlines())
            continue
        faults |= {training.absent: None} if training.absent else {}
        settings.append(Setting({key: chosen[key] for key in several}, training, range(seeds)))
    if faults:
        raise UserError("\n".join(faults))
    return Sweep(tuple(settings), held_out)


def _alternatives(change: str) -> tuple[str, list[Any]]:
    """A key and the values to try: separated by commas, those within brackets and quotes not among them."""
    key, equals, text = change.partition("=")
    if not equals or not key:
        raise UserError(f'a change has the form key=value or key=value,value, not "{change}"')
    try:
        values = parse_yaml(f"values: [{text}]", change).data["values"]
    except ConfigError:
        values = []
    if len(values) > 1:
        return key, values
    return key, [parse_yaml(f"value: {text}", change).data["value"]]


@dataclass(frozen=True)
class Found:
    """What came of a setting.

    Attributes:
        values: see `Setting`.
        runs: folders of its finished runs.
        wanted: how many runs there are to be.
        numbers: `evaluator.number` -> mean and deviation over its runs, or the number of the only one.
    """

    values: dict[str, Any]
    runs: tuple[str, ...]
    wanted: int
    numbers: dict[str, Spread | float]


def found(sweep: Sweep, runs: Path) -> list[Found]:
    """What came of each setting, the numbers that are no choices of an evaluator's."""
    return [_found(setting, setting.lines(runs)) for setting in sweep.settings]


def _found(setting: Setting, lines: list[RunLine]) -> Found:
    numbers: dict[str, Spread | float] = {}
    for place in dict.fromkeys(place for line in lines for place in line.main):
        known = [value for line in lines if (value := line.numbers.get(place)) is not None]
        if known:
            numbers[place] = spread(known) or known[0]
    return Found(setting.values, tuple(line.run for line in lines), len(setting.seeds), numbers)
