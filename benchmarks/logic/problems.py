"""What is measured: a query of a program, ground."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from gedi_nesy.logic.compiling import choice_order
from gedi_nesy.logic.constraint import ConstraintSpec
from gedi_nesy.logic.cycles import components
from gedi_nesy.logic.formula import And, Atom, Choice, Formula, NeuralSource, Or
from gedi_nesy.logic.from_program import specify
from gedi_nesy.logic.grounding import ground

PROGRAMS = Path(__file__).parents[2] / "programs"


class NotPossible(Exception):
    """A route does not exist for a problem, or not on this machine; says why."""


@dataclass(frozen=True)
class Problem:
    """A query of a program with one network, whose inputs are the query's images in order.

    Attributes:
        name: as printed.
        file: of the program.
        query: its other variables are label columns.
        networks: the network and the variables that it reads.
        lengths: of lists of images.
        literal: name of the formula that a person would write for it, where there is one.
    """

    name: str
    file: str
    query: str
    networks: Mapping[str, Sequence[str]]
    lengths: Mapping[str, int] = field(default_factory=dict)
    literal: str = ""

    @cached_property
    def spec(self) -> ConstraintSpec:
        """What a backend is given."""
        return specify(PROGRAMS / self.file, self.query, self.networks, self.lengths)

    @cached_property
    def formula(self) -> Formula:
        """The ground program."""
        return ground(self.spec.program, self.spec.template)

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Number of images and of classes."""
        (shape,) = self.spec.networks.values()
        return len(shape.inputs), shape.num_classes

    @cached_property
    def order(self) -> list[int]:
        """The choices in the order that we find."""
        return choice_order(self.formula, components(self.formula))

    def nodes(self) -> Iterator[tuple[int, Atom | And | Or]]:
        """Key and node of what the answers need, children first.

        Raises:
            NotPossible: the ground program has cycles, which only we take.
        """
        for keys in components(self.formula):
            if len(keys) > 1:
                raise NotPossible("the ground program has cycles")
            yield keys[0], self.formula.nodes[keys[0] - 1]

    def columns(self, choice: Choice) -> range:
        """Where the probabilities of a choice stand when all of an example's are laid out image by image."""
        assert isinstance(choice.source, NeuralSource)
        start = choice.source.slots[0] * self.shape[1]
        return range(start, start + choice.num_classes)

    def inputs(self, batch: int, num_answers: int, device: str) -> tuple[Tensor, Tensor]:
        """Log-probabilities (examples, slots, classes) and an answer for each example, the same for all routes."""
        generator = torch.Generator().manual_seed(0)
        logits = torch.randn(batch, *self.shape, generator=generator)
        answer = torch.randint(num_answers, (batch,), generator=generator)
        return logits.log_softmax(2).to(device), answer.to(device)


def _long_addition(num_digits: int) -> Problem:
    """The sum 1010...: each column has many proofs, and some carry."""
    total = [index % 2 for index in range(1, num_digits + 2)]
    return Problem(
        f"addition, {num_digits} digits",
        "multi_digit_addition.pl",
        f"addition(First, Second, {total})",
        {"digit_net": ["First", "Second"]},
        {"First": num_digits, "Second": num_digits},
    )


SPEED = (
    Problem("sum triple", "mnist_addition.pl", "sum_holds(A, B, C)", {"mnist_net": ["A", "B", "C"]}, literal="triple"),
    Problem(
        "addition with label",
        "addition_with_label.pl",
        "addition(A, B, Total)",
        {"mnist_net": ["A", "B"]},
        literal="addition",
    ),
)
SCALE = (
    *map(_long_addition, (1, 2, 4, 8, 15, 50)),
    Problem("parity, 20 bits", "parity.pl", "parity(Bits, Parity)", {"bit_net": ["Bits"]}, {"Bits": 20}),
    Problem("sudoku, 4x4", "sudoku.pl", "sudoku(Cells, Cage)", {"digit_net": ["Cells"]}, {"Cells": 16}),
    Problem(
        "sorting, 4 digits", "sorting.pl", "sorting(Images, [P, Q, R, S])", {"digit_net": ["Images"]}, {"Images": 4}
    ),
    Problem(
        "shortest path, 4x4", "shortest_path.pl", "shortest_path(Map, Cost)", {"terrain_net": ["Map"]}, {"Map": 16}
    ),
)
