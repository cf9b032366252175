"""The command sweep: a config with several seeds and in several settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    width,
)

if TYPE_CHECKING:
    from ..reporting.seeds import Spread
    from ..reproduction.sweep import Found, Sweep

SHOWN_NUMBERS = 4


def add_commands(app: typer.Typer) -> None:
    """Put the command on the application."""
    app.command()(sweep)


def sweep(
    config: Annotated[str, typer.Argument(help="A config file or the name of a bundled one.", show_default=False)],
    changes: Annotated[
        list[str] | None,
        typer.Argument(
            help="Changes to the config, key.sub=value; with several values, key=1e-3,3e-3, each is tried with all others.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each setting, with the seeds 0, 1, ...")] = 3,
    jobs: Jobs = 1,
    on_test: Annotated[
        bool, typer.Option("--on-test", help="Compare several settings on test images: none is to be chosen.")
    ] = False,
    runs: RunsFolder = Path("runs"),
    only_list: OnlyList = False,
    engine: ChosenEngine = Engine.local,
    engine_option: EngineOptions = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")] = False,
) -> None:
    """Train a config with several seeds, in several settings if keys have several values; means and deviations of each.

    Several settings are compared on a fifth of the training images that is held out, so that nothing is chosen on test images.
    Stopped at any moment, the same command goes on where it was: runs are known by what they train. Exit status 1 if a run failed.
    """
    from ..reproduction.execution import is_open
    from ..reproduction.output import require_folder
    from ..reproduction.sweep import plan_sweep

    options = engine_options(engine, engine_option)
    planned = plan_sweep(config, changes or (), seeds, on_test)
    if only_list:
        _list_runs(planned, runs)
        return
    require_folder(runs / "sweeps", "--runs")
    todo = {job: name for job, name in planned.jobs().items() if is_open(job, runs)}
    outcomes = carry_out_shown(todo, runs, jobs, engine, options, planned.about)
    _show(planned, runs, json_output)
    end(outcomes)


def _list_runs(planned: Sweep, runs: Path) -> None:
    from ..reproduction.execution import stand_of

    print(planned.about)
    for job, name in planned.jobs().items():
        stand = stand_of(job, runs)
        print(f"{name}: {stand.text if stand else 'missing'}  [{job.folder(runs).path}]")


def _show(planned: Sweep, runs: Path, as_json: bool) -> None:
    """A row for each setting; all numbers of all runs in a page beside."""
    import json

    from ..reporting.comparison import write_comparison
    from ..reporting.text import counted
    from ..reproduction.overview import as_columns
    from ..reproduction.sweep import found

    all_found = found(planned, runs)
    if as_json:
        print(json.dumps([_plain(each) for each in all_found], indent=2, ensure_ascii=False))
        return
    places = list(dict.fromkeys(place for each in all_found for place in each.numbers))[:SHOWN_NUMBERS]
    keys = [key.rpartition(".")[2] for key in planned.settings[0].values]
    head = [*keys, "runs", *(place.partition(".")[2] for place in places)]
    print("\n".join(as_columns([head, *(_row(each, places) for each in all_found)], width())))
    if len(planned.settings[0].seeds) > 1:
        print("mean ± standard deviation (n \u2212 1) over seeds")
    folders = list(dict.fromkeys(Path(run) for each in all_found for run in each.runs))
    if len(folders) > 1:
        name = "-".join([planned.settings[0].training.name, *keys])
        page = write_comparison(folders, runs / "sweeps" / f"{name}.html")
        print(f"{counted(len(folders), 'run')} side by side: {page}")


def _row(each: Found, places: list[str]) -> list[str]:
    from ..config.differences import written
    from ..reporting.text import NOTHING, show

    values = [written(value) for value in each.values.values()]
    numbers = [each.numbers.get(place) for place in places]
    told = [
        NOTHING if number is None else show(number) if isinstance(number, float | int) else str(number)
        for number in numbers
    ]
    return [*values, f"{len(each.runs)} of {each.wanted}", *told]


def _plain(each: Found) -> dict[str, Any]:
    return {
        "values": each.values,
        "runs": list(each.runs),
        "wanted": each.wanted,
        "numbers": {place: _plain_number(number) for place, number in each.numbers.items()},
    }


def _plain_number(number: Spread | float) -> dict[str, float | int | None]:
    if isinstance(number, float | int):
        return {"mean": number, "deviation": None, "count": 1}
    return {"mean": number.mean, "deviation": number.deviation, "count": number.count}
