"""The training loop, readable from top to bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from itertools import islice
from typing import Protocol

import torch
from torch import Tensor

from ..data.dataset import Pixels, to_unit_range
from ..data.host_tensor import with_pixels
from ..data.views import make_views
from ..distributed import average_gradients, is_main, mean_over_processes, num_processes, rank, share_buffers
from ..errors import ConfigError, DivergenceError
from ..models.mode import set_training
from ..reporting.metrics import MetricsLog
from ..tasks import Selection
from ..types import Batch
from . import checkpoint
from .arithmetic import for_evaluation, for_training, mixed_precision
from .diagnosis import Diagnosis, diagnose
from .evaluate import evaluate_on_the_way
from .recovery import check_terms, roll_back, start_again, why_stuck
from .run import Run


class Display(Protocol):
    """Whoever shows the progress of a run."""

    def step(self, run: Run, terms: dict[str, float], images: int) -> None:
        """A step is done; `images` is how many training images it took."""

    def epoch(self, run: Run, terms: dict[str, float], diagnosis: Diagnosis) -> None:
        """An epoch is done."""

    def note(self, text: str) -> None:
        """Something worth a line."""


def train(run: Run, display: Display) -> None:
    """Take the run from where it stands to its last epoch, saving checkpoints on the way.

    Of several processes each calls this; the main one writes, displays and calls plugins' hooks.

    Raises:
        DivergenceError: a term, a gradient or a weight is no longer finite, or a term exploded, and rolling back is not
            asked for or has been tried often enough.
    """
    metrics = MetricsLog(run.folder.metrics, run.step) if is_main() else None
    if metrics:
        run.plugins.hook.run_started(run=run)
    started = time.perf_counter() - run.seconds
    while run.epoch < run.config.training.epochs:
        try:
            with for_training(run):
                means = _epoch(run, metrics, display)
            run.epoch += 1
            run.seconds = time.perf_counter() - started
            if why := why_stuck(run):
                _note(run, start_again(run, why), metrics, display)
                continue
            _report(run, means, metrics, display)
            started += _evaluate(run, means, metrics, display)
            if _is_due(run, run.config.training.checkpoint_every):
                checkpoint.save(run, monitored=_distance(run, means))
        except DivergenceError as error:
            _note(run, roll_back(run, error), metrics, display)


def _epoch(run: Run, metrics: MetricsLog | None, display: Display) -> dict[str, float]:
    """One pass over the data; gives each term's mean over the steps that had it."""
    values: dict[str, list[float]] = {}
    set_training(run.method)
    share_buffers(run.method)
    selections = run.task.epoch(run.config.training.batch_size, run.generators["order"])
    shares = (selection.part(rank(), num_processes()) for selection in selections)
    batches = with_pixels(run.task.train_pixels, shares)
    while parts := list(islice(batches, run.config.training.accumulate)):
        terms = _step(run, parts)
        images = num_processes() * sum(len(pixels) for _, pixels in parts)
        run.images += images
        for name, value in terms.items():
            values.setdefault(name, []).append(value)
        if metrics:
            metrics.step(run, terms)
            display.step(run, terms, images)
            run.plugins.hook.step_finished(run=run, step=run.step, terms=terms)
    return {name: sum(history) / len(history) for name, history in values.items()}


def _step(run: Run, batches: Sequence[tuple[Selection, Pixels]]) -> dict[str, float]:
    """One optimiser step on the mean gradient of some batches: the method's terms, the task's terms, their weighted sum.

    The numbers of a step are looked at together, once, before the weights move: a GPU is waited for only there.
    """
    run.optimizer.zero_grad(set_to_none=True)
    parts = [_gradient(run, *batch, 1 / len(batches)) for batch in batches]
    terms = {name: torch.stack([part[name] for part in parts]).mean() for name in parts[0]}
    average_gradients(run.parameters())
    norm = _clip(run.parameters(), run.config.training.clip_norm)
    *values, length = mean_over_processes(torch.stack([*terms.values(), norm])).tolist()
    numbers = dict(zip(terms, values, strict=True))
    check_terms(run, numbers, length)
    for group in run.optimizer.param_groups:
        group["lr"] = learning_rate(run)
    run.optimizer.step()
    run.method.updated()
    run.step += 1
    if run.average is not None:
        run.average.update(run.step)
    return numbers


def _gradient(run: Run, selection: Selection, pixels: Pixels, share: float) -> dict[str, Tensor]:
    """Add this share of a batch's gradient to that of the step; gives the terms."""
    batch, weights = _batch(run, selection, pixels), run.weights()
    with mixed_precision(run):
        output = run.method.losses(batch, frozenset(weights))
        terms = selection.balance(output.terms) | run.task.losses(output, batch, frozenset(weights))
    if not terms:
        raise ConfigError(f"no loss term can be computed at step {run.step} with {', '.join(weights)}", key="starts")
    loss = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
    torch.autograd.backward(loss * share)
    return {name: term.detach() for name, term in terms.items()}


def _clip(parameters: list[torch.nn.Parameter], limit: float | None) -> Tensor:
    """Shorten the gradient to the limit; gives the norm that it had."""
    if limit is not None:
        return torch.nn.utils.clip_grad_norm_(parameters, limit)
    return torch.nn.utils.get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])


def _batch(run: Run, selection: Selection, pixels: Pixels) -> Batch:
    """The step's images as random views."""
    generator = run.generators["views"]
    images = make_views(pixels, run.pipelines, generator)
    small = make_views(pixels, run.small_pipelines, generator) if run.small_pipelines else None
    return Batch(images, selection.examples, small, to_unit_range(pixels), selection.labels)


def learning_rate(run: Run) -> float:
    """The rate of the coming step: linear warm-up, then the schedule; a function of the step alone."""
    training = run.config.training
    done = run.step / run.num_steps
    if done < training.warmup:
        factor = (run.step + 1) / (training.warmup * run.num_steps + 1)
    elif training.schedule == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * (done - training.warmup) / (1 - training.warmup)))
    else:
        factor = training.milestone_factor ** sum(done >= milestone for milestone in training.milestones)
    return training.learning_rate * factor * run.rate_factor


def _report(run: Run, means: dict[str, float], metrics: MetricsLog | None, display: Display) -> None:
    """Tell everybody that an epoch is done; look at the model's health when that is due."""
    if not metrics:
        return
    if _is_due(run, run.config.training.report_every):
        with for_evaluation(run):
            diagnosis = diagnose(run, means)
        metrics.epoch(run, means, diagnosis)
        display.epoch(run, means, diagnosis)
    run.plugins.hook.epoch_finished(run=run, epoch=run.epoch, terms=means)


def _evaluate(run: Run, means: dict[str, float], metrics: MetricsLog | None, display: Display) -> float:
    """Numbers on the way, when they are due; gives the seconds that they took, which are no training."""
    every = run.config.training.evaluate_every
    if not metrics or every is None or run.epoch % every or run.epoch == run.config.training.epochs:
        return 0.0
    began = time.perf_counter()
    numbers, missing = evaluate_on_the_way(run, means)
    metrics.numbers(run, numbers)
    run.plugins.hook.evaluated_on_the_way(run=run, epoch=run.epoch, numbers=numbers)
    found = [f"{name} {value:.3f}" for name, value in numbers.items()]
    faults = [f"no numbers of {name}: {reason}" for name, reason in missing.items()]
    display.note(f"after epoch {run.epoch}: {', '.join(found + faults) or 'no numbers'}")
    return time.perf_counter() - began


def _distance(run: Run, means: dict[str, float]) -> float | None:
    """Weighted distance of the terms from their known minima: what the best checkpoint is best in.

    Terms that start late or end early are left out, so that epochs can be compared; None when no other term has a known minimum.
    """
    passing = {*run.config.starts, *run.config.ends}
    comparable = {name: minimum for name, minimum in run.minima.items() if name in means and name not in passing}
    if not comparable:
        return None
    return sum(run.config.weights[name] * (means[name] - minimum) for name, minimum in comparable.items())


def _is_due(run: Run, every: int) -> bool:
    return run.epoch % every == 0 or run.epoch == run.config.training.epochs


def _note(run: Run, text: str, metrics: MetricsLog | None, display: Display) -> None:
    """Keep what happened, after the run went back to an earlier step."""
    run.notes.append(text)
    if metrics:
        metrics.cut(run.step)
        display.note(text)
