"""Instances of a query over a set of images, and what those have in common that one circuit serves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gedi_nesy.logic.known_classes import UNKNOWN
from gedi_nesy.logic.query import QueryTemplate

PADDING = -1  # the slot is not there in an example of this structure


@dataclass(frozen=True)
class Structure:
    """What examples have in common when one circuit serves them.

    Attributes:
        lengths: of each list of images.
        constants: value of each constant.
        first: slot i holds the same image as slot `first[i]`; empty when all images differ.
    """

    lengths: tuple[tuple[str, int], ...] = ()
    constants: tuple[tuple[str, str], ...] = ()
    first: tuple[int, ...] = ()

    def bind(self, template: QueryTemplate) -> QueryTemplate:
        """The template for examples of this structure."""
        bound = template.bind(dict(self.lengths), dict(self.constants))
        return bound.identify(self.first) if self.first else bound

    def __str__(self) -> str:
        lists = [f"{name} of {length} images" for name, length in self.lengths]
        values = [f"{name} = {value}" for name, value in self.constants]
        shared = [
            f"slots {index + 1} and {first + 1} one image" for index, first in enumerate(self.first) if first < index
        ]
        return ", ".join(lists + values + shared) or "one structure"


@dataclass(frozen=True)
class Examples:
    """Instances of a query over a set of images.

    Attributes:
        slots: for each example and slot the row of its image; -1 where its structure has no such slot.
        answer: for each example the index of its answer among those of its structure.
        structure: for each example the index of its structure.
        target: the probability with which the query is said to hold; None: all hold.
        known: for each example and slot the class of its image where it is known, -1 elsewhere; None: nothing is known.
    """

    slots: Int[Tensor, "examples slots"]
    answer: Int[Tensor, " examples"]
    structure: Int[Tensor, " examples"]
    target: Float[Tensor, " examples"] | None = None
    known: Int[Tensor, "examples slots"] | None = None

    def __len__(self) -> int:
        return len(self.slots)

    def __getitem__(self, rows: Tensor | slice) -> Examples:
        """Some of the examples."""
        return Examples(*(None if tensor is None else tensor[rows] for tensor in self._tensors()))  # type: ignore[arg-type]

    def to(self, device: torch.device) -> Examples:
        """The same examples on a device, on the way to a GPU without waiting for what it is doing."""
        waits = device.type == "cpu"
        moved = (None if tensor is None else tensor.to(device, non_blocking=not waits) for tensor in self._tensors())
        return Examples(*moved)  # type: ignore[arg-type]

    def of_images(self, slots: Int[Tensor, "examples slots"]) -> Examples:
        """The same examples over images that are numbered anew."""
        return replace(self, slots=slots)

    @classmethod
    def joined(cls, parts: Sequence[Examples]) -> Examples:
        """The examples of several structures, padded to the same number of slots."""
        width = max(part.slots.shape[1] for part in parts)
        slots = torch.cat([_padded(part.slots, width, PADDING) for part in parts])
        answer, structure = (torch.cat([getattr(part, name) for part in parts]) for name in ("answer", "structure"))
        target = known = None
        if any(part.target is not None for part in parts):
            target = torch.cat([torch.ones(len(part)) if part.target is None else part.target for part in parts])
        if any(part.known is not None for part in parts):
            nothing = (torch.full_like(part.slots, UNKNOWN) if part.known is None else part.known for part in parts)
            known = torch.cat([_padded(classes, width, UNKNOWN) for classes in nothing])
        return cls(slots, answer, structure, target, known)

    def _tensors(self) -> tuple[Tensor | None, ...]:
        return self.slots, self.answer, self.structure, self.target, self.known


def _padded(tensor: Int[Tensor, "examples slots"], width: int, value: int) -> Int[Tensor, "examples width"]:
    return torch.nn.functional.pad(tensor, (0, width - tensor.shape[1]), value=value)
