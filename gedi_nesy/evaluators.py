"""The interface of evaluators: a frozen method in, named numbers out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from .config.options import Options
from .data.dataset import Pixels, to_unit_range
from .data.views import Pipeline
from .engine.seeding import make_generator
from .errors import DivergenceError
from .methods import Method
from .registry import Registry
from .reporting.image_grid import ImageGrid
from .tasks import Task
from .types import Term

CHUNK = 500


@dataclass(frozen=True)
class Evaluation:
    """What an evaluator found.

    Attributes:
        numbers: name -> value.
        definitions: name -> one line that says exactly what the number is.
        tables: JSON-able extras for the report, such as a confusion matrix.
        images: name (letters, digits, - and _) -> images to look at, each a PNG in the run folder's figures/.
        choices: those of the numbers that are settings chosen on the way, such as a k, and say nothing about how good the method is.
        failures: what went wrong with the run, `name: the numbers that show it`, shown beside those of the run's diagnosis.
    """

    numbers: dict[str, float]
    definitions: dict[str, str]
    tables: dict[str, Any] = field(default_factory=dict)
    images: dict[str, ImageGrid] = field(default_factory=dict)
    choices: set[str] = field(default_factory=set)
    failures: tuple[str, ...] = ()


class Embeddings:
    """Embeddings that the evaluators of one evaluation share, so that each set of images is embedded once."""

    def __init__(self) -> None:
        # Method and pixels are kept along with the features: an id is good while its object lives.
        self._made: dict[tuple[int, int], tuple[Any, Tensor, Tensor]] = {}

    def of(self, method: Any, pixels: Pixels) -> Float[Tensor, "images features"]:
        """As `embed`; the same features again for the same method and the same tensor, whose pixels must not have changed."""
        place = id(method), id(pixels)
        if place not in self._made:
            self._made[place] = method, pixels, embed(method, pixels)
        return self._made[place][2]


@dataclass(frozen=True)
class EvaluatorContext:
    """What the engine gives an evaluator beside its options.

    Attributes:
        registry: to look other data sets up by name.
        pipelines: the random transformations of each view that the method was trained with.
        seed: the run's own.
        embeddings: those that other evaluators of this evaluation have made.
        terms: the run's loss terms with their known minima.
        last_terms: their means over the last epoch; empty before training.
        data_root: the config's data.root, where other data sets are looked for too unless they have a root of their own.
        validation: the config's, for other data sets that have training images too.
    """

    registry: Registry = field(default_factory=Registry)
    pipelines: tuple[Pipeline, ...] = ()
    seed: int = 0
    embeddings: Embeddings = field(default_factory=Embeddings)
    terms: dict[str, Term] = field(default_factory=dict)
    last_terms: dict[str, float] = field(default_factory=dict)
    data_root: str | None = None
    validation: float | None = None

    def generator(self, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
        """Chance for one purpose, the same at every evaluation of a run."""
        return make_generator(self.seed, f"evaluation/{purpose}", device)


class Evaluator(ABC):
    """Computes numbers about a trained method on held-out data.

    Class attributes:
        REQUIRES: capabilities of the method, see `gedi_nesy.methods`; where options decide, override `needs`.
        OTHER_DATA: option that lists data sets beside the run's own -> which split of them it cannot do without. A table's runs leave
            out those that are not here.
    """

    REQUIRES: ClassVar[tuple[str, ...]] = ()
    OTHER_DATA: ClassVar[Mapping[str, Literal["training", "test"]]] = {}

    class Options(Options):
        """Options beside `name` in the config's list of evaluators."""

    options: Any

    def __init__(self, options: Any, context: EvaluatorContext | None = None) -> None:
        self.options, self.context = options, context or EvaluatorContext()

    def lacking(self) -> str | None:
        """Which files it needs that are not here; None if it needs none, or they are. For data sets there is OTHER_DATA."""
        return None

    def needs(self) -> tuple[str, ...]:
        """Capabilities that the method must have for these options; REQUIRES by default."""
        return self.REQUIRES

    def check(self, method: Method, task: Task) -> None:  # noqa: B027, as there may be nothing more
        """ConfigError, before training, when the task lacks what the evaluator needs; the method has all that `needs` names."""

    @abstractmethod
    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Numbers on the task's test split; the method is in evaluation mode and no gradient is recorded."""


@torch.no_grad()
def embed(method: Any, pixels: Pixels) -> Float[Tensor, "images features"]:
    """Embeddings of any number of images in float32, in chunks of 500, without views or noise."""
    features = torch.cat([method.embed(to_unit_range(chunk)).float() for chunk in torch.split(pixels, CHUNK)])
    if not torch.isfinite(features).all():
        raise DivergenceError("the method's embeddings are not finite: its weights are damaged or diverged")
    return features


@torch.no_grad()
def predict(method: Any, pixels: Pixels) -> Float[Tensor, "images classes"]:
    """log p(y|x) for any number of images, in chunks of 500, without views or noise."""
    log_probs = torch.cat([method.class_log_probs(to_unit_range(chunk)) for chunk in torch.split(pixels, CHUNK)])
    if torch.isnan(log_probs).any():
        raise DivergenceError("the method's class probabilities are not numbers: its weights are damaged or diverged")
    return log_probs


def names_outputs(task: Task, terms: Mapping[str, Term]) -> bool:
    """Whether a term of the task, from labels or a constraint, tells the classifier which of its outputs is which class.

    Args:
        terms: those that the run trains with.
    """
    return bool(task.TERMS.keys() & terms.keys())


def output_names(task: Task, terms: Mapping[str, Term]) -> list[str]:
    """What the classifier's outputs are called: classes where they are named, else clusters by number."""
    if names_outputs(task, terms):
        return list(task.dataset.classes)
    return [f"cluster {number}" for number in range(task.num_classes)]
