"""The training loop, readable from top to bottom."""

from __future__ import annotations

import math
import time
from typing import Protocol

import torch

from ..data.dataset import to_unit_range
from ..data.views import make_views
from ..errors import DivergenceError
from ..reporting.metrics import MetricsLog
from ..samplers.sgld import evaluating
from ..tasks import Selection
from ..types import Batch
from . import checkpoint
from .build import reset
from .diagnosis import Diagnosis, diagnose
from .run import Run

MAX_ROLLBACKS = 5


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

    Raises:
        DivergenceError: a term is non-finite or exploded, and rolling back is not asked for or has been tried often enough.
    """
    metrics = MetricsLog(run.folder.metrics, run.step)
    run.plugins.hook.run_started(run=run)
    started = time.perf_counter() - run.seconds
    while run.epoch < run.config.training.epochs:
        try:
            means = _epoch(run, metrics, display)
        except DivergenceError as error:
            _roll_back(run, error, metrics, display)
            continue
        run.epoch += 1
        run.seconds = time.perf_counter() - started
        if stuck := _stuck(run):
            _start_again(run, stuck, metrics, display)
            continue
        if _is_due(run, run.config.training.report_every):
            with evaluating(run.method):
                diagnosis = diagnose(run, means)
            metrics.epoch(run, means, diagnosis)
            display.epoch(run, means, diagnosis)
        run.plugins.hook.epoch_finished(run=run, epoch=run.epoch, terms=means)
        if _is_due(run, run.config.training.checkpoint_every):
            checkpoint.save(run, monitored=weighted_sum(run, means))


def _epoch(run: Run, metrics: MetricsLog, display: Display) -> dict[str, float]:
    """One pass over the data; gives each term's mean over the steps that had it."""
    values: dict[str, list[float]] = {}
    run.method.train()
    for selection in run.task.epoch(run.config.training.batch_size, run.generators["order"]):
        terms = _step(run, selection)
        for name, value in terms.items():
            values.setdefault(name, []).append(value)
        metrics.step(run, terms)
        display.step(run, terms, images=len(selection.images))
        run.plugins.hook.step_finished(run=run, step=run.step, terms=terms)
    return {name: sum(history) / len(history) for name, history in values.items()}


def _step(run: Run, selection: Selection) -> dict[str, float]:
    """One optimiser step: the method's terms, the task's terms, their weighted sum."""
    images = to_unit_range(run.task.train_pixels[selection.images])
    views = make_views(images, run.pipeline, run.config.num_views, run.generators["views"])
    batch = Batch(views, selection.slots, selection.answer)

    weights = run.weights()
    output = run.method.losses(batch, frozenset(weights))
    terms = output.terms | run.task.losses(output, batch, frozenset(weights))
    loss = torch.stack([weights[name] * term for name, term in terms.items()]).sum()

    values = dict(zip(terms, torch.stack(list(terms.values())).tolist(), strict=True))
    _check(run, values)
    for group in run.optimizer.param_groups:
        group["lr"] = learning_rate(run)
    run.optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    if run.config.training.clip_norm is not None:
        torch.nn.utils.clip_grad_norm_(run.method.parameters(), run.config.training.clip_norm)
    run.optimizer.step()
    run.step += 1
    return values


def learning_rate(run: Run) -> float:
    """The rate of the coming step: linear warm-up, then constant or a cosine to 0; a function of the step alone."""
    training = run.config.training
    done = run.step / run.num_steps
    if done < training.warmup:
        factor = (run.step + 1) / (training.warmup * run.num_steps + 1)
    elif training.schedule == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * (done - training.warmup) / (1 - training.warmup)))
    else:
        factor = 1.0
    return training.learning_rate * factor * run.rate_factor


def weighted_sum(run: Run, terms: dict[str, float]) -> float:
    """The objective's value from the terms' values."""
    return sum(run.config.weights[name] * value for name, value in terms.items())


def _is_due(run: Run, every: int) -> bool:
    return run.epoch % every == 0 or run.epoch == run.config.training.epochs


def _stuck(run: Run) -> str | None:
    """Why this attempt should be given up, if this is the epoch to decide and the configured term is too high."""
    restart, epochs = run.config.training.restart, run.config.training.epochs
    if restart is None or run.attempt == restart.attempts or run.epoch != math.ceil(restart.after * epochs):
        return None
    with evaluating(run.method), torch.no_grad():
        value = run.task.fit(run.method)[restart.term]
    if value <= restart.above:
        return None
    return f"{restart.term} is {value:.3f} on the training data after {run.epoch} epochs, more than {restart.above:g}"


def _start_again(run: Run, why: str, metrics: MetricsLog, display: Display) -> None:
    """Back to epoch 0 with other weights and other random numbers; the data and its examples stay."""
    text = f"attempt {run.attempt} was given up: {why}"
    run.attempt += 1
    reset(run)
    metrics.cut(0)
    _note(run, text, display)
    run.extra.pop("best_monitored", None)
    checkpoint.save(run, monitored=None)


def _check(run: Run, terms: dict[str, float]) -> None:
    bad = {
        name: value
        for name, value in terms.items()
        if not math.isfinite(value) or abs(value) > run.config.training.max_term
    }
    if bad:
        what = ", ".join(f"{name} is {value:g}" for name, value in bad.items())
        last = checkpoint.newest(run.folder.checkpoints)
        raise DivergenceError(
            f"training diverged at step {run.step}: {what} (training.max_term is {run.config.training.max_term:g}). "
            f"Last good checkpoint: {last or 'none yet'}. Try a smaller training.learning_rate, more method.sgld.steps, a larger "
            "weights.energy, or training.on_divergence=rollback with --resume"
        )


def _roll_back(run: Run, error: DivergenceError, metrics: MetricsLog, display: Display) -> None:
    """Back to the newest checkpoint at half the learning rate, with other random numbers; or give up."""
    rollbacks = round(-math.log2(run.rate_factor)) + 1
    if run.config.training.on_divergence == "stop":
        raise error
    if rollbacks > MAX_ROLLBACKS or checkpoint.newest(run.folder.checkpoints) is None:
        raise DivergenceError(
            f"{error}\nRolled back {rollbacks - 1} times already, or no checkpoint to go back to."
        ) from error
    step = run.step
    checkpoint.restore_latest(run)
    run.rate_factor = 0.5**rollbacks
    for generator in run.generators.values():
        generator.manual_seed(generator.initial_seed() + rollbacks)
    metrics.cut(run.step)
    _note(run, f"diverged at step {step}, rolled back to step {run.step}, learning rate halved", display)


def _note(run: Run, text: str, display: Display) -> None:
    run.notes.append(text)
    display.note(text)
