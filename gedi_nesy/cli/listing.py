"""The command runs: list, sort and compare what has been trained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..reporting.text import NOTHING

if TYPE_CHECKING:
    from ..reporting.listing import RunLine
    from ..reporting.seeds import Spread

app = typer.Typer(help="List, sort and compare runs.", invoke_without_command=True)

KEY_NUMBERS = 3
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Standing(StrEnum):
    """Those of `engine.state.State`, which is slow to import, and what a folder is without a config that can be read."""

    finished = "finished"
    running = "running"
    diverged = "diverged"
    failed = "failed"
    killed = "killed"
    damaged = "damaged"


@app.callback()
def list_(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Option(help="Only runs whose name has this part, or matches with * and ?.")
    ] = None,
    state: Annotated[Standing | None, typer.Option(help="Only runs in this state.")] = None,
    sort: Annotated[
        str,
        typer.Option(
            help="A number, highest first (accuracy, knn.knn_cosine), or started, run, method, seed, state, seconds."
        ),
    ] = "started",
    lowest_first: Annotated[bool, typer.Option("--lowest-first", help="Sort a number the other way round.")] = False,
    runs: Annotated[Path, typer.Option(help="Where run folders are.")] = Path("runs"),
    json_output: JsonOption = False,
) -> None:
    """List the runs of a folder: name, time, method, seed, state and first numbers; with what is wrong with a damaged one."""
    if context.invoked_subcommand:
        return
    from ..reporting.listing import read_runs, sort_runs

    lines = [line for line in read_runs(runs, name) if state in (None, line.state)]
    lines = sort_runs(lines, sort, lowest_first)
    if json_output:
        print(json.dumps([line.plain() for line in lines], indent=2, ensure_ascii=False))
    elif not lines:
        print(f"no runs in {runs}" + (" like that" if name or state else ""))
    else:
        head = ("run", "started", "method", "seed", "state", "numbers")
        _print_table([head, *(_cells(line, sort) for line in lines)])


@app.command()
def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders, or folders above for the newest run.", show_default=False)
    ],
    json_output: JsonOption = False,
) -> None:
    """Several runs side by side: where their configs differ, all their numbers, and means over seeds."""
    from ..config.differences import written
    from ..engine.run_folder import find
    from ..reporting.listing import differing, numbers_of, read_line, several
    from ..reporting.seeds import over_seeds, spread

    lines = [read_line(path) for path in several([find(run).path for run in runs])]
    configs, numbers, groups = differing(lines), numbers_of(lines), over_seeds([line.config for line in lines])
    main = dict.fromkeys(key for line in lines for key in line.main)  # a mean of settings says nothing
    spreads = [
        {key: spread([numbers[key][place] for place in group.runs.values()]) for key in main} for group in groups
    ]
    if json_output:
        plain: dict[str, Any] = {"runs": [line.plain() for line in lines], "config": configs, "numbers": numbers}
        plain["over_seeds"] = [
            {"seeds": list(group.runs), "runs": [lines[place].run for place in group.runs.values()], "numbers": found}
            for group, found in zip(groups, [_plain(found) for found in spreads], strict=True)
        ]
        print(json.dumps(plain, indent=2, ensure_ascii=False))
        return
    letters = [chr(ord("A") + index % 26) * (1 + index // 26) for index in range(len(lines))]
    for letter, line in zip(letters, lines, strict=True):
        print(f"{letter}  {line.run}: {_standing(line)}")
    print()
    rows = [(key, *(written(value) or NOTHING for value in row)) for key, row in configs.items()]
    _print_table([("config", *letters), *(rows or [("the same in all",)])])
    print()
    _print_table([("number", *letters), *((key, *map(_value, row)) for key, row in numbers.items())])
    for group, found in zip(groups, spreads, strict=True):
        of = ", ".join(f"{letters[place]} (seed {seed})" for seed, place in group.runs.items())
        print(f"\nmean ± standard deviation (n \u2212 1) of {of}")
        _print_table([(key, str(each)) for key, each in found.items() if each])


def _cells(line: RunLine, sort: str) -> tuple[str, ...]:
    """A line of the list; the number that is sorted by comes first."""
    names = list(line.main)
    if line.number(sort) is not None:
        first = next(key for key in line.numbers if sort in (key, key.partition(".")[2]))
        names = [first, *(name for name in names if name != first)]
    numbers = [f"{name.partition('.')[2]} {_value(line.numbers[name])}" for name in names[:KEY_NUMBERS]]
    return (
        line.run,
        line.started[:16].replace("T", " "),
        line.method,
        "" if line.seed is None else str(line.seed),
        _state(line),
        "; ".join(filter(None, (", ".join(numbers), line.reason, *line.problems))).replace("\n", " "),
    )


def _plain(spreads: dict[str, Spread | None]) -> dict[str, Any]:
    return {key: asdict(each) for key, each in spreads.items() if each}


def _standing(line: RunLine) -> str:
    return "; ".join(filter(None, (": ".join(filter(None, (_state(line), line.reason))), *line.problems)))


def _state(line: RunLine) -> str:
    """With what its numbers are about, where these are not test images."""
    return f"{line.state}, validation" if line.config.get("validation") else line.state


def _value(value: Any) -> str:
    if value is None:
        return NOTHING
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their longest cell; the last one is left as it is."""
    columns = max(map(len, rows))
    widths = [max((len(row[index]) for row in rows if index < len(row)), default=0) for index in range(columns)]
    for row in rows:
        print("  ".join(f"{cell:<{widths[index]}}" for index, cell in enumerate(row)).rstrip())
