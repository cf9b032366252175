"""Runs of one config with several seeds, taken together: the mean of each number and how far it spreads."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .labels import ASIDE, short_labels
from .text import show


@dataclass(frozen=True)
class Seeds:
    """Runs whose configs differ in their seed, and else in nothing that makes numbers.

    Attributes:
        label: what tells them from other such runs; empty where there are none.
        runs: their places among all runs, by seed.
    """

    label: str
    runs: dict[int, int]


@dataclass(frozen=True)
class Spread:
    """A number over seeds: mean, standard deviation with n - 1 below the sum, and n."""

    mean: float
    deviation: float
    count: int

    def __str__(self) -> str:
        return f"{show(self.mean)} ± {show(self.deviation)}"


def over_seeds(configs: Sequence[dict[str, Any]]) -> list[Seeds]:
    """The configs that were run with two seeds or more; of two runs of one seed the later counts."""
    groups: dict[str, dict[int, int]] = {}
    for place, config in enumerate(configs):
        if isinstance(seed := config.get("seed"), int):
            rest = {key: value for key, value in config.items() if key not in ASIDE | {"seed"}}
            groups.setdefault(json.dumps(rest, sort_keys=True, default=str), {})[seed] = place
    several = [dict(sorted(runs.items())) for runs in groups.values() if len(runs) > 1]
    labels = short_labels([configs[next(iter(runs.values()))] | {"seed": None} for runs in several])
    if len(set(labels)) < len(labels):  # what tells them apart is too long for a label
        labels = [f"{label} config {number}".strip() for number, label in enumerate(labels, 1)]
    return [Seeds(label, runs) for label, runs in zip(labels, several, strict=True)]


def spread(values: Sequence[float | None]) -> Spread | None:
    """Of the values that are known; None if there are fewer than two."""
    known = [value for value in values if value is not None]
    return Spread(statistics.mean(known), statistics.stdev(known), len(known)) if len(known) > 1 else None
