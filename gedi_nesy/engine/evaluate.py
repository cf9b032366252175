"""Run the configured evaluators on a trained run and write what they found."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

from ..data.dataset import to_pixels
from ..distributed import aside
from ..errors import DivergenceError, PluginError, RunError, UserError
from ..evaluators import Evaluation
from ..files import write_atomic, write_failed, write_json
from ..methods import capabilities
from ..reporting.image_grid import png, tiled
from ..reporting.metrics import read_metrics
from ..reporting.report import write_report
from ..reporting.results import assemble, with_earlier
from ..reporting.run_files import read_run
from .arithmetic import for_evaluation, undisturbed
from .build import evaluator_context, make_evaluator
from .diagnosis import diagnose
from .run import Run
from .run_folder import RunFolder
from .seeding import make_generator

SAMPLES = 64


def evaluate(run: Run) -> dict[str, Any]:
    """All evaluators, results.json, figures, samples and report.html; gives the results, with those of earlier evaluations.

    An evaluator that meets numbers which are not finite, or data that do not suit it, has none; the results say why, and have those
    of the others.
    """
    with for_evaluation(run):
        last_terms = _last_epoch_terms(run)
        evaluations, missing = _evaluate_all(run, last_terms, [component.name for component in run.config.evaluators])
        pictures = save_images(run.folder, evaluations)
        for name, drawing in run.task.drawings().items():
            _write(run.folder.figures / f"{name}.svg", drawing.encode())
        results = assemble(run, evaluations, pictures, diagnose(run, last_terms), last_terms, missing)
        results = with_earlier(results, _earlier(run.folder))
        if "sample" in capabilities(run.method) and run.dataset.is_pictures:
            save_samples(run, run.folder.samples / "final.png", SAMPLES, run.config.seed)
    run.plugins.hook.evaluated(run=run, results=results)
    write_json(run.folder.results, results)
    write_report(run.folder.path)
    run.plugins.hook.run_finished(run=run, results=results)
    return results


def _earlier(folder: RunFolder) -> dict[str, Any]:
    """The results so far; none where they are damaged, since new ones are about to take their place."""
    try:
        return read_run(folder.path).results
    except RunError:
        return {}


def save_samples(run: Run, path: Path, count: int, seed: int) -> None:
    """A grid of samples from the model as PNG."""
    run.dataset.require_pictures("a grid of samples")
    method: Any = run.method
    with for_evaluation(run):
        images = to_pixels(method.sample(count, make_generator(seed, "samples", run.device)))
    _write(path, png(tiled(images)))


def save_images(folder: RunFolder, evaluations: dict[str, Evaluation]) -> dict[str, dict[str, dict[str, Any]]]:
    """Each evaluator's images as figures/EVALUATOR-NAME.png; gives what results.json says about them."""
    saved: dict[str, dict[str, dict[str, Any]]] = {}
    for evaluator, evaluation in evaluations.items():
        for name, grid in evaluation.images.items():
            if not re.fullmatch(r"[\w-]+", name):
                raise ValueError(f"the evaluator {evaluator} names its images {name!r}: letters, digits, - and _ only")
            path = folder.figures / f"{evaluator}-{name}.png"
            _write(path, grid.png())
            saved.setdefault(evaluator, {})[name] = {
                "file": f"{path.parent.name}/{path.name}",
                "caption": grid.caption,
                "rows": list(grid.rows),
            }
    return saved


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_failed(path, error) from error
    write_atomic(path, data)


def evaluate_on_the_way(run: Run, last_terms: dict[str, float]) -> tuple[dict[str, float], dict[str, str]]:
    """Evaluate in the middle of training, which goes on as if nothing had been.

    Returns:
        The numbers that are no choices, as `evaluator.number`; and why an evaluator has none.
    """
    names = run.config.training.evaluate_with or [component.name for component in run.config.evaluators]
    with aside(), undisturbed(run), for_evaluation(run):
        evaluations, missing = _evaluate_all(run, last_terms, names)
    numbers = {
        f"{evaluator}.{name}": value
        for evaluator, evaluation in evaluations.items()
        for name, value in evaluation.numbers.items()
        if name not in evaluation.choices
    }
    return numbers, missing


@torch.no_grad()
def _evaluate_all(
    run: Run, last_terms: dict[str, float], names: Collection[str]
) -> tuple[dict[str, Evaluation], dict[str, str]]:
    """What each of these evaluators found, and why others found nothing."""
    context = evaluator_context(run, last_terms)
    evaluations: dict[str, Evaluation] = {}
    missing: dict[str, str] = {}
    for component in [component for component in run.config.evaluators if component.name in names]:
        try:
            found = make_evaluator(run, component, context).evaluate(run.method, run.task)
            evaluations[component.name] = _sound(found, component.name)
        except (DivergenceError, UserError) as error:
            missing[component.name] = str(error)
    return evaluations, missing


def _sound(found: Any, name: str) -> Evaluation:
    """What an evaluator gave; PluginError if it cannot be written down, as training is over and the others have their numbers."""
    if not isinstance(found, Evaluation):
        raise PluginError(f"its evaluate gives {type(found).__name__}, not an Evaluation: correct the plugin of {name}")
    for number, value in found.numbers.items():
        if not isinstance(value, int | float):
            raise PluginError(f"its number {number} is a {type(value).__name__}: give float({number})")
        if number not in found.definitions:
            raise PluginError(f"its number {number} has no definition: say in definitions what it is, in a line")
    return found


def _last_epoch_terms(run: Run) -> dict[str, float]:
    lines = [
        line["epoch_terms"]
        for line in read_metrics(run.folder.metrics)
        if "epoch_terms" in line and line["step"] <= run.step
    ]
    return lines[-1] if lines else {}
