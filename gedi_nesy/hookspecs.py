"""The hooks of gedi-nesy: one to register what is chosen by name, a few to watch a run or act on it.

A plugin is a module with functions marked `@gedi_nesy.hookimpl`, named by an entry point of the group `gedi_nesy` or by
`plugins: [./file.py]` in a config. An implementation takes any subset of the arguments below, without defaults.
Where several processes train, all of them register and only the main one calls the other hooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from .engine.run import Run
    from .registry import Registrar

PROJECT = "gedi_nesy"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register(registry: Registrar) -> None:
    """Add methods, tasks, backbones, data sets, views, evaluators, watchers or logic backends; called once, before a config is read."""


@hookspec
def run_started(run: Run) -> None:
    """The first step of a run, or of its resumption, is about to be taken; everything is built."""


@hookspec
def step_finished(run: Run, step: int, terms: dict[str, float]) -> None:
    """An optimiser step is done.

    Args:
        step: number of steps taken so far, resumed ones included.
        terms: unweighted value of each loss term of this step.
    """


@hookspec
def epoch_finished(run: Run, epoch: int, terms: dict[str, float]) -> None:
    """An epoch is done; `terms` are the means over its steps."""


@hookspec
def evaluated_on_the_way(run: Run, epoch: int, numbers: dict[str, float]) -> None:
    """Evaluators have looked in the middle of training (`training.evaluate_every`); numbers are named `evaluator.number`."""


@hookspec
def checkpoint_saving(run: Run, extra: dict[str, object]) -> None:
    """A checkpoint is about to be written; JSON-able values put into `extra` come back in `run.extra` on resume."""


@hookspec
def evaluated(run: Run, results: dict[str, object]) -> None:
    """All evaluators have run; what is put into `results` is written to results.json."""


@hookspec
def run_failed(run: Run, error: BaseException) -> None:
    """Training or evaluation raised; the error is raised again afterwards."""


@hookspec
def run_finished(run: Run, results: dict[str, object]) -> None:
    """results.json and report.html are written."""
