"""Start, resume and reopen runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..config.loader import load_tree, locating
from ..config.schema import RunConfig
from ..config.validate import validate
from ..data.dataset import fingerprint
from ..distributed import from_main, is_main
from ..errors import RunError, UserError
from ..plugin_manager import PluginManager, load_plugins
from . import checkpoint
from .build import build_run, make_watchers
from .run import Run
from .run_folder import RunFolder, check_run_id, check_same, create, environment, find, new_folder, newest_first
from .start_weights import start_weights
from .state import State, standing


def start(
    config: RunConfig,
    plugins: PluginManager,
    *,
    runs: Path,
    run_id: str | None,
    resume: bool,
    folder: RunFolder | None,
    command: list[str],
    beside: Path | None = None,
) -> Run:
    """A run ready to train: a new one in a folder of its own, or one put back into its last state.

    Args:
        runs: folder that holds all runs.
        run_id: name of the run's folder below runs/<name of the config>.
        resume: go on with `folder`, else with `run_id`, else with the newest run of this config.
        beside: folder of the config; if it is a run's, the weights that one started with are there.

    Raises:
        RunError: the folder is there already, or nothing can be resumed, or it was another config, or the run is being trained.
    """
    if not resume:
        new = from_main(new_folder(config, runs, run_id) if is_main() else None)
        assert new is not None
        weights = start_weights(config, new, *([RunFolder(beside)] if beside else []))
        run = build_run(config, plugins, new, weights)
        if is_main():
            make_watchers(run)
            told = environment(config, run.device, command, fingerprint(run.dataset))
            create(new, config, told, weights.files(new) if weights else {})
        return run
    known = from_main(_idle(folder or _to_resume(config, runs, run_id)) if is_main() else None)
    assert known is not None
    check_same(config, config_of(known, load_plugins()), known)
    run = build_run(config, plugins, known, start_weights(config, known))
    _check_data(run)
    if is_main():
        make_watchers(run)
        checkpoint.sweep(run)
    complaints = checkpoint.restore_latest(run)
    run.notes += [f"{complaint}; went back to the one before" for complaint in complaints]
    return run


def _to_resume(config: RunConfig, runs: Path, run_id: str | None) -> RunFolder:
    """The run of that id, else the newest of this config; the newest of its name if there is none, whose differences are to be told."""
    place = runs / config.name / (check_run_id(run_id) or "")
    newest = find(place)
    for folder in [newest, *newest_first(place)]:
        with suppress(UserError):
            check_same(config, config_of(folder, load_plugins()), folder)
            return folder
    return newest


def _idle(folder: RunFolder) -> RunFolder:
    """The folder, unless a process of this machine is writing to it. (One of another machine may be gone without a word.)"""
    now = standing(folder)
    if now.state is State.running and now.is_here:
        raise RunError(
            f"{folder.path} is being trained by {now.reason}: two processes would damage each other's checkpoints. "
            "Wait for it, or stop it first"
        )
    return folder


def _check_data(run: Run) -> None:
    if run.folder.training_data not in ("", fingerprint(run.dataset)):
        raise RunError(
            f"{run.folder.path} was started with other training data: images, labels or the table have changed since, and with them "
            "the run would not go on as it began. Put them back, or start a new run"
        )


def config_of(folder: RunFolder, plugins: PluginManager) -> RunConfig:
    """The config that lies in a run's folder."""
    return validate(load_tree(str(folder.config)), plugins)


def reopen(
    path: Path, device: str | None = None, which: str = "last", overrides: Sequence[str] = ()
) -> tuple[Run, list[str]]:
    """A run with its trained weights, for evaluation and prediction.

    Args:
        which: last or best.
        overrides: changes to its config's evaluators, and to no other key.

    Returns:
        The run, and a line for each damaged checkpoint that was passed over.

    Raises:
        RunError: no run there, or no sound checkpoint in it.
    """
    folder, plugins = find(path), load_plugins()
    if foreign := [text for text in overrides if not re.match(r"evaluators\b", text)]:
        raise RunError(f"{folder.path} is trained: {foreign[0]} cannot be changed any more, only its evaluators can")
    # Training is over: who looked on the way need not be among those who look now.
    changed = [*overrides, "training.evaluate_with=[]", *([f"device={device}"] if device else [])]
    tree = load_tree(str(folder.config), changed)
    with locating(tree):
        run = build_run(validate(tree, plugins), plugins, folder)
    if checkpoint.newest(folder.checkpoints) is None:
        raise RunError(f"{folder.path} has no checkpoint yet: train it first, or resume it")
    if which == "best":
        checkpoint.restore_weights(run, checkpoint.read(checkpoint.best(folder)))
        return run, []
    return run, checkpoint.restore_latest(run, checkpoint.restore_weights)
