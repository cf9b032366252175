"""One query for examples of several structures: lists of other lengths, other constants, slots that share an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from gedi_nesy.errors import DataError
from gedi_nesy.logic.constraint import Constraint
from gedi_nesy.logic.examples import PADDING, Examples, Structure
from gedi_nesy.logic.known_classes import UNKNOWN
from gedi_nesy.models.precision import widened

IMPOSSIBLE = -1e30  # as a log-probability
READ_ANSWERS = 5


@dataclass(frozen=True)
class Readings:
    """What the images of examples are if the query of each holds with its answer; see `Constraint.most_probable`.

    Attributes:
        classes: the classifier's class of each slot, all of an example together; -1 where there is no such slot, or the query cannot
            hold for images of their networks' kinds.
        posterior: P(class of the slot | the query holds); 0 where there is no such slot, not numbers where the query cannot hold.
    """

    classes: Int[Tensor, "examples slots"]
    posterior: Float[Tensor, "examples slots classes"]


@dataclass(frozen=True)
class Asked:
    """A query about images.

    Attributes:
        probabilities: of each answer.
        readings: of some of the most probable possible answers, the classes of the images in `Readings` and P(class | answer) of each.
    """

    probabilities: dict[tuple[str, ...], float]
    readings: dict[tuple[str, ...], tuple[list[int], list[float]]]


class ConstraintFamily(nn.Module):
    """log P(query | images) for examples of any of its structures, from the class probabilities of single images.

    Args:
        constraints: of each structure.
        classes: for each network of the program the classifier's classes that are its domain, in order. A network with
            fewer classes than the classifier gets the probabilities given that the image is of one of them, and the
            loss asks for just that: "the query holds, and each image is of its network's kind".
        num_classes: of the classifier.
    """

    def __init__(
        self, constraints: Mapping[Structure, Constraint], classes: Mapping[str, Sequence[int]], num_classes: int
    ) -> None:
        super().__init__()
        self.structures = tuple(constraints)
        self.modules_of_structures = nn.ModuleList(constraints.values())
        self._is_whole = {name: list(indices) == list(range(num_classes)) for name, indices in classes.items()}
        self._number = {
            name: number for number, name in enumerate(classes)
        }  # a network may have any name, a buffer not
        for name, indices in classes.items():
            self.register_buffer(f"classes_{self._number[name]}", torch.tensor(indices), persistent=False)

    @property
    def constraints(self) -> list[Constraint]:
        """The constraint of each structure."""
        return list(self.modules_of_structures)  # type: ignore[arg-type]

    def log_probability(
        self, log_probs: Float[Tensor, "images classes"], examples: Examples
    ) -> Float[Tensor, " examples"]:
        """log P(query with the example's answer | images of their networks' kinds)."""
        values = log_probs.new_zeros(len(examples), dtype=torch.promote_types(log_probs.dtype, torch.float32))
        for constraint, rows, part in self._by_structure(examples):
            values[rows] = constraint.log_probability(self._given_kind(constraint, log_probs, part), part.answer)
        return values

    def loss(self, log_probs: Float[Tensor, "images classes"], examples: Examples) -> Float[Tensor, ""]:
        """The semantic loss, mean over the examples; see `Constraint.loss`."""
        losses = []
        for constraint, _, part in self._by_structure(examples):
            known = self._known(constraint, part) if part.known is not None else None
            given = self._given_kind(constraint, log_probs, part)
            loss = constraint.losses(given, part.answer, target=part.target, known=known)
            losses.append(loss - self._log_kind(constraint, log_probs, part))
        return torch.cat(losses).mean()

    def satisfied(self, log_probs: Float[Tensor, "images classes"], examples: Examples) -> Bool[Tensor, " examples"]:
        """Whether the most probable class of each image is of its network's kind and the answer holds for them."""
        predicted = log_probs.argmax(dim=1)
        result = torch.zeros(len(examples), dtype=torch.bool, device=log_probs.device)
        for constraint, rows, part in self._by_structure(examples):
            classes = {name: self._class_of(name, predicted[index]) for name, index in _reads(constraint, part)}
            result[rows] = constraint.satisfied(classes, part.answer)
        return result

    @property
    def has_chance(self) -> bool:
        """Whether the program leaves something to chance that the query needs."""
        return any(constraint.has_chance for constraint in self.constraints)

    def best(self, examples: Examples) -> Float[Tensor, " examples"] | None:
        """log of the largest probability of each example's answer for any classes of its images; None where nobody knows."""
        values = torch.zeros(len(examples), device=examples.answer.device)
        for constraint, rows, part in self._by_structure(examples):
            best = constraint.best()
            if best is None:
                return None
            values[rows] = best[part.answer]
        return values

    def check_known(self, examples: Examples) -> None:
        """DataError where an image is said to be of a class that the network which reads it does not have."""
        for constraint, _, part in self._by_structure(examples):
            if part.known is None:
                continue
            told = dict(_at_inputs(constraint, part.known))
            for name, index in self._known(constraint, part).items():
                foreign = (told[name] != UNKNOWN) & (index == UNKNOWN)
                if foreign.any():
                    label = int(told[name][foreign][0])
                    raise DataError(
                        f"{int(foreign.sum())} images have classes that the network {name}, which reads them, does not"
                        f" have; the first is class number {label}. Correct the classes or task.networks"
                    )

    def taking(self, num_images: int) -> list[Constraint]:
        """The constraints that take this many images.

        Those of examples that show one image several times are among them only where no other takes so many: nobody
        who gives images of different files asks for such a query.
        """
        pairs = zip(self.structures, self.constraints, strict=True)
        fitting = [(structure, constraint) for structure, constraint in pairs if len(constraint.slots) == num_images]
        distinct = [constraint for structure, constraint in fitting if not structure.first]
        return distinct or [constraint for _, constraint in fitting]

    def ask(self, log_probs: Float[Tensor, "images classes"]) -> dict[str, Asked]:
        """Each query that takes so many images, by its text, when these images fill its slots."""
        return {
            constraint.template.text: self._ask(constraint, log_probs) for constraint in self.taking(len(log_probs))
        }

    @torch.no_grad()
    def _ask(self, constraint: Constraint, log_probs: Float[Tensor, "images classes"]) -> Asked:
        one = torch.zeros(1, dtype=torch.long, device=log_probs.device)
        example = Examples(torch.arange(len(log_probs), device=log_probs.device)[None], one, one)
        values = constraint(self._given_kind(constraint, log_probs, example))[0].exp()
        asked = Asked(dict(zip(constraint.answers, values.tolist(), strict=True)), {})
        if constraint.why_not_read():
            return asked
        # Some answers: there may be thousands, and a copy of the circuit's values for each.
        for answer in values.topk(min(READ_ANSWERS, len(values))).indices[:, None]:
            found = self._read(constraint, log_probs, replace(example, answer=answer))
            (classes,), (posterior,) = found.classes, found.posterior
            if UNKNOWN not in classes:
                sure = posterior.gather(1, classes[:, None])[:, 0]
                asked.readings[constraint.answers[int(answer)]] = classes.tolist(), sure.tolist()
        return asked

    def why_not_read(self) -> str | None:
        """Why `read` is refused; None where it is not."""
        return next((fault for constraint in self.constraints if (fault := constraint.why_not_read())), None)

    @torch.no_grad()
    def read(self, log_probs: Float[Tensor, "images classes"], examples: Examples) -> Readings:
        """What the images are if the queries hold. An image that no network reads is what the classifier says.

        Raises:
            ProgramError: see `why_not_read`.
        """
        shape = (*examples.slots.shape, log_probs.shape[1])
        classes, posterior = torch.full_like(examples.slots, PADDING), widened(log_probs).new_zeros(shape)
        for constraint, rows, part in self._by_structure(examples):
            found = self._read(constraint, log_probs, part)
            width = found.classes.shape[1]
            classes[rows, :width], posterior[rows, :width] = found.classes, found.posterior
        return Readings(classes, posterior)

    def _read(self, constraint: Constraint, log_probs: Float[Tensor, "images classes"], examples: Examples) -> Readings:
        """What images are in examples of one structure."""
        given = self._given_kind(constraint, log_probs, examples)
        reading, found = constraint.most_probable(given, examples.answer), constraint.posterior(given, examples.answer)
        own = widened(log_probs)[examples.slots[:, : len(constraint.slots)]]
        classes, posterior = own.argmax(-1), own.exp()
        for name, columns in _columns(constraint):
            classes[:, columns] = self._classes(name)[reading.classes[name].clamp(min=0)]
            posterior[:, columns] = torch.zeros_like(own[:, columns]).index_copy(
                2, self._classes(name), found[name].to(own.dtype)
            )
        # A floored class counts as impossible, and so does an image that is of none of its network's classes.
        joint = reading.log_probability + self._log_kind(constraint, log_probs, examples)
        impossible = ~(joint > IMPOSSIBLE / 2)
        return Readings(
            classes.masked_fill(impossible.view(-1, 1), UNKNOWN),
            posterior.masked_fill(impossible.view(-1, 1, 1), torch.nan),
        )

    def _by_structure(self, examples: Examples) -> list[tuple[Constraint, Tensor | slice, Examples]]:
        """Each structure's constraint with the rows of its examples, and those."""
        if len(self.constraints) == 1:
            return [(self.constraints[0], slice(None), examples)]
        parts = list[tuple[Constraint, Tensor | slice, Examples]]()
        for number, constraint in enumerate(self.constraints):
            rows = torch.nonzero(examples.structure == number).flatten()
            if len(rows):
                parts.append((constraint, rows, examples[rows]))
        return parts

    def _given_kind(
        self, constraint: Constraint, log_probs: Float[Tensor, "images classes"], examples: Examples
    ) -> dict[str, Float[Tensor, "examples inputs classes"]]:
        """What each network says about its inputs: the classifier's distribution among the network's classes."""
        given, log_probs = {}, widened(log_probs)
        for name, rows in _reads(constraint, examples):
            read, classes = log_probs[rows], self._classes(name)
            given[name] = read if self._is_whole[name] else _floored(read[..., classes]).log_softmax(-1)
        return given

    def _log_kind(
        self, constraint: Constraint, log_probs: Float[Tensor, "images classes"], examples: Examples
    ) -> Float[Tensor, " examples"]:
        """log P(each image is of its network's kind)."""
        log_probs = widened(log_probs)
        total = log_probs.new_zeros(len(examples))
        for name, rows in _reads(constraint, examples):
            if not self._is_whole[name]:
                total = total + _floored(log_probs[rows][..., self._classes(name)]).logsumexp(-1).sum(1)
        return total

    def _known(self, constraint: Constraint, examples: Examples) -> dict[str, Int[Tensor, "examples inputs"]]:
        """The known classes as each network counts them."""
        assert examples.known is not None
        return {name: self._class_of(name, told) for name, told in _at_inputs(constraint, examples.known)}

    def _class_of(self, network: str, classes: Int[Tensor, " *shape"]) -> Int[Tensor, " *shape"]:
        """The network's number of each of the classifier's classes; -1 for foreign and unknown ones."""
        matches = classes.unsqueeze(-1) == self._classes(network)
        return torch.where(matches.any(-1), matches.int().argmax(-1), UNKNOWN)

    def _classes(self, network: str) -> Int[Tensor, " classes"]:
        classes: Tensor = getattr(self, f"classes_{self._number[network]}")
        return classes


def _reads(constraint: Constraint, examples: Examples) -> list[tuple[str, Int[Tensor, "examples inputs"]]]:
    """Which images each network reads in each example."""
    return _at_inputs(constraint, examples.slots)


def _at_inputs(
    constraint: Constraint, of_slots: Int[Tensor, "examples slots"]
) -> list[tuple[str, Int[Tensor, "examples inputs"]]]:
    """What is known of slots, for the slots that each network reads."""
    return [(name, of_slots[:, columns]) for name, columns in _columns(constraint)]


def _columns(constraint: Constraint) -> list[tuple[str, list[int]]]:
    """The positions of the slots that each network reads."""
    position = {name: index for index, name in enumerate(constraint.slots)}
    return [(name, [position[slots[0]] for slots in shape.inputs]) for name, shape in constraint.networks.items()]


def _floored(log_probs: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Impossible classes as hardly possible ones: the gradient of a sum of nothing but impossible ones is no number."""
    return log_probs.clamp(min=IMPOSSIBLE)
