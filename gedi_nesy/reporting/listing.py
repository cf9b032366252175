"""All runs of a folder at a glance, and several beside each other, read from their folders without torch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

from ..config.differences import differences
from ..engine.run_folder import RunFolder
from ..engine.state import standing
from ..errors import RunError, UserError, did_you_mean

ORDERS = ("started", "run", "method", "seed", "state", "seconds")


@dataclass(frozen=True)
class RunLine:
    """What is known of a run.

    Attributes:
        run: its folder.
        state: finished, running, diverged, failed, killed, or damaged where not even the config can be read.
        reason: what there is to say about the state.
        seconds: time spent training.
        numbers: `evaluator.number` -> value, of a finished run.
        main: those to look at first.
        config: the resolved config.
        problems: what is wrong with the folder's files.
    """

    run: str
    name: str
    started: str
    method: str
    seed: int | None
    state: str
    reason: str
    seconds: float | None
    numbers: dict[str, float | None]
    main: tuple[str, ...]
    config: dict[str, Any] = field(repr=False)
    problems: tuple[str, ...]

    def number(self, name: str) -> float | None:
        """A number by `evaluator.number`, or the first of its own name."""
        found = [value for key, value in self.numbers.items() if name in (key, key.partition(".")[2])]
        return next((value for value in found if value is not None), None)

    def plain(self) -> dict[str, Any]:
        """Without the config, JSON-able."""
        return {key: value for key, value in asdict(self).items() if key != "config"}


def read_runs(runs: Path, name: str | None = None) -> list[RunLine]:
    """Every run below a folder, oldest first; those whose files are damaged too, with what is wrong.

    Args:
        name: only runs whose name, or name/id, has this part or matches this pattern with * and ?.
    """
    folders = sorted(path for path in runs.glob("[!.]*/[!.]*") if path.is_dir())
    lines = [read_line(path) for path in folders if name is None or _matches(path, name)]
    return sorted(lines, key=lambda line: (line.started, line.run))


def read_line(path: Path) -> RunLine:
    """What is known of the run in a folder; never raises for what is in it."""
    folder, problems = RunFolder(path), list[str]()
    config = _read(folder.config, yaml.safe_load, problems, needed=True)
    environment = _read(folder.environment, json.loads, problems)
    results = _read(folder.results, json.loads, problems)
    told = standing(folder)
    state, reason = (told.state.value, told.reason) if config else ("damaged", "")
    training, numbers = _part(results, "training"), dict(_numbers(results))
    return RunLine(
        run=str(path),
        name=str(config.get("name") or path.parent.name),
        started=str(environment.get("started") or ""),
        method=str(_part(config, "method").get("name") or results.get("method") or ""),
        seed=next((seed for seed in (config.get("seed"), results.get("seed")) if isinstance(seed, int)), None),
        state=state,
        reason=reason,
        seconds=training["seconds"] if isinstance(training.get("seconds"), int | float) else None,
        numbers=numbers,
        main=tuple(key for key in results.get("main") or numbers if key in numbers),
        config=config,
        problems=tuple(problems),
    )


def sort_runs(lines: list[RunLine], by: str, lowest_first: bool = False) -> list[RunLine]:
    """Runs by one of their numbers, highest first, or by one of `ORDERS`, lowest first; those without it last.

    Raises:
        UserError: no run has such a number; lists those there are.
    """
    if by in ORDERS:
        having = [line for line in lines if getattr(line, by) not in (None, "")]
        ordered = sorted(having, key=lambda line: getattr(line, by))
    else:
        having = [line for line in lines if line.number(by) is not None]
        if lines and not having:
            known = sorted({key for line in lines for key in line.numbers})
            own = [key.partition(".")[2] for key in known]
            raise UserError(
                f'no run here has a number "{by}".{did_you_mean(by, [*ORDERS, *known, *own])} '
                f"Known: {', '.join((*ORDERS, *known))}."
            )
        ordered = sorted(having, key=lambda line: line.number(by) or 0.0, reverse=not lowest_first)
    return ordered + [line for line in lines if line not in having]


def several(folders: Sequence[Path]) -> list[Path]:
    """The folders, if they can be compared; RunError if there are fewer than two, or one is given twice."""
    if len({folder.resolve() for folder in folders}) < max(len(folders), 2):
        raise RunError(f"a comparison takes two different runs or more, not {', '.join(map(str, folders)) or 'none'}")
    return list(folders)


def differing(lines: Sequence[RunLine]) -> dict[str, list[Any]]:
    """Config keys whose values are not the same in all runs -> the value in each; None where a run has no such key."""
    return differences([line.config for line in lines])


def numbers_of(lines: Sequence[RunLine]) -> dict[str, list[float | None]]:
    """Every number that some run has -> its value in each run."""
    keys = dict.fromkeys(key for line in lines for key in line.numbers)
    return {key: [line.numbers.get(key) for line in lines] for key in keys}


def _matches(path: Path, name: str) -> bool:
    both = f"{path.parent.name}/{path.name}"
    return name in both or fnmatch(path.parent.name, name) or fnmatch(both, name)


def _read(path: Path, parse: Any, problems: list[str], needed: bool = False) -> dict[str, Any]:
    """A file's mapping; empty where it is missing or damaged, which is then noted."""
    try:
        value = parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems += [f"no {path.name}"] if needed else []
        return {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        problems.append(f"{path.name} is damaged: {' '.join(str(error).split())[:120]}")
        return {}
    if not isinstance(value, dict):
        problems.append(f"{path.name} is damaged: it holds no mapping")
        return {}
    return value


def _part(value: dict[str, Any], key: str) -> dict[str, Any]:
    part = value.get(key)
    return part if isinstance(part, dict) else {}


def _numbers(results: dict[str, Any]) -> Iterator[tuple[str, float | None]]:
    for evaluator in _part(results, "numbers"):
        for name, value in _part(_part(results, "numbers"), evaluator).items():
            if value is None or isinstance(value, int | float):
                yield f"{evaluator}.{name}", value
