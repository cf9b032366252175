"""What runs are called where they stand beside each other: by what their configs do not have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..config.differences import differences, written
from .text import NOTHING

MOST_KEYS = 3
LONGEST = 24  # of a value that still makes a label
# They steer a run or look at it, and make none of its numbers.
ASIDE = {"compare", "device", "evaluators", "plugins", "watchers"}


def short_labels(configs: Sequence[Any]) -> list[str]:
    """A label for each config from the first keys that tell them apart, such as `learning_rate 0.004`; empty where none does."""
    rows = {key: values for key, values in differences(configs).items() if _is_short(key, values)}
    keys = sorted(rows, key=lambda key: key != "method.name")  # stable: the method first, then as in the config
    chosen: list[str] = []
    for key in keys:
        if len(chosen) < MOST_KEYS and _distinct(rows, [*chosen, key]) > _distinct(rows, chosen):
            chosen.append(key)
    return [", ".join(_part(key, rows[key][index]) for key in chosen) for index in range(len(configs))]


def _is_short(key: str, values: Sequence[Any]) -> bool:
    return key.partition(".")[0] not in ASIDE and all(len(written(value)) <= LONGEST for value in values)


def _distinct(rows: dict[str, list[Any]], keys: Sequence[str]) -> int:
    """How many configs the values of these keys tell apart."""
    return len(set(zip(*([written(value) for value in rows[key]] for key in keys), strict=True))) if keys else 1


def _part(key: str, value: Any) -> str:
    """A key's last word and its value; who a method or a run is says its name alone."""
    if key in ("name", "method.name") and value is not None:
        return str(value)
    return f"{key.removesuffix('.name').rpartition('.')[2]} {written(value) or NOTHING}"
