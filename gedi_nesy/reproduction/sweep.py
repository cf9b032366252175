"""A config in several settings, each with several seeds: what to train, and what came of it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config.differences import written
from ..config.loader import load_tree, parse_yaml
from ..errors import UserError
from ..plugin_manager import load_plugins
from ..reporting.listing import RunLine, read_line
from ..reporting.seeds import Spread, spread
from .execution import stand_of
from .job import Job, Training, prepare

HELD_OUT = 0.2
OPENING, CLOSING, QUOTES = "([{", ")]}", "\"'"
# Keys that are no setting: what to say instead.
NO_SETTINGS = {
    "seed": "--seeds says how many there are",
    "compare": "a sweep stands beside no paper; gedi-nesy reproduce does",
}


@dataclass(frozen=True)
class Setting:
    """One combination of the values that are tried.

    Attributes:
        values: key -> value, of the keys that have several.
        label: these values by as much of their keys as tells them apart; the config's name where there is one setting only.
    """

    values: dict[str, Any]
    label: str
    training: Training
    seeds: range

    @property
    def jobs(self) -> list[Job]:
        """A run for each seed."""
        return [self.training.job(seed) for seed in self.seeds]


@dataclass(frozen=True)
class Sweep:
    """All settings.

    Attributes:
        keys: those with several values, by as much as tells them apart.
        holds_out: whether it is the sweep that wants images held out, and not the config or the caller.
    """

    settings: tuple[Setting, ...]
    keys: tuple[str, ...]
    holds_out: bool

    @property
    def about(self) -> str:
        """What is tried, on what it is compared, and what evaluators do without."""
        first = self.settings[0]
        several = f": {len(self.settings)} settings" if len(self.settings) > 1 else ""
        seeds = f"seeds {first.seeds[0]} to {first.seeds[-1]}" if len(first.seeds) > 1 else f"seed {first.seeds[0]}"
        lines = [f"{first.training.name}{several}, {seeds}"]
        if self.holds_out:
            lines.append(
                f"validation={HELD_OUT}: settings are compared on training images that are held out, so that none is chosen on"
                " test images (validation=SHARE holds out another share, --on-test none)"
            )
        lacking = (item for setting in self.settings for item in setting.training.lacking.items())
        lines += [f"evaluator {name}: {lacks}" for name, lacks in dict.fromkeys(lacking)]
        return "\n".join(lines)

    @property
    def validation(self) -> float | None:
        """The share of the training images that is held out."""
        return self.settings[0].training.validation

    def jobs(self) -> dict[Job, str]:
        """Every run with its name."""
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
    tried = _tried(changes)
    several = [key for key, values in tried.items() if len(values) > 1]
    own = tried.get("validation", [load_tree(config).data.get("validation")])[0]
    holds_out = bool(several) and not on_test and "validation" not in tried and own is None
    if on_test and own is not None:
        raise UserError(f"--on-test and validation: {own} contradict each other: leave one of them out")
    if holds_out:
        tried["validation"] = [HELD_OUT]
    plugins, names = load_plugins(), _short(several)
    settings, faults = list[Setting](), dict[str, None]()
    for values in itertools.product(*tried.values()):
        chosen = dict(zip(tried, values, strict=True))
        try:
            training = prepare(config, chosen | {"compare": None}, plugins)
        except UserError as error:
            faults |= dict.fromkeys(str(error).splitlines())
            continue
        faults |= {training.absent: None} if training.absent else {}
        told = ", ".join(f"{name} {value_text(chosen[key])}" for key, name in names.items())
        settings.append(Setting({key: chosen[key] for key in several}, told or training.name, training, range(seeds)))
    faults |= dict.fromkeys(_same(settings))
    if faults:
        raise UserError("\n".join(faults))
    return Sweep(tuple(settings), tuple(names.values()), holds_out)


def value_text(value: Any) -> str:
    """A value as it stands in a table; null is seen."""
    return "null" if value is None else written(value)


def _tried(changes: Sequence[str]) -> dict[str, list[Any]]:
    """The values of each key."""
    tried: dict[str, list[Any]] = {}
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key:
            raise UserError(f'a change has the form key=value or key=value,value, not "{change}"')
        if key in NO_SETTINGS:
            raise UserError(f"{key} is no setting: {NO_SETTINGS[key]}")
        if key in tried:
            raise UserError(f"{key} is there twice: give its values together, separated by commas")
        tried[key] = [parse_yaml(f"value: {part}", change).data["value"] for part in _parts(text)]
    if len(shares := tried.get("validation", [])) > 1:
        raise UserError(f"validation={','.join(map(str, shares))}: settings are compared on one share, not on several")
    return tried


def _parts(text: str) -> Iterator[str]:
    """A text cut at its commas, but for those within brackets and quotes."""
    part, depth, quote = "", 0, ""
    for letter in text:
        if letter == "," and not depth and not quote:
            yield part
            part = ""
            continue
        if quote:
            quote = "" if letter == quote else quote
        elif letter in QUOTES and not part.strip():
            quote = letter
        else:
            depth += (letter in OPENING) - (letter in CLOSING)
        part += letter
    yield part


def _short(keys: Sequence[str]) -> dict[str, str]:
    """Each key by as few of its last words as tell it from the others."""
    found = {}
    for key in keys:
        words = key.split(".")
        endings = (".".join(words[-count:]) for count in range(1, len(words) + 1))
        found[key] = next(
            end
            for end in endings
            if end == key or not any(f".{other}".endswith(f".{end}") for other in keys if other != key)
        )
    return found


def _same(settings: Sequence[Setting]) -> list[str]:
    """What is wrong where two settings are one training: what they differ in makes no other run."""
    first: dict[str, Setting] = {}
    twice = [each for each in settings if first.setdefault(each.training.identity, each) is not each]
    return [
        f"{each.label} trains the same as {first[each.training.identity].label}: the same value twice, or one that says how or where a"
        " run is evaluated and not what it trains"
        for each in twice
    ]


@dataclass(frozen=True)
class Found:
    """What came of a setting.

    Attributes:
        runs: folders of its finished runs.
        wanted: how many runs there are to be.
        others: what became of the others, a line each.
        numbers: `evaluator.number` of the config's evaluators -> mean and deviation over the runs that have it, or the only number.
        counts: how many runs have each number.
    """

    values: dict[str, Any]
    runs: tuple[str, ...]
    wanted: int
    others: tuple[str, ...]
    numbers: dict[str, Spread | float]
    counts: dict[str, int]


def found(sweep: Sweep, runs: Path) -> list[Found]:
    """What came of each setting, the numbers that are no choices of an evaluator's."""
    return [_found(setting, runs) for setting in sweep.settings]


def _found(setting: Setting, runs: Path) -> Found:
    lines, others = list[RunLine](), list[str]()
    for job in setting.jobs:
        stand = stand_of(job, runs)
        line = read_line(job.folder(runs).path) if stand else None
        if line and line.state == "finished":
            lines.append(line)
        else:
            others.append(f"{setting.label}, seed {job.seed}: {stand.text if stand else 'missing'}")
    asked = {component["name"] for component in json.loads(setting.training.evaluators)}
    numbers, counts = dict[str, Spread | float](), dict[str, int]()
    for place in dict.fromkeys(place for line in lines for place in line.main if place.partition(".")[0] in asked):
        known = [value for line in lines if (value := line.numbers.get(place)) is not None]
        if known:
            numbers[place], counts[place] = spread(known) or known[0], len(known)
    return Found(setting.values, tuple(line.run for line in lines), len(setting.seeds), tuple(others), numbers, counts)
