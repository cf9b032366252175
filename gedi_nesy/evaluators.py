"""The interface of evaluators: a frozen method in, named numbers out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from .config.options import Options
from .data.dataset import to_unit_range
from .errors import DivergenceError
from .methods import Method, require
from .tasks import Task

CHUNK = 500


@dataclass(frozen=True)
class Evaluation:
    """What an evaluator found.

    Attributes:
        numbers: name -> value.
        definitions: name -> one line that says exactly what the number is.
        tables: JSON-able extras for the report, such as a confusion matrix.
    """

    numbers: dict[str, float]
    definitions: dict[str, str]
    tables: dict[str, Any] = field(default_factory=dict)


class Evaluator(ABC):
    """Computes numbers about a trained method on held-out data.

    Class attributes:
        REQUIRES: capabilities of the method, see `gedi_nesy.methods`.
    """

    REQUIRES: ClassVar[tuple[str, ...]] = ()

    class Options(Options):
        """Options beside `name` in the config's list of evaluators."""

    options: Any

    def __init__(self, options: Any) -> None:
        self.options = options

    def check(self, method: Method, task: Task) -> None:
        """ConfigError, before training, when the method or the task lacks what the evaluator needs."""
        for capability in self.REQUIRES:
            require(method, capability, f"the evaluator {type(self).__name__}")

    @abstractmethod
    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Numbers on the task's test split; the method is in evaluation mode and no gradient is recorded."""


@torch.no_grad()
def predict(method: Any, pixels: UInt8[Tensor, "images channels height width"]) -> Float[Tensor, "images classes"]:
    """log p(y|x) for any number of images, in chunks of 500, without views or noise."""
    log_probs = torch.cat([method.class_log_probs(to_unit_range(chunk)) for chunk in torch.split(pixels, CHUNK)])
    if torch.isnan(log_probs).any():
        raise DivergenceError("the method's class probabilities are not numbers: its weights are damaged or diverged")
    return log_probs
