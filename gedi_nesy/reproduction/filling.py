"""Ours beside the paper's: each cell of a plan from the results of its runs."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..engine.state import State
from ..errors import did_you_mean
from ..reporting.published import Cell, Metric, Verdict, difference, verdict
from ..reporting.results import numbers_called
from .execution import Outcome, stand_of
from .job import Job
from .plan import Place, Plan


@dataclass(frozen=True)
class Entry:
    """One number of the table, ours and theirs, in the paper's unit.

    Attributes:
        number: of results.json that it is.
        values: seed -> number, of the runs that are finished.
        center: mean or median of the values, as the paper has it; None if there is none.
        spread: as the paper defines it, of two values or more.
        difference: ours less theirs; None where either is missing or they are not the same quantity.
        mark: how the center stands to the published number; None where there is no difference.
        reasons: why there is no number, or not of every seed.
    """

    row: str
    column: str
    metric: str
    number: str
    values: dict[int, float]
    center: float | None
    spread: float | None
    published: Cell | None
    difference: float | None
    mark: Verdict | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Filled:
    """A plan with what its runs found.

    Attributes:
        folder: that holds the run folders.
        runs: seed by seed what is known of each run, for the record.
    """

    plan: Plan
    folder: Path
    entries: tuple[Entry, ...]
    runs: tuple[dict[str, Any], ...]

    def entry(self, row: str, column: str, metric: str) -> Entry:
        """The entry of a place and metric of the plan."""
        return next(e for e in self.entries if (e.row, e.column, e.metric) == (row, column, metric))


def fill(plan: Plan, runs: Path, outcomes: Mapping[Job, Outcome] | None = None) -> Filled:
    """The table from what is in the run folders; `outcomes` tell of runs that failed before they had one."""
    found = {job: _Found.of(job, runs, (outcomes or {}).get(job)) for job in plan.jobs()}
    entries = [_entry(plan, place, metric, found) for place in plan.places for metric in plan.recipe.table.metrics]
    cells: dict[Job, list[list[str]]] = {}
    for place in plan.places:
        for job in place.jobs:
            cells.setdefault(job, []).append([place.row, place.column])
    records = [known.record | {"cells": cells[job]} for job, known in found.items()]
    return Filled(plan, runs, tuple(entries), tuple(records))


def center_of(values: list[float], how: str | None) -> float:
    """The median if the paper has medians, else the mean."""
    return statistics.median(values) if how == "median" else statistics.fmean(values)


def spread_of(values: list[float], how: str | None) -> float | None:
    """Standard deviation with n - 1 below the sum, or that over the root of n if the paper has standard errors.

    None for fewer than two values. Papers do not say whether theirs has n or n - 1.
    """
    if len(values) < 2:
        return None
    deviation = statistics.stdev(values)
    return deviation / math.sqrt(len(values)) if how == "standard error" else deviation


@dataclass(frozen=True)
class _Found:
    """What is known of a run: its numbers, or why it has none.

    Attributes:
        without: evaluator -> why its numbers do not count.
    """

    numbers: dict[str, dict[str, float | None]]
    problem: str | None
    record: dict[str, Any]
    without: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, job: Job, runs: Path, outcome: Outcome | None) -> _Found:
        folder, stand = job.folder(runs), stand_of(job, runs)
        state = stand.state if stand else None
        record = {
            "folder": str(folder.path),
            "config": job.config,
            "changes": list(job.overrides),
            "seed": job.seed,
            "identity": job.identity,
            "state": str(state or (outcome.state if outcome else "missing")),
        }
        if state is State.finished:
            try:
                results = json.loads(folder.results.read_text(encoding="utf-8"))
                numbers = {str(name): dict(part) for name, part in results["numbers"].items()}
                without = _made_otherwise(job, results) | dict(results.get("missing") or {})
            except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
                return cls({}, f"{folder.results} is damaged ({error}); delete {folder.path} to train it anew", record)
            training = results.get("training") or {}
            record |= {key: training.get(key) for key in ("seconds", "device")} | {
                "commit": _commit(folder.environment)
            }
            return cls(numbers, None, record, without)
        reason = outcome.reason if outcome and outcome.reason else stand.reason if stand else ""
        record["reason"] = reason
        return cls({}, f"{record['state']}{': ' + reason if reason else ''}", record)

    def number(self, name: str) -> float | None:
        """A number by `evaluator.number` or its own name, None if it diverged; KeyError if the run has no such one."""
        if found := numbers_called(name, self._counted()):
            return found[0]
        known = [f"{evaluator}.{own}" for evaluator, part in self.numbers.items() for own in part]
        hint = did_you_mean(name, known) or did_you_mean(name, [number.rpartition(".")[2] for number in known])
        raise KeyError(f'results.json has no number "{name}".{hint} It has: {", ".join(known) or "none"}')

    def withheld(self, name: str) -> str | None:
        """Why a number is not to be had or does not count, if that is known."""
        if evaluator := name.rpartition(".")[0]:
            return self.without.get(evaluator)
        return None if numbers_called(name, self._counted()) else next(iter(self.without.values()), None)

    def _counted(self) -> dict[str, dict[str, float | None]]:
        return {evaluator: part for evaluator, part in self.numbers.items() if evaluator not in self.without}


def _made_otherwise(job: Job, results: dict[str, Any]) -> dict[str, str]:
    """The evaluators whose numbers were made with other options than the job's."""
    made = {evaluator["name"]: evaluator for evaluator in results.get("evaluators") or []}
    reason = (
        "the evaluator {} was run with other options than this table's; the same command without --list runs it again"
    )
    return {
        wanted["name"]: reason.format(wanted["name"])
        for wanted in json.loads(job.evaluators)
        if wanted["name"] in results["numbers"] and made.get(wanted["name"]) != wanted
    }


def _entry(plan: Plan, place: Place, metric: str, found: Mapping[Job, _Found]) -> Entry:
    table = plan.recipe.table
    what = table.metrics[metric]
    published = table.cells.get((place.row, place.column, metric))
    values, reasons = _values(place, metric, what, found)
    numbers = list(values.values())
    center = center_of(numbers, table.center) if numbers else None
    apart = difference(center, published, what)
    return Entry(
        row=place.row,
        column=place.column,
        metric=metric,
        number=dict(place.numbers)[metric],
        values=values,
        center=center,
        spread=spread_of(numbers, table.spread),
        published=published,
        difference=apart,
        mark=None if center is None or published is None or apart is None else verdict(center, published, what),
        reasons=tuple(dict.fromkeys(reasons)),
    )


def _values(place: Place, metric: str, what: Metric, found: Mapping[Job, _Found]) -> tuple[dict[int, float], list[str]]:
    """The number of each seed that has it, and why others have none."""
    if reason := dict(place.missing).get(metric):
        return {}, [reason]
    name = dict(place.numbers)[metric]
    values: dict[int, float] = {}
    reasons = [place.obstacle] if place.obstacle else []
    for job in place.jobs:
        run = found[job]
        if run.problem is not None:
            # That a run has not been started needs no words where an obstacle has been named.
            if not (place.obstacle and run.record["state"] == "missing"):
                reasons.append(f"seed {job.seed}: {run.problem}")
            continue
        if reason := run.withheld(name):
            reasons.append(f"seed {job.seed}: {reason}")
            continue
        try:
            number = run.number(name)
        except KeyError as error:
            reasons.append(dict(place.lacking).get(name.rpartition(".")[0]) or str(error.args[0]))
            continue
        if number is None:
            reasons.append(f"seed {job.seed}: {name} is not a number (it diverged)")
        else:
            values[job.seed] = what.factor * number
    if len(values) == len(place.jobs) and values:
        reasons = []
    return values, reasons


def _commit(environment: Path) -> str | None:
    try:
        commit = json.loads(environment.read_text(encoding="utf-8")).get("commit")
    except (OSError, ValueError, AttributeError):
        return None
    return commit if isinstance(commit, str) else None
