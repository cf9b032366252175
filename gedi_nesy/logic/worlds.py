"""Worlds in which a query can be proved: what training examples are made of when images have labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gedi_nesy.errors import Position, ProgramError
from gedi_nesy.logic.circuit import Circuit
from gedi_nesy.logic.constraint import LOG_HALF
from gedi_nesy.logic.evaluation import CircuitEvaluator
from gedi_nesy.logic.formula import Choice, Constant, NeuralSource
from gedi_nesy.logic.known_classes import one_hot_log
from gedi_nesy.logic.query import QueryTemplate


@dataclass(frozen=True)
class Worlds:
    """Readings of a query's slots.

    Attributes:
        classes: of each slot, as an index into the domain of the network that reads it.
        answer: index of an answer that holds.
        networks: for each slot the network that reads it; None if the answers depend on no class of the slot.
    """

    classes: Int[Tensor, "worlds slots"]
    answer: Int[Tensor, " worlds"]
    networks: tuple[str | None, ...]


@torch.no_grad()
def sample_worlds(circuit: Circuit, template: QueryTemplate, num: int, generator: torch.Generator) -> Worlds:
    """Classes of the slots, uniform among those for which some answer is provable, and an answer of each.

    Where the program has chance of its own, readings are uniform and chance is as the program says, both given that some
    answer (and the evidence) holds. Choice by choice: the circuit's gradient is the distribution of a choice given what
    the earlier ones drew, so no draw is rejected. An answer is drawn uniformly among those that hold. For the sum triple
    these are exactly the paper's triples: a and b uniform with a + b <= 9 (GEDI 2024, appendix N). Slots that no answer
    looks at get class 0: any image will do.

    Raises:
        ProgramError: an image is read by two choices, whose classes the label of the image cannot both be.
    """
    slots = _slots_of_choices(circuit, template)
    starts = _starts(circuit)
    nothing = torch.empty(0, dtype=torch.float64)  # an answer that always holds leaves no choices
    rows = torch.cat([nothing, *map(_prior, circuit.choices)]).unsqueeze(1).repeat(1, num)
    any_answer = CircuitEvaluator(circuit, roots=[circuit.any_answer])
    drawn: dict[int, Tensor] = {}
    for index in sorted(range(len(starts)), key=lambda index: slots.get(index, len(template.slots))):
        choice = circuit.choices[index]
        own = slice(starts[index], starts[index] + choice.num_classes)
        drawn[index] = torch.multinomial(_posterior(any_answer, rows, own).T, 1, generator=generator).squeeze(1)
        rows[own] = one_hot_log(drawn[index], choice.num_classes).T.double()
    provable = (CircuitEvaluator(circuit)(rows) > LOG_HALF).double()
    classes = torch.zeros(num, len(template.slots), dtype=torch.long)
    networks: list[str | None] = [None] * len(template.slots)
    for index, slot in slots.items():
        source = circuit.choices[index].source
        assert isinstance(source, NeuralSource)
        classes[:, slot], networks[slot] = drawn[index], source.network
    return Worlds(classes, torch.multinomial(provable.T, 1, generator=generator).squeeze(1), tuple(networks))


def _posterior(
    any_answer: CircuitEvaluator, rows: Float[Tensor, "weights worlds"], own: slice
) -> Float[Tensor, "classes worlds"]:
    """P(class of a choice | some answer holds, what other choices have drawn)."""
    with torch.enable_grad():
        leaf = rows.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(any_answer(leaf).sum(), leaf)
    decided = gradient[own]
    # Proofs that never look at the choice have no gradient there; they leave its prior as it is.
    undecided = (1 - decided.sum(0, keepdim=True)).clamp(min=0.0)
    return decided + undecided * rows[own].exp()


def _prior(choice: Choice) -> Float[Tensor, " classes"]:
    if isinstance(choice.source, NeuralSource):
        return torch.zeros(choice.num_classes, dtype=torch.float64).log_softmax(0)
    own = choice.source.probabilities if isinstance(choice.source, Constant) else choice.source.initial
    return torch.tensor(own, dtype=torch.float64).log()


def _starts(circuit: Circuit) -> list[int]:
    sizes = [choice.num_classes for choice in circuit.choices]
    return [sum(sizes[:index]) for index in range(len(sizes))]


def _slots_of_choices(circuit: Circuit, template: QueryTemplate) -> dict[int, int]:
    """The slot that each neural choice reads."""
    slots: dict[int, int] = {}
    for index, choice in enumerate(circuit.choices):
        if not isinstance(choice.source, NeuralSource):
            continue
        if len(choice.source.slots) > 1 or choice.source.slots[0] in slots.values():
            fault = (
                f"{choice.source.network} reads several images at once"
                if len(choice.source.slots) > 1
                else "the program makes two choices for one image"
            )
            raise ProgramError(f"worlds cannot be drawn: {fault}", Position(f"query {template.text}"))
        slots[index] = choice.source.slots[0]
    return slots
