"""What a logic backend gives: the probability of a query as a differentiable function of class probabilities."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ..errors import ProgramError

if TYPE_CHECKING:
    from .program import Program
    from .query import QueryTemplate

LOG_HALF = math.log(0.5)

ConstraintBuilder: TypeAlias = "Callable[[Program, QueryTemplate, int], Constraint]"
"""A logic backend: from a program, a query and a number of classes to a constraint."""


class Constraint(nn.Module, ABC):
    """log P(query | images), one value an example.

    A query template such as `addition(A, B, Total)` has image slots (A, B) and at most a few label
    columns (Total). Every ground instance of the label columns that the program can prove is an
    *answer*; a template without label columns has the single answer `()`.

    Attributes:
        slots: names of the image slots, in the order of the template.
        labels: names of the label columns, in the order of the template.
        answers: one tuple of strings for each answer, in the order that `answer` indexes.
        num_classes: the domain size of the neural predicates that read the slots.
    """

    slots: tuple[str, ...]
    labels: tuple[str, ...]
    answers: tuple[tuple[str, ...], ...]
    num_classes: int

    @abstractmethod
    def forward(
        self,
        class_log_probs: Float[Tensor, "examples slots classes"],
        answer: Int[Tensor, " examples"],
    ) -> Float[Tensor, " examples"]:
        """log P(query with this answer | the slots' classes).

        Args:
            class_log_probs: normalised log-probabilities; gradient flows into them.
            answer: index into `answers` for each example (all zeros without label columns).
        """

    def loss(
        self, class_log_probs: Float[Tensor, "examples slots classes"], answer: Int[Tensor, " examples"]
    ) -> Float[Tensor, ""]:
        """The semantic loss -log P(query), mean over the examples; its minimum is 0.

        Source: Xu et al. 2018; GEDI 2024 section 6.4 (L_NESY, there a sum; ours is a mean).
        """
        log_probability: Tensor = self(class_log_probs, answer)
        return -log_probability.mean()

    def satisfied(
        self, classes: Int[Tensor, "examples slots"], answer: Int[Tensor, " examples"]
    ) -> Bool[Tensor, " examples"]:
        """Whether the answer holds when the images have these classes; where chance remains, more likely than not."""
        log_probability: Tensor = self(one_hot_log(classes, self.num_classes), answer)
        return log_probability > LOG_HALF

    def answer_index(self, answer: Sequence[object]) -> int:
        """Position of an answer, one value for each label column, in `answers`; ProgramError when there is no such answer."""
        values = tuple(str(value) for value in answer)
        if values not in self.answers:
            known = ", ".join(",".join(known) for known in self.answers[:20])
            more = ", ..." if len(self.answers) > 20 else ""
            raise ProgramError(f"({','.join(values)}) is no answer of the query. Answers: {known}{more}")
        return self.answers.index(values)

    def no_label(self, examples: int, device: torch.device | None = None) -> Int[Tensor, " examples"]:
        """The `answer` argument of a template without label columns."""
        return torch.zeros(examples, dtype=torch.long, device=device)


def one_hot_log(classes: Int[Tensor, " *shape"], num_classes: int) -> Float[Tensor, "*shape classes"]:
    """log of the one-hot vectors, in float32: 0 for the class, -inf elsewhere."""
    return torch.nn.functional.one_hot(classes, num_classes).float().log()
