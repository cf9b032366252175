"""The command reproduce: a published table again, ours beside the paper's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .carrying_out import (
    ChosenEngine,
    Engine,
    EngineOptions,
    Jobs,
    OnlyList,
    RunsFolder,
    carry_out_shown,
    end,
    engine_options,
    pair,
    width,
)

if TYPE_CHECKING:
    from ..reproduction.execution import Outcome
    from ..reproduction.job import Job
    from ..reproduction.plan import Place, Plan


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
    jobs: Jobs = 1,
    rows: Annotated[list[str] | None, typer.Option("--rows", help="Only these rows: a,b or repeated.")] = None,
    columns: Annotated[list[str] | None, typer.Option("--columns", help="Only these columns.")] = None,
    changes: Changes = None,
    runs: RunsFolder = Path("runs"),
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

    options = engine_options(engine, engine_option)
    plan = make_plan(
        load_recipe(table),
        scale,
        seeds=seeds,
        rows=_words(rows),
        columns=_words(columns),
        device=device,
        changes=dict(pair("--set", text) for text in changes or ()),
    )
    if only_list:
        _list_runs(plan, runs)
        return
    runnable = _runnable(plan, runs)
    if runnable and plan.wanted_device is not None and engine is Engine.local:
        from ..engine.build import choose_device

        choose_device(plan.wanted_device)  # before anything is done
    out = _writable(runs, out)
    names = {job: place.run_name(job.seed) for job, place in runnable.items()}
    outcomes = carry_out_shown(names, runs, jobs, engine, options, plan.about)
    _show(plan, runs, outcomes, out, json_output)
    end(outcomes)


def _runnable(plan: Plan, runs: Path) -> dict[Job, Place]:
    """What is open and can be run here."""
    from ..reproduction.execution import is_open

    return {job: place for job, place in plan.jobs().items() if place.obstacle is None and is_open(job, runs)}


def _writable(runs: Path, out: Path | None) -> Path:
    """Where the table goes; UserError, before anything is trained, for folders that cannot be written to."""
    from ..reproduction.naming import tables_folder
    from ..reproduction.output import require_folder

    require_folder(runs, "--runs")
    out = out or tables_folder(runs)
    require_folder(out, "--out")
    return out


def _show(plan: Plan, runs: Path, outcomes: dict[Job, Outcome], out: Path, as_json: bool) -> None:
    from ..reproduction.filling import fill
    from ..reproduction.output import as_plain, as_text, write_files

    filled = fill(plan, runs, outcomes)
    # The table is printed first: it is there even if its files cannot be written.
    if as_json:
        print(json.dumps(as_plain(filled, out), indent=2, ensure_ascii=False))
        write_files(filled, out)
        return
    print(as_text(filled, width()))
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
    print("\n".join(as_columns(rows, width())))
    print("full, small: cells done on that scale, of those that have runs; --list with a table says more")
    for lack, text in in_the_way.items():
        print(f"{lack}: {text.removeprefix(f'{lack} is ')}")


def _words(texts: list[str] | None) -> list[str]:
    return [word.strip() for text in texts or () for word in text.split(",")]
