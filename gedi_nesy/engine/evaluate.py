"""Run the configured evaluators on a trained run and write what they found."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from ..config.schema import Component
from ..data.dataset import to_pixels
from ..evaluators import Evaluation
from ..files import write_atomic, write_failed, write_json
from ..methods import capabilities
from ..models.mode import evaluating
from ..reporting.metrics import read_metrics
from ..reporting.report import write_report
from ..reporting.results import assemble
from .build import make_evaluator
from .diagnosis import diagnose
from .run import Run
from .seeding import make_generator

SAMPLES = 64
COLUMNS = 8


def evaluate(run: Run) -> dict[str, Any]:
    """All evaluators, results.json, samples and report.html; gives the results."""
    with evaluating(run.method):
        evaluations = {component.name: _evaluate_one(run, component) for component in run.config.evaluators}
        last_terms = _last_epoch_terms(run)
        results = assemble(run, evaluations, diagnose(run, last_terms), last_terms)
        if "sample" in capabilities(run.method):
            save_samples(run, run.folder.samples / "final.png", SAMPLES, run.config.seed)
    run.plugins.hook.evaluated(run=run, results=results)
    write_json(run.folder.results, results)
    write_report(run.folder.path)
    run.plugins.hook.run_finished(run=run, results=results)
    return results


def save_samples(run: Run, path: Path, count: int, seed: int) -> None:
    """A grid of samples from the model as PNG."""
    method: Any = run.method
    images = to_pixels(method.sample(count, make_generator(seed, "samples", run.device))).cpu()
    png = BytesIO()
    image_grid(images).save(png, format="PNG")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_failed(path, error) from error
    write_atomic(path, png.getvalue())


def image_grid(images: torch.Tensor) -> Image.Image:
    """uint8 images (count, channels, height, width) side by side, eight in a row, with a thin gap."""
    count, channels, height, width = images.shape
    rows = -(-count // COLUMNS)
    grid = torch.full((channels, rows * (height + 1) + 1, COLUMNS * (width + 1) + 1), 128, dtype=torch.uint8)
    for index, image in enumerate(images):
        top, left = (index // COLUMNS) * (height + 1) + 1, (index % COLUMNS) * (width + 1) + 1
        grid[:, top : top + height, left : left + width] = image
    array = grid.permute(1, 2, 0).numpy()
    return Image.fromarray(array[:, :, 0] if channels == 1 else array)


@torch.no_grad()
def _evaluate_one(run: Run, component: Component) -> Evaluation:
    return make_evaluator(run, component).evaluate(run.method, run.task)


def _last_epoch_terms(run: Run) -> dict[str, float]:
    lines = [
        line["epoch_terms"]
        for line in read_metrics(run.folder.metrics)
        if "epoch_terms" in line and line["step"] <= run.step
    ]
    return lines[-1] if lines else {}
