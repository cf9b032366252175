"""What the commands that train many runs have in common: how they are carried out, and what is shown meanwhile."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..reproduction.execution import Outcome
    from ..reproduction.job import Job


class Engine(StrEnum):
    """Who carries the runs out."""

    local = "local"
    submitit = "submitit"


Jobs = Annotated[int, typer.Option(min=1, help="Runs at once; each gets its share of the cores.")]
RunsFolder = Annotated[Path, typer.Option(help="Where run folders are and go.")]
OnlyList = Annotated[bool, typer.Option("--list", help="Say which runs there are and which are to do; run nothing.")]
ChosenEngine = Annotated[Engine, typer.Option(help="This machine, or a cluster through submitit (extra: cluster).")]
EngineOptions = Annotated[
    list[str] | None,
    typer.Option("--engine-option", help="For submitit: slurm_partition=gpu, timeout_min=600, ..."),
]


def engine_options(engine: Engine, texts: Sequence[str] | None) -> dict[str, Any]:
    """What `--engine-option` says; UserError where nobody would take it."""
    from ..errors import UserError

    options = dict(pair("--engine-option", text) for text in texts or ())
    if options and engine is not Engine.submitit:
        raise UserError(f"--engine-option {', '.join(options)} is for --engine submitit")
    return options


def carry_out_shown(
    names: Mapping[Job, str], runs: Path, workers: int, engine: Engine, options: dict[str, Any], about: str
) -> dict[Job, Outcome]:
    """Carry out jobs and take their ends as they come, with a line for each that starts or ends.

    Args:
        names: what each is called.
        about: what is said first.
    """
    from rich.console import Console

    from ..reporting.text import counted
    from ..reproduction.progress import Shown

    if not names:
        return {}
    outcomes: dict[Job, Outcome] = {}
    print(f"{about}\n{counted(len(names), 'run')} to do", file=sys.stderr, flush=True)
    try:
        with Shown(names, runs, Console(stderr=True)) as shown:
            for number, outcome in enumerate(_started(list(names), runs, workers, engine, options), start=1):
                outcomes[outcome.job] = outcome
                ended = f"{outcome.state} after {outcome.seconds:.0f} s" + (
                    f": {outcome.reason}" if outcome.reason else ""
                )
                shown.end(outcome.job, f"[{number}/{len(names)}] {names[outcome.job]}: {ended}")
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        raise typer.Exit(130) from None
    return outcomes


def end(outcomes: Mapping[Job, Outcome]) -> None:
    """Exit status 1 if a run failed; one that diverged has an outcome."""
    from ..engine.state import State
    from ..reporting.text import counted

    failed = sum(outcome.state in (State.failed, State.killed) for outcome in outcomes.values())
    if failed:
        print(f"{counted(failed, 'run')} failed; the same command tries again", file=sys.stderr)
        raise typer.Exit(1)


def _started(jobs: list[Job], runs: Path, workers: int, engine: Engine, options: dict[str, Any]) -> Iterator[Outcome]:
    from ..reproduction.execution import carry_out_all, carry_out_on_cluster, threads_each

    if engine is Engine.submitit:
        return carry_out_on_cluster(jobs, runs, workers, options)
    return carry_out_all(jobs, runs, workers, threads_each(workers))


def pair(option: str, text: str) -> tuple[str, Any]:
    """An option's `key=value`, the value read as in a config."""
    from ..config.loader import parse_yaml
    from ..errors import UserError

    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UserError(f'{option} has the form key=value, not "{text}"')
    return key, parse_yaml(f"value: {value}", f"{option} {text}").data["value"]


def width() -> int:
    """Of the terminal; of a page where there is none."""
    import shutil

    return max(80, shutil.get_terminal_size().columns) if sys.stdout.isatty() else 120
