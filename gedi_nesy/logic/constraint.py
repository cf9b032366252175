"""What a logic backend gives: the probability of a query as a differentiable function of class probabilities."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ..errors import ProgramError
from ..models.precision import widened
from .known_classes import UNKNOWN, observe, one_hot_log
from .probabilities import has_chance
from .query import find_answer

if TYPE_CHECKING:
    from .learnable import LearnableProbabilities
    from .limits import Limits
    from .program import Program
    from .query import QueryTemplate

LOG_HALF = math.log(0.5)
PROBABILITIES_ONLY = "its backend gives probabilities only; set backend: circuit"
ROUNDING = 0.02  # how far a sum of probabilities may be from 1, as half precision has them

PerNetwork: TypeAlias = "Tensor | Mapping[str, Tensor]"
"""A tensor for each network by name; for a program with one network, its tensor alone."""


@dataclass(frozen=True)
class NetworkShape:
    """What a network of a program gives: a distribution over its classes for each of its inputs.

    Attributes:
        inputs: what it reads, in the order of its tensor's second axis; an input is a tuple of slots, mostly of one.
        num_classes: size of the domain of its neural predicates.
    """

    inputs: tuple[tuple[str, ...], ...]
    num_classes: int


@dataclass(frozen=True)
class ConstraintSpec:
    """Everything a backend needs to build a constraint.

    Attributes:
        program: with its neural predicates.
        template: the query, without open lists or constants.
        networks: the shape of what each network of the program gives.
        complements: whether the probability that the query does *not* hold is wanted too.
        learnable: where the parameters of `t(_)` live when several constraints of the program share them.
    """

    program: Program
    template: QueryTemplate
    networks: Mapping[str, NetworkShape]
    complements: bool = False
    learnable: LearnableProbabilities | None = None


@dataclass(frozen=True)
class MostProbable:
    """Classes of the inputs with which a query holds.

    Attributes:
        classes: of each network's inputs; -1 in examples whose query cannot hold.
        log_probability: log P(these classes and the query | images, evidence, known classes).
    """

    classes: dict[str, Int[Tensor, "examples inputs"]]
    log_probability: Float[Tensor, " examples"]


ConstraintBuilder: TypeAlias = "Callable[[ConstraintSpec, Limits | None], Constraint]"
"""A logic backend."""


class Constraint(nn.Module, ABC):
    """log P(query | images), one value an example.

    A query template such as `addition(A, B, Total)` has image slots (A, B) and at most a few label columns (Total). Every
    ground instance of the label columns that the program can prove is an *answer*; a template without label columns has
    the single answer `()`.

    Attributes:
        template: the query.
        slots: names of the image slots, in the order of the template.
        labels: names of the label columns, in the order of the template.
        answers: one tuple of strings for each answer, in the order that `answer` indexes.
        networks: what each network gives.
        has_chance: whether something besides the networks is left to chance.
    """

    def __init__(self, spec: ConstraintSpec, answers: Sequence[tuple[str, ...]]) -> None:
        super().__init__()
        self.template, self.answers = spec.template, tuple(answers)
        self.slots, self.labels = spec.template.slots, spec.template.labels
        self.networks = dict(spec.networks)
        self.has_chance = has_chance(spec.program)
        self._has_looked = False

    @staticmethod
    def from_program(
        program: str | Path,
        *,
        query: str,
        networks: Mapping[str, Sequence[str | tuple[str, ...]]],
        lengths: Mapping[str, int] | None = None,
        constants: Mapping[str, str] | None = None,
        complements: bool = False,
        allow_python: bool = False,
        limits: Limits | None = None,
    ) -> Constraint:
        """The compiled constraint of a program, ready for any training loop.

        Args:
            program: a file, the name of a bundled program, or the text itself.
            query: a goal such as `addition(A, B, Total)`, or several joined by commas.
            networks: for each network of the program the variables of the query it reads, in the order in which its
                log-probabilities will come; a tuple of variables is one input of several images. A variable named in
                `lengths` is a list of images; variables that are neither here nor in `constants` are label columns.
            lengths: the length of each list of images.
            constants: values of variables that are given before the query is asked.
            complements: whether `loss` will be asked with targets other than 1.
            allow_python: let the program load Python and other files, which then run.
            limits: of time, memory and size for grounding and compiling.

        Raises:
            ProgramError: anything wrong with program, query or networks.

        Example:
            >>> constraint = Constraint.from_program(
            ...     "addition_with_label", query="addition(A, B, Total)", networks={"mnist_net": ["A", "B"]}
            ... )
            >>> constraint(torch.zeros(32, 2, 10).log_softmax(2)).shape  # (examples, answers)
            torch.Size([32, 19])
        """
        from .circuit_constraint import build_constraint
        from .from_program import specify

        spec = specify(program, query, networks, lengths, constants, complements, allow_python)
        return build_constraint(spec, limits)

    @abstractmethod
    def forward(self, log_probs: PerNetwork) -> Float[Tensor, "examples answers"]:
        """log P of every answer.

        Args:
            log_probs: normalised log-probabilities (examples, inputs, classes) of each network; gradient flows into
                them.
        """

    @abstractmethod
    def log_probability(
        self, log_probs: PerNetwork, answer: Int[Tensor, " examples"] | None = None
    ) -> Float[Tensor, " examples"]:
        """log P(query with this answer | images).

        Args:
            log_probs: see `forward`.
            answer: index into `answers` for each example; None for a template without label columns.
        """

    @abstractmethod
    def log_complement(
        self, log_probs: PerNetwork, answer: Int[Tensor, " examples"] | None = None
    ) -> Float[Tensor, " examples"]:
        """log P(the query with this answer does not hold | images), exact where P is near 1."""

    def loss(
        self,
        log_probs: PerNetwork,
        answer: Int[Tensor, " examples"] | None = None,
        *,
        target: Float[Tensor, " examples"] | None = None,
        known: PerNetwork | None = None,
    ) -> Float[Tensor, ""]:
        """The semantic loss -log P(query), mean over the examples; its minimum is 0.

        Args:
            log_probs: see `forward`.
            answer: see `log_probability`.
            target: the probability with which the query is said to hold, 1 by default, 0 for negative examples: the
                loss is the cross-entropy -t log P - (1 - t) log (1 - P).
            known: (examples, inputs) of each network, the class of an input where it is known and -1 elsewhere: the
                loss is -log P(query | these classes) - log P(these classes); evidence of the program conditions the
                first, not the second.

        Source: Xu et al. 2018; GEDI 2024 section 6.4 (L_NESY, there a sum; ours is a mean).
        """
        losses = self.losses(log_probs, answer, target=target, known=known)
        return losses.mean()

    def losses(
        self,
        log_probs: PerNetwork,
        answer: Int[Tensor, " examples"] | None = None,
        *,
        target: Float[Tensor, " examples"] | None = None,
        known: PerNetwork | None = None,
    ) -> Float[Tensor, " examples"]:
        """The loss of each example; see `loss`."""
        if known is not None:
            log_probs, told = self._observe(log_probs, self._per_network(known))
            return self.losses(log_probs, answer, target=target) - told
        if target is None:
            return -self.log_probability(log_probs, answer)
        require(((target >= 0) & (target <= 1)).all(), "a target is not a probability between 0 and 1")
        # A zero weight must win over an infinite logarithm.
        holds = torch.where(target > 0, target * self.log_probability(log_probs, answer), 0.0)
        fails = torch.where(target < 1, (1 - target) * self.log_complement(log_probs, answer), 0.0)
        return -holds - fails

    def satisfied(
        self, classes: PerNetwork, answer: Int[Tensor, " examples"] | None = None
    ) -> Bool[Tensor, " examples"]:
        """Whether the answer holds when the inputs have these classes; where chance remains, more likely than not.

        Where an input has none (-1, as in `MostProbable`) it does not.
        """
        indices = self._per_network(classes)
        certain = {
            name: one_hot_log(index.clamp(min=0), self.networks[name].num_classes) for name, index in indices.items()
        }
        is_told = torch.stack([(index != UNKNOWN).all(1) for index in indices.values()]).all(0)
        return is_told & (self.log_probability(certain, answer) > LOG_HALF)

    def most_probable(
        self,
        log_probs: PerNetwork,
        answer: Int[Tensor, " examples"] | None = None,
        *,
        known: PerNetwork | None = None,
    ) -> MostProbable:
        """The most probable classes of all inputs together with which the query holds with this answer. No gradient.

        They are those of the most probable world, in which all that the program leaves to chance has an outcome too (ProbLog's
        MPE). Without chance they always satisfy the query.

        Args:
            log_probs: see `forward`.
            answer: see `log_probability`.
            known: see `loss`; such as the clues of a sudoku.

        Raises:
            ProgramError: see `why_not_read`.
        """
        return self._most_probable(self._to_read(log_probs, known), answer)

    def posterior(
        self,
        log_probs: PerNetwork,
        answer: Int[Tensor, " examples"] | None = None,
        *,
        known: PerNetwork | None = None,
    ) -> dict[str, Float[Tensor, "examples inputs classes"]]:
        """P(class of each input | the query holds with this answer, images, evidence, known classes), by network. No gradient.

        Right to the precision of the given type: what is impossible may have a probability of 1e-7 in float32. Not numbers in examples
        whose query cannot hold. Arguments and errors are those of `most_probable`.
        """
        return self._posterior(self._to_read(log_probs, known), answer)

    def why_not_read(self) -> str | None:
        """Why `most_probable` and `posterior` are refused; None where they are not."""
        return PROBABILITIES_ONLY

    def best(self) -> Float[Tensor, " answers"] | None:
        """log of the largest probability that each answer has for any classes of the inputs; None where nobody knows."""
        return None

    def size(self) -> dict[str, int]:
        """Figures of what the constraint computes, such as circuit nodes; empty where there is nothing to count."""
        return {}

    def answer_index(self, answer: Sequence[object]) -> int:
        """Position of an answer, one value for each label column, in `answers`; ProgramError when there is no such answer."""
        if isinstance(answer, str):
            raise ProgramError(f'an answer is a list with a value for each label: ["{answer}"], not "{answer}"')
        values = tuple(str(value) for value in answer)
        found = find_answer(self.answers, values)
        if found is None:
            known = ", ".join(",".join(known) for known in self.answers[:20])
            more = ", ..." if len(self.answers) > 20 else ""
            raise ProgramError(f"({','.join(values)}) is no answer of the query. Answers: {known}{more}")
        return self.answers.index(found)

    def _most_probable(self, log_probs: Mapping[str, Tensor], answer: Int[Tensor, " examples"] | None) -> MostProbable:
        """See `most_probable`; a backend that can has its own, and its own `why_not_read`."""
        raise self._not_read(PROBABILITIES_ONLY)

    def _posterior(
        self, log_probs: Mapping[str, Tensor], answer: Int[Tensor, " examples"] | None
    ) -> dict[str, Float[Tensor, "examples inputs classes"]]:
        """See `posterior`; a backend that can has its own, and its own `why_not_read`."""
        raise self._not_read(PROBABILITIES_ONLY)

    def _not_read(self, fault: str) -> ProgramError:
        return ProgramError(f"the query {self.template.text} does not say what its images are: {fault}")

    def _to_read(self, log_probs: PerNetwork, known: PerNetwork | None) -> dict[str, Tensor]:
        """The networks' log-probabilities with known classes in place, at least float32."""
        if fault := self.why_not_read():
            raise self._not_read(fault)
        given = dict(zip(self.networks, map(widened, self._checked(log_probs)), strict=True))
        return given if known is None else self._observe(given, self._per_network(known))[0]

    def _observe(
        self, log_probs: PerNetwork, known: Mapping[str, Int[Tensor, "examples inputs"]]
    ) -> tuple[dict[str, Tensor], Float[Tensor, " examples"]]:
        """The distributions with known classes in place, and log P of those classes."""
        given = dict(self._per_network(log_probs))
        told = []
        for name, classes in known.items():
            given[name], log_probability = observe(given[name], classes)
            told.append(log_probability)
        return given, torch.stack(told).sum(0)

    def _answer_of_each(
        self, answer: Int[Tensor, " examples"] | None, num_examples: int, device: torch.device
    ) -> Int[Tensor, " examples"]:
        """The index of each example's answer; ValueError for what is none, as it could be that of something else."""
        if answer is None:
            if len(self.answers) != 1:
                raise ValueError(f"the query has {len(self.answers)} answers: say which each example has")
            return torch.zeros(num_examples, dtype=torch.long, device=device)
        if not isinstance(answer, Tensor):
            raise ValueError(
                f"answer must be a tensor with an index for each example, as answer_index gives; got {answer!r}"
            )
        if answer.shape != (num_examples,):
            raise ValueError(f"answer must be ({num_examples} examples,), got {tuple(answer.shape)}")
        last = len(self.answers) - 1
        fault = f"an answer is not an index from 0 to {last}, as answer_index of the query {self.template.text} gives"
        require(((answer >= 0) & (answer <= last)).all(), fault)
        return answer

    def _per_network(self, tensors: PerNetwork) -> Mapping[str, Tensor]:
        """One tensor for each network; ValueError when networks are missing or foreign."""
        if isinstance(tensors, Tensor):
            if len(self.networks) != 1:
                raise ValueError(f"the constraint has the networks {', '.join(self.networks)}; give a dict by name")
            return {next(iter(self.networks)): tensors}
        if set(tensors) != set(self.networks):
            raise ValueError(f"the constraint wants {', '.join(self.networks)}; got {', '.join(tensors) or 'nothing'}")
        return tensors

    def _checked(self, log_probs: PerNetwork) -> list[Float[Tensor, "examples inputs classes"]]:
        """The networks' log-probabilities in order; ValueError with expected and actual shape for any that does not fit."""
        tensors = self._per_network(log_probs)
        for name, shape in self.networks.items():
            expected = (len(shape.inputs), shape.num_classes)
            if tensors[name].ndim != 3 or tensors[name].shape[1:] != expected:
                inputs = ", ".join("+".join(slots) for slots in shape.inputs)
                raise ValueError(
                    f"the log-probabilities of {name} must be (examples, {expected[0]} inputs, {expected[1]} classes)"
                    f" for the inputs {inputs}; got {tuple(tensors[name].shape)}"
                )
        self._check_normalised(tensors)
        return [tensors[name] for name in self.networks]

    def _check_normalised(self, tensors: Mapping[str, Tensor]) -> None:
        """ValueError when the first log-probabilities that come are none; logits would pass for large probabilities unnoticed."""
        if self._has_looked:
            return
        self._has_looked = True
        for name, tensor in tensors.items():
            is_off = (tensor.detach().float().exp().sum(dim=-1) - 1).abs() > ROUNDING
            require(
                ~is_off.any(), f"the log-probabilities of {name} are not normalised: take log_softmax(dim=-1) of logits"
            )


def require(condition: Bool[Tensor, ""], fault: str) -> None:
    """ValueError where a condition does not hold; on a GPU its own failure, later, as nobody waits for it."""
    if condition.is_cuda:
        torch._assert_async(condition, fault)
    elif not condition:
        raise ValueError(fault)
