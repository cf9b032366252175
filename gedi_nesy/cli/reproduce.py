"""The command reproduce: a published table again, ours beside the paper's."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..reproduction.execution import Outcome
    from ..reproduction.job import Job
    from ..reproduction.plan import Place, Plan


class Engine(StrEnum):
    """Who carries the runs out."""

    local = "local"
    submitit = "submitit"


Table = Annotated[
    str | None, typer.Argument(help="A table, or a recipe file of yours; none lists them.", show_default=False)
]
Scale = Annotated[
    str,
    typer.Option(
        help="full: the paper's setting as far as it is stated and we keep it; the table says where not. "
        "small: shortened, on data that is here."
    ),
]
Changes = Annotated[
    list[str] | None, typer.Option("--set", help="A change to the config of every run: key.sub=value; repeatable.")
]
OnlyList = Annotated[bool, typer.Option("--list", help="Say which runs there are and which are to do; run nothing.")]
ChosenEngine = Annotated[Engine, typer.Option(help="This machine, or a cluster through submitit (extra: cluster).")]
EngineOptions = Annotated[
    list[str] | None,
    typer.Option("--engine-option", help="For submitit: slurm_partition=gpu, timeout_min=600, ..."),
]
Out = Annotated[
    Path | None, typer.Option(help="Where the table goes as JSON, CSV, Markdown and HTML; runs/tables by default.")
]


def add_commands(app: typer.Typer) -> None:
    """Put the command on the application."""
    app.command()(reproduce)


def reproduce(
    table: Table = None,
    scale: Scale = "full",
    seeds: Annotated[int | None, typer.Option(min=1, help="Runs of each cell; the recipe says by default.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at once; each gets its share of the cores.")] = 1,
    rows: Annotated[list[str] | None, typer.Option("--rows", help="Only these rows: a,b or repeated.")] = None,
    columns: Annotated[list[str] | None, typer.Option("--columns", help="Only these columns.")] = None,
    changes: Changes = None,
    runs: Annotated[Path, typer.Option(help="Where run folders are and go.")] = Path("runs"),
    only_list: OnlyList = False,
    device: Annotated[str | None, typer.Option(help="Where to train, whatever the recipe means: cpu, cuda.")] = None,
    engine: ChosenEngine = Engine.local,
    engine_option: EngineOptions = None,
    out: Out = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Repeat a published table: run what is missing of it, and print ours beside the paper's.

    Stopped at any moment, the same command goes on where it was: runs are known by what they train. Cells whose data or device
    are not here say so. Exit status 1 if a run failed.
    """
    if table is None:
        _list_tables(runs, device)
        return
    from ..reproduction.plan import make_plan
    from ..reproduction.recipe import load_recipe

    options = dict(_pair("--engine-option", text) for text in engine_option or ())
    plan = make_plan(
        load_recipe(table),
        scale,
        seeds=seeds,
        rows=_words(rows),
        columns=_words(columns),
        device=device,
        changes=dict(_pair("--set", text) for text in changes or ()),
    )
    if only_list:
        _list_runs(plan, runs)
        return
    runnable = _runnable(plan, runs)
    _check(engine, options, plan.wanted_device if runnable else None)
    out = _writable(runs, out)
    outcomes = (
        _carry_out(plan, runs, runnable, _engine(list(runnable), runs, jobs, engine, options)) if runnable else {}
    )
    _show(plan, runs, outcomes, out, json_output)
    _end(outcomes)


def _runnable(plan: Plan, runs: Path) -> dict[Job, Place]:
    """What is open and can be run here."""
    from ..reproduction.execution import is_open

    return {job: place for job, place in plan.jobs().items() if place.obstacle is None and is_open(job, runs)}


def _check(engine: Engine, options: dict[str, Any], device: str | None) -> None:
    """UserError for what could not be done, before anything is done."""
    from ..errors import UserError

    if options and engine is not Engine.submitit:
        raise UserError(f"--engine-option {', '.join(options)} is for --engine submitit")
    if device is not None and engine is Engine.local:
        from ..engine.build import choose_device

        choose_device(device)


def _writable(runs: Path, out: Path | None) -> Path:
    """Where the table goes; UserError, before anything is trained, for folders that cannot be written to."""
    from ..reproduction.naming import tables_folder
    from ..reproduction.output import require_folder

    require_folder(runs, "--runs")
    out = out or tables_folder(runs)
    require_folder(out, "--out")
    return out


def _carry_out(plan: Plan, runs: Path, runnable: dict[Job, Place], started: Iterator[Outcome]) -> dict[Job, Outcome]:
    """Take the runs' ends as they come, with a line for each that starts or ends."""
    from rich.console import Console

    from ..reporting.text import counted
    from ..reproduction.progress import Shown

    outcomes: dict[Job, Outcome] = {}
    names = {job: place.run_name(job.seed) for job, place in runnable.items()}
    print(f"{plan.about}\n{counted(len(runnable), 'run')} to do", file=sys.stderr, flush=True)
    try:
        with Shown(names, runs, Console(stderr=True)) as shown:
            for number, outcome in enumerate(started, start=1):
                outcomes[outcome.job] = outcome
                ended = f"{outcome.state} after {outcome.seconds:.0f} s" + (
                    f": {outcome.reason}" if outcome.reason else ""
                )
                shown.end(outcome.job, f"[{number}/{len(runnable)}] {names[outcome.job]}: {ended}")
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        raise typer.Exit(130) from None
    return outcomes


def _end(outcomes: dict[Job, Outcome]) -> None:
    """Exit status 1 if a run failed; one that diverged has an outcome."""
    from ..engine.state import State
    from ..reporting.text import counted

    failed = sum(outcome.state in (State.failed, State.killed) for outcome in outcomes.values())
    if failed:
        print(f"{counted(failed, 'run')} failed; the same command tries again", file=sys.stderr)
        raise typer.Exit(1)


def _engine(jobs: list[Job], runs: Path, workers: int, engine: Engine, options: dict[str, Any]) -> Iterator[Outcome]:
    from ..reproduction.execution import carry_out_all, carry_out_on_cluster, threads_each

    if engine is Engine.submitit:
        return carry_out_on_cluster(jobs, runs, workers, options)
    return carry_out_all(jobs, runs, workers, threads_each(workers))


def _show(plan: Plan, runs: Path, outcomes: dict[Job, Outcome], out: Path, as_json: bool) -> None:
    from ..reproduction.filling import fill
    from ..reproduction.output import as_plain, as_text, write_files

    filled = fill(plan, runs, outcomes)
    # The table is printed first: it is there even if its files cannot be written.
    if as_json:
        print(json.dumps(as_plain(filled, out), indent=2, ensure_ascii=False))
        write_files(filled, out)
        return
    print(as_text(filled, _width()))
    first, *others = write_files(filled, out)
    print(f"files: {first}, {', '.join(path.suffix for path in others)}")


def _list_runs(plan: Plan, runs: Path) -> None:
    from ..reproduction.execution import stand_of
    from ..reproduction.overview import overview

    print(plan.about)
    for place in plan.places:
        for job in place.jobs:
            stand = stand_of(job, runs)
            lacks = ", ".join(each.lacks for each in place.obstacles)
            state = stand.text if stand else f"missing, {lacks} not here" if lacks else "missing"
            print(f"{place.run_name(job.seed)}: {state}  [{job.folder(runs).path}]")
        if not place.jobs:
            print(f"{place.row}, {place.column}: {place.obstacle}")
    print("\n".join(overview(plan, runs)))


def _list_tables(runs: Path, device: str | None) -> None:
    """A line for each table: what is done of it on each scale, and what it lacks here."""
    from ..reporting.published import published_names
    from ..reproduction.overview import as_columns, cells_done, lacking
    from ..reproduction.plan import make_plan
    from ..reproduction.recipe import load_recipe, recipe_names

    names = published_names()
    scales = ("full", "small")
    rows = [["table", *(word for scale in scales for word in (scale, "lacks")), "title"]]
    in_the_way: dict[str, str] = {}
    for name in sorted(recipe_names(), key=lambda name: (names.index(name) if name in names else len(names), name)):
        recipe = load_recipe(name)
        plans = {scale: make_plan(recipe, scale, device=device) for scale in recipe.scales}
        found = {scale: lacking(plan, runs) for scale, plan in plans.items()}
        stand = [
            word
            for scale in scales
            for word in (cells_done(plans[scale], runs), ", ".join(each.lacks for each in found[scale]))
        ]
        rows.append([name, *stand, recipe.table.title])
        in_the_way |= {each.lacks: each.text for obstacles in found.values() for each in obstacles}
    print("\n".join(as_columns(rows, _width())))
    print("full, small: cells done on that scale, of those that have runs; --list with a table says more")
    for lack, text in in_the_way.items():
        print(f"{lack}: {text.removeprefix(f'{lack} is ')}")


def _width() -> int:
    import shutil

    return max(80, shutil.get_terminal_size().columns) if sys.stdout.isatty() else 120


def _pair(option: str, text: str) -> tuple[str, Any]:
    """An option's `key=value`, the value read as in a config."""
    from ..config.loader import parse_yaml
    from ..errors import UserError

    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UserError(f'{option} has the form key=value, not "{text}"')
    return key, parse_yaml(f"value: {value}", f"{option} {text}").data["value"]


def _words(texts: list[str] | None) -> list[str]:
    return [word.strip() for text in texts or () for word in text.split(",")]
