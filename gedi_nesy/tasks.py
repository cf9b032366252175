"""The interface of tasks: which images, which supervision, and what a constraint adds to the loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .config.options import Options
from .data.dataset import ImageDataset, Pixels
from .errors import ConfigError
from .logic.examples import Examples
from .logic.family import ConstraintFamily
from .methods import Method
from .registry import Registry
from .types import Batch, MethodOutput, Term


@dataclass(frozen=True)
class TaskContext:
    """What the engine gives a task to build itself from.

    Attributes:
        dataset: train and test images, on the training device.
        registry: to look logic backends up by name.
        active: the loss terms whose weight is not 0.
        generator: randomness of drawing examples, on the CPU; used up once at the start.
    """

    dataset: ImageDataset
    registry: Registry
    active: frozenset[str]
    generator: torch.Generator


@dataclass(frozen=True)
class Selection:
    """Which images make a step, and how they form examples; see `Batch`.

    Attributes:
        labels: classes of these images, -1 where unknown; from a task whose supervision they are.
        weight: of this part's images in a mean over parts with equally many examples: lists differ in length.
    """

    images: Int[Tensor, " batch"]
    examples: Examples | None = None
    labels: Int[Tensor, " batch"] | None = None
    weight: float = 1.0

    def part(self, number: int, count: int) -> Selection:
        """One of `count` parts that follow each other, with equally many examples; of images, where there are no examples.

        Raises:
            ConfigError: they cannot be shared evenly.
        """
        if count == 1:
            return self
        size = _evenly(len(self.images if self.examples is None else self.examples), count)
        rows = slice(number * size, (number + 1) * size)
        if self.examples is None:
            return Selection(self.images[rows], labels=None if self.labels is None else self.labels[rows])
        examples = self.examples[torch.arange(rows.start, rows.stop, device=self.examples.slots.device)]
        is_there = examples.slots >= 0
        used, places = torch.unique(examples.slots[is_there], return_inverse=True)
        slots = torch.full_like(examples.slots, -1)
        slots[is_there] = places
        weight = len(used) * count / len(self.images)
        return Selection(self.images[used.to(self.images.device)], examples.of_images(slots), weight=weight)

    def balance(self, terms: dict[str, Float[Tensor, ""]]) -> dict[str, Float[Tensor, ""]]:
        """Terms that are means over this part's images, such that their mean over parts is one over all images."""
        return terms if self.weight == 1 else {name: self.weight * term for name, term in terms.items()}


def _evenly(total: int, count: int) -> int:
    if total % count:
        message = f"a step of {total} examples cannot be cut into {count} equal parts, one for each process"
        raise ConfigError(f"{message}: choose a training.batch_size that can", key="training.batch_size")
    return total // count


class Task(ABC):
    """What is trained on.

    Class attributes:
        TERMS: each loss term the task can add, with one line about it.
        NEEDS: capabilities of the method that these terms are made of.
        TELLS_LABELS: whether its selections carry labels.

    Attributes:
        dataset: the images; training may touch nothing but `train_pixels`.
        train_pixels: images that training sees.
        num_classes: how many classes the classifier tells apart.
        trained: parameters of the task's own, trained and saved with the method's; its `reset_parameters` begin anew.
    """

    TERMS: ClassVar[dict[str, str]] = {}
    NEEDS: ClassVar[tuple[str, ...]] = ()
    TELLS_LABELS: ClassVar[bool] = False

    class Options(Options):
        """Options beside `name` in the config's task section."""

    dataset: ImageDataset
    train_pixels: Pixels
    num_classes: int
    trained: nn.Module = nn.Module()

    @abstractmethod
    def __init__(self, options: Any, context: TaskContext) -> None:
        """DataError when the data cannot give what the options ask for."""

    @abstractmethod
    def num_steps(self, batch_size: int) -> int:
        """Steps in an epoch."""

    @abstractmethod
    def epoch(self, batch_size: int, generator: torch.Generator) -> Iterator[Selection]:
        """One pass over the training data in a random order."""

    def terms(self) -> dict[str, Term]:
        """The terms with their known minima."""
        return {name: Term(meaning) for name, meaning in self.TERMS.items()}

    def losses(self, output: MethodOutput, batch: Batch, active: frozenset[str]) -> dict[str, Float[Tensor, ""]]:
        """The task's own active terms, from what the method computed."""
        return {}

    def fit(self, method: Method) -> dict[str, float]:
        """The task's terms on the training data as it is, without random views: what a restart is decided on.

        Called with the method in evaluation mode and no gradient recorded.
        """
        return {}

    def facts(self) -> dict[str, Any]:
        """What the report says about the task, JSON-able."""
        return {}

    def drawings(self) -> dict[str, str]:
        """Name (letters, digits, - and _) -> an SVG document that the report shows."""
        return {}


@runtime_checkable
class HasConstraint(Protocol):
    """A task with a constraint, for evaluators."""

    constraint: ConstraintFamily
    train_examples: Examples
    test_examples: Examples
