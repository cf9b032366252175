"""How a run computes: fast and mixed in training, exactly in evaluation, which leaves no trace in training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from ..models.mode import evaluating
from ..models.precision import tf32
from .run import Run


@contextmanager
def for_training(run: Run) -> Iterator[None]:
    """The fast kernels that the config allows; matters on GPUs only."""
    tuned = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True  # shapes stay the same from step to step
    try:
        with tf32(run.config.training.tf32):
            yield
    finally:
        torch.backends.cudnn.benchmark = tuned


def mixed_precision(run: Run) -> torch.autocast:
    """Autocast for the networks of a step, switched off where the config wants float32."""
    return torch.autocast(run.device.type, torch.bfloat16, enabled=run.config.training.precision == "bf16")


@contextmanager
def for_evaluation(run: Run) -> Iterator[None]:
    """The method as it is evaluated: in evaluation mode and float32, not compiled, with averaged weights where there are any."""
    with ExitStack() as stack:
        stack.enter_context(evaluating(run.method))
        stack.enter_context(tf32(False))
        if run.average is not None:
            stack.enter_context(run.average.in_place())
        if run.config.training.compile:
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield


@contextmanager
def undisturbed(run: Run) -> Iterator[None]:
    """Whatever is drawn at random inside the block, training has the same random numbers after it as without."""
    states = {name: generator.get_state() for name, generator in run.generators.items()}
    with torch.random.fork_rng(devices=[run.device] if run.device.type == "cuda" else []):
        try:
            yield
        finally:
            for name, state in states.items():
                run.generators[name].set_state(state)
