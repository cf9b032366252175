"""The objects of one training."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from ..config.schema import RunConfig
from ..data.dataset import ImageDataset
from ..data.views import View
from ..methods import Method
from ..plugin_manager import PluginManager
from ..tasks import Task
from ..types import Term
from .averaging import WeightAverage
from .run_folder import RunFolder

# Share of the training over which a late term's weight grows from 0: brought in at once, it upsets what is learned.
RAMP = 0.1


@dataclass
class Run:
    """One training: built from a config, carried through the loop, saved in checkpoints.

    Attributes:
        epoch, step: how many are done.
        pipelines: the random transformations of each view.
        small_pipelines: those of each small view.
        average: of the method's weights, to be evaluated instead of them; None unless the config wants one.
        generators: order (of the training data), weights (as they are drawn), views and method (its sampler); all saved in checkpoints.
        attempt: which initialisation this is, from 1; see `training.restart`.
        rate_factor: what rollbacks have left of the learning rate.
        notes: what happened on the way (rollbacks, mends), for results and report.
        seconds, images: time spent training and images taken in it, over all resumptions, attempts and rollbacks.
        extra: what plugins keep in checkpoints, see the hook `checkpoint_saving`.
    """

    config: RunConfig
    folder: RunFolder
    plugins: PluginManager
    device: torch.device
    dataset: ImageDataset
    task: Task
    method: Method
    pipelines: list[list[View]]
    small_pipelines: list[list[View]]
    optimizer: torch.optim.Optimizer
    average: WeightAverage | None
    generators: dict[str, torch.Generator]
    epoch: int = 0
    step: int = 0
    attempt: int = 1
    rate_factor: float = 1.0
    seconds: float = 0.0
    images: int = 0
    notes: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def parameters(self) -> list[torch.nn.Parameter]:
        """Everything that training adjusts."""
        return [*self.method.parameters(), *self.task.trained.parameters()]

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of an epoch; the last one takes the batches that are left."""
        training = self.config.training
        return math.ceil(self.task.num_steps(training.batch_size) / training.accumulate)

    @property
    def num_steps(self) -> int:
        """Optimiser steps of the whole training."""
        return self.config.training.epochs * self.steps_per_epoch

    def weights(self) -> dict[str, float]:
        """The weight of each term in the coming step; terms that are off, have not started or have ended are left out."""
        done = (self.step + 1) / self.num_steps
        shares = {name: self._share(name, done) for name in self.config.weights}
        return {
            name: weight * shares[name] for name, weight in self.config.weights.items() if weight and shares[name] > 0
        }

    def _share(self, name: str, done: float) -> float:
        """How much of a term's weight counts when so much of the training is done."""
        starts, ends = self.config.starts, self.config.ends
        if done > ends.get(name, 1.0):
            return 0.0
        return min(1.0, (done - starts[name]) / RAMP) if name in starts else 1.0

    @cached_property
    def terms(self) -> dict[str, Term]:
        """What is known about each term of this run."""
        known = self.method.terms() | self.task.terms()
        return {name: term for name, term in known.items() if self.config.weights.get(name)}

    @cached_property
    def minima(self) -> dict[str, float]:
        """Known minimum of each term that has one."""
        return {name: term.known_minimum for name, term in self.terms.items() if term.known_minimum is not None}
