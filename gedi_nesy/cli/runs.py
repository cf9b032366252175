"""Commands about runs: train, evaluate, predict, sample, report."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .processes import is_first_to_fail, join_processes

if TYPE_CHECKING:
    from ..config.loader import Tree
    from ..engine.run import Run
    from ..engine.run_folder import RunFolder

RunArgument = Annotated[
    Path, typer.Argument(help="A run folder, or the folder above it for its newest run.", show_default=False)
]
DeviceOption = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:0.")]


class Which(StrEnum):
    """A checkpoint to read."""

    last = "last"
    best = "best"


def add_commands(app: typer.Typer) -> None:
    """Put the commands on the application."""
    for command in (train, evaluate, predict, sample, report):
        app.command()(command)


def train(
    config: Annotated[
        str,
        typer.Argument(
            help="A config file, the name of a bundled one, or a run folder with --resume.", show_default=False
        ),
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes to the config: key.sub=value ...", show_default=False)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the newest run of this config, or with --run-id.")
    ] = False,
    device: DeviceOption = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    run_id: Annotated[str | None, typer.Option(help="Name of the run folder; the time by default.")] = None,
    runs: Annotated[Path, typer.Option(help="Where run folders go.")] = Path("runs"),
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write for TensorBoard too; the same as watchers: [tensorboard].")
    ] = False,
) -> None:
    """Train a config, evaluate it and write a report; for several processes, `torchrun -m gedi_nesy train ...`."""
    join_processes()
    from ..config.loader import load_tree, locating
    from ..config.validate import validate
    from ..plugin_manager import load_plugins

    folder = _existing_run(Path(config), resume)
    extra = [f"{key}={value}" for key, value in (("device", device), ("seed", seed)) if value is not None]
    tree = load_tree(str(folder.config) if folder else config, [*(overrides or []), *extra])
    if tensorboard:
        _watch(tree, "tensorboard")
    plugins = load_plugins()
    checked = validate(tree, plugins)

    from ..engine.start import start

    with locating(tree):
        run = start(
            checked,
            plugins,
            runs=runs,
            run_id=run_id,
            resume=resume,
            folder=folder,
            command=["gedi-nesy", *sys.argv[1:]],
            beside=tree.file.parent,
        )
    if (results := _train_and_evaluate(run, resume)) is not None:
        _show_results(results, run)


def evaluate(
    run: RunArgument,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help='Evaluators instead of those of its config: "evaluators=[knn, ...]".', show_default=False),
    ] = None,
    checkpoint: Annotated[Which, typer.Option(help="Which checkpoint to evaluate.")] = Which.last,
    device: DeviceOption = None,
) -> None:
    """Evaluate a run again, or by other evaluators, and write its results and report; what it has from others stays."""
    from ..engine.evaluate import evaluate as evaluate_run
    from ..engine.start import reopen

    opened = _opened(*reopen(run, device, checkpoint.value, overrides or []))
    _show_results(evaluate_run(opened), opened)


def predict(
    run: RunArgument,
    images: Annotated[
        list[Path], typer.Argument(help="Image files of the size and mode the run was trained on.", show_default=False)
    ],
    device: DeviceOption = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Class probabilities of images; with as many images as the query has slots, the probability of the query too."""
    import json

    from ..engine.predict import predict_files
    from ..engine.start import reopen

    prediction = predict_files(_opened(*reopen(run, device)), images)
    print(json.dumps(prediction.plain(), indent=2) if json_output else prediction.text())


def sample(
    run: RunArgument,
    count: Annotated[int, typer.Option(min=1, help="How many images.")] = 64,
    seed: Annotated[int, typer.Option(help="Seed of the sampler.")] = 0,
    out: Annotated[Path | None, typer.Option(help="PNG file; samples/ of the run folder by default.")] = None,
    device: DeviceOption = None,
) -> None:
    """Draw images from a run's energy or generative model into a PNG grid."""
    from ..engine.evaluate import save_samples
    from ..engine.start import reopen
    from ..methods import require

    opened = _opened(*reopen(run, device))
    require(opened.method, opened.config.method.name, "sample", "the command sample")
    path = out or opened.folder.samples / f"seed-{seed}.png"
    save_samples(opened, path, count, seed)
    print(path)


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Run folders, or the folders above them for their newest runs; several make a comparison.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="HTML file; by default report.html of the run folder, or comparison.html here for several."),
    ] = None,
) -> None:
    """Write the report of a run, finished or not, or of several side by side, from the files in their folders."""
    from ..engine.run_folder import find
    from ..reporting.comparison import write_comparison
    from ..reporting.report import write_report

    folders = [find(run).path for run in runs]
    print(
        write_report(folders[0], out)
        if len(folders) == 1
        else write_comparison(folders, out or Path("comparison.html"))
    )


def _watch(tree: Tree, name: str) -> None:
    """Add a watcher to those of the config, unless it is there."""
    watchers = tree.data.setdefault("watchers", [])
    if isinstance(watchers, list) and name not in [
        item.get("name") if isinstance(item, dict) else item for item in watchers
    ]:
        watchers.append(name)


def _opened(run: Run, complaints: list[str]) -> Run:
    """The run, after saying what had to be passed over to open it."""
    for complaint in complaints:
        print(f"warning: {complaint}; reading the one before", file=sys.stderr)
    return run


def _existing_run(path: Path, resume: bool) -> RunFolder | None:
    """The run folder that `train FOLDER --resume` names; None when a config is named."""
    if not path.is_dir():
        return None
    from ..config.locate import bundled
    from ..engine.run_folder import find
    from ..errors import RunError

    try:
        folder = find(path)
    except RunError:
        if str(path) in bundled(".yaml"):  # a folder of something else that is called as a config
            return None
        raise
    if not resume:
        raise RunError(f"{path} is a run folder: add --resume to go on with it, or train its config.yaml anew")
    return folder


def _where_it_stands(run: Run, resume: bool) -> list[str]:
    """What a resumed run has behind it."""
    if not resume:
        return []
    epochs = run.config.training.epochs
    if run.epoch == epochs:
        return [*run.notes, "training is finished already: evaluating again"]
    if not run.step:
        return [*run.notes, "no checkpoint yet: starting from the beginning"]
    return [*run.notes, f"going on after epoch {run.epoch} of {epochs}, step {run.step}"]


def _train_and_evaluate(run: Run, resume: bool) -> dict[str, Any] | None:
    """The results; None in all processes but the main one."""
    from rich.console import Console

    from ..distributed import is_main
    from ..engine.complete import complete
    from ..reporting.progress import make_display

    console = Console(quiet=not is_main())
    try:
        console.print(f"run folder {run.folder.path}", highlight=False, soft_wrap=True)
        for line in _where_it_stands(run, resume):
            console.print(line, highlight=False, soft_wrap=True)
        with make_display(console) as display:
            return complete(run, display)
    except KeyboardInterrupt:
        if is_first_to_fail():
            print(f"interrupted; go on with: gedi-nesy train {run.folder.path} --resume", file=sys.stderr)
        raise typer.Exit(130) from None


def _show_results(results: dict[str, Any], run: Run) -> None:
    from ..reporting.summary import summary

    print(summary(results))
    print(f"report: {run.folder.report}")
