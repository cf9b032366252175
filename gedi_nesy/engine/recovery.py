"""What to do when training goes wrong: notice it, roll back to a checkpoint, or start again from other weights."""

from __future__ import annotations

import math

import torch

from ..distributed import from_main
from ..errors import DivergenceError
from . import checkpoint
from .arithmetic import for_evaluation
from .build import reset
from .run import Run

MAX_ROLLBACKS = 5


def check_terms(run: Run, terms: dict[str, float], norm: float) -> None:
    """DivergenceError if a loss term is not finite or beyond `training.max_term`, or the norm of the gradient is not finite."""
    limit = run.config.training.max_term
    bad = {name: value for name, value in terms.items() if not math.isfinite(value) or abs(value) > limit}
    if bad:
        what = ", ".join(f"{name} is {value:g}" for name, value in bad.items())
        raise _diverged(run, f"{what} (training.max_term is {limit:g})")
    if not math.isfinite(norm):
        raise _diverged(run, "the norm of the gradient is not finite")


def roll_back(run: Run, error: DivergenceError) -> str:
    """Back to the newest checkpoint at half the learning rate with other random numbers; a line about it, or the error."""
    rollbacks = round(-math.log2(run.rate_factor)) + 1
    if run.config.training.on_divergence == "stop":
        raise error
    if rollbacks > MAX_ROLLBACKS or from_main(checkpoint.newest(run.folder.checkpoints) is None):
        tried = f"rolled back {rollbacks - 1} times already" if rollbacks > 1 else "no checkpoint to go back to"
        raise DivergenceError(f"{error}\nGiven up: {tried}.") from error
    step, notes, images = run.step, run.notes, run.images
    checkpoint.restore_latest(run)
    run.notes, run.images, run.rate_factor = notes, images, 0.5**rollbacks
    for generator in run.generators.values():
        generator.manual_seed(generator.initial_seed() + rollbacks)
    return (
        f"diverged at step {step}, rolled back to step {run.step}, learning rate times {run.rate_factor:g} from there"
    )


def why_stuck(run: Run) -> str | None:
    """Why this attempt should be given up, if this is the epoch to decide and the configured term is too high."""
    restart, epochs = run.config.training.restart, run.config.training.epochs
    # Rounded, since 0.07 of 100 epochs is a little more than 7 in floating point.
    if restart is None or run.attempt == restart.attempts or run.epoch != math.ceil(round(restart.after * epochs, 6)):
        return None
    with for_evaluation(run), torch.no_grad():
        value = from_main(run.task.fit(run.method)[restart.term])
    if value <= restart.above:
        return None
    return f"{restart.term} is {value:.3f} on the training data after {run.epoch} epochs, more than {restart.above:g}"


def start_again(run: Run, why: str) -> str:
    """Back to epoch 0 with other weights and other random numbers; the data and its examples stay. A line about it."""
    text = f"attempt {run.attempt} was given up: {why}"
    run.attempt += 1
    reset(run)
    run.notes.append(text)  # into the checkpoint too
    checkpoint.forget_best(run)
    checkpoint.save(run, monitored=None)
    return run.notes.pop()


def _diverged(run: Run, what: str) -> DivergenceError:
    last = checkpoint.newest(run.folder.checkpoints)
    return DivergenceError(
        f"training diverged at step {run.step}: {what}. Last good checkpoint: {last or 'none yet'}. "
        "Start a new run with a smaller training.learning_rate, more sampler steps or a larger weight of a regularising term; "
        "or resume this one with training.on_divergence=rollback"
    )
