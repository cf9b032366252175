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
LONGEST = 40  # of a value in the table


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
    """A row for each setting, what became of runs without numbers, and a page with all numbers of all runs."""
    import json

    from ..reporting.text import counted
    from ..reproduction.overview import as_columns
    from ..reproduction.sweep import found

    all_found = found(planned, runs)
    if as_json:
        plain = {"validation": planned.validation, "settings": [_plain(each) for each in all_found]}
        print(json.dumps(plain, indent=2, ensure_ascii=False))
        return
    places = list(dict.fromkeys(place for each in all_found for place in each.numbers))
    head = [*planned.keys, "runs", *(place.partition(".")[2] for place in places[:SHOWN_NUMBERS])]
    print("\n".join(as_columns([head, *(_row(each, places[:SHOWN_NUMBERS]) for each in all_found)], width())))
    for line in (line for each in all_found for line in each.others):
        print(line)
    print(_what_the_numbers_are(planned))
    if (more := len(places) - SHOWN_NUMBERS) > 0:
        print(f"{counted(more, 'more number')} with --json")
    folders = [Path(run) for each in all_found for run in each.runs]
    if len(folders) > 1:
        print(f"{counted(len(folders), 'finished run')} side by side: {_write_page(planned, folders, runs)}")


def _what_the_numbers_are(planned: Sweep) -> str:
    several = len(planned.settings[0].seeds) > 1
    over = "mean ± standard deviation (n \u2212 1) over the seeds of finished runs, " if several else ""
    if planned.validation is None:
        return f"{over}of test images"
    return f"{over}of training images held out (validation={planned.validation}), not of test images"


def _write_page(planned: Sweep, folders: list[Path], runs: Path) -> Path:
    """A comparison under a name that only these runs have."""
    import hashlib

    from ..reporting.comparison import write_comparison

    digest = hashlib.sha256("".join(job.run_id for job in planned.jobs()).encode()).hexdigest()[:8]
    return write_comparison(folders, runs / "sweeps" / f"{planned.settings[0].training.name[:100]}-{digest}.html")


def _row(each: Found, places: list[str]) -> list[str]:
    from ..reproduction.sweep import value_text

    values = [_cut(value_text(value)) for value in each.values.values()]
    return [*values, f"{len(each.runs)} of {each.wanted}", *(_number(each, place) for place in places)]


def _number(each: Found, place: str) -> str:
    """A number, and of how many runs it is where some do not have it."""
    from ..reporting.text import NOTHING, show

    number = each.numbers.get(place)
    if number is None:
        return NOTHING
    told = show(number) if isinstance(number, float | int) else str(number)
    return told if each.counts[place] == len(each.runs) else f"{told} (of {each.counts[place]})"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _plain(each: Found) -> dict[str, Any]:
    return {
        "values": each.values,
        "runs": list(each.runs),
        "wanted": each.wanted,
        "others": list(each.others),
        "numbers": {place: _plain_number(number) for place, number in each.numbers.items()},
    }


def _plain_number(number: Spread | float) -> dict[str, float | int | None]:
    if isinstance(number, float | int):
        return {"mean": number, "deviation": None, "count": 1}
    return {"mean": number.mean, "deviation": number.deviation, "count": number.count}
