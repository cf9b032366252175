"""Ways from class probabilities to a loss: ours, what a person would write for one program, enumeration, the reference."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from gedi_nesy_plugins.backends.deepproblog import build_constraint as build_reference
from torch import Tensor

from gedi_nesy.logic.circuit_constraint import CircuitConstraint
from gedi_nesy.logic.compiling import compile
from gedi_nesy.logic.formula import And, Atom, NeuralSource

from .problems import NotPossible, Problem

MAX_WORLDS = 10_000


@dataclass(frozen=True)
class Route:
    """Mean -log P(answer) from class probabilities (examples, slots, classes).

    Attributes:
        loss: of the probabilities, or their logarithms, and the index of each example's answer.
        size: of what is evaluated, as printed.
        takes_logs: whether it starts from log-probabilities.
        max_batch: more examples at once change nothing, so that fewer are measured.
    """

    loss: Callable[[Tensor, Tensor], Tensor]
    size: str
    takes_logs: bool = False
    max_batch: int = 1_000_000


def circuit(problem: Problem, device: str) -> Route:
    """Ours."""
    constraint = CircuitConstraint(compile(problem.formula), problem.spec).to(device)
    num_answers = len(problem.formula.roots)

    def loss(log_probs: Tensor, answer: Tensor) -> Tensor:
        return constraint.loss(log_probs, answer if num_answers > 1 else None)

    return Route(
        loss, f"{constraint.circuit.num_nodes:,} nodes, {constraint.circuit.num_edges:,} edges", takes_logs=True
    )


def literal(problem: Problem, device: str) -> Route:
    """The formula that a person would write for this one program: outer product, matrix product, log."""
    if not problem.literal:
        raise NotPossible("nobody would write it")
    totals = torch.arange(10)[:, None] + torch.arange(10)
    num_sums = 10 if problem.literal == "triple" else 19
    is_sum = (totals.flatten()[:, None] == torch.arange(num_sums)).float().to(device)

    def loss(probs: Tensor, answer: Tensor) -> Tensor:
        pairs = (probs[:, 0, :, None] * probs[:, 1, None, :]).flatten(1)
        sums = pairs @ is_sum  # (examples, sums)
        if problem.literal == "triple":
            return -(sums * probs[:, 2]).sum(1).log().mean()
        return -sums.gather(1, answer[:, None]).log().mean()

    return Route(loss, "100 pairs")


def enumeration(problem: Problem, device: str) -> Route:
    """The probabilities of the satisfying worlds, one by one."""
    num_slots, num_classes = problem.shape
    if num_classes**num_slots > MAX_WORLDS:
        raise NotPossible(f"{num_classes}^{num_slots} worlds")
    worlds = torch.tensor(list(itertools.product(range(num_classes), repeat=num_slots)))
    holds = _satisfied(problem, worlds)
    satisfying = holds.any(1)
    index = worlds[satisfying].to(device)
    answers_of_worlds = holds[satisfying].float().to(device)
    slots = torch.arange(num_slots, device=device)

    def loss(probs: Tensor, answer: Tensor) -> Tensor:
        of_answers = probs[:, slots, index].prod(2) @ answers_of_worlds
        return -of_answers.gather(1, answer[:, None]).log().mean()

    return Route(loss, f"{len(index):,} worlds")


def deepproblog(problem: Problem, device: str) -> Route:
    """DeepProbLog's exact engine with its cache warm; it has no batches and no GPU."""
    constraint = build_reference(problem.spec)

    def loss(log_probs: Tensor, answer: Tensor) -> Tensor:
        found: Tensor = constraint.loss(log_probs.cpu(), answer.cpu())
        return found

    return Route(loss, "one query each", takes_logs=True, max_batch=2)


def _satisfied(problem: Problem, worlds: Tensor) -> Tensor:
    """(worlds, answers): which answer holds where, read off the ground program."""
    nodes: dict[int, Tensor] = {}

    def of(key: int) -> Tensor:
        if key == 0:
            return torch.ones(len(worlds), dtype=torch.bool)
        return nodes[key] if key > 0 else ~nodes[-key]

    for key, node in problem.nodes():
        if isinstance(node, Atom):
            source = problem.formula.choices[node.choice].source
            assert isinstance(source, NeuralSource)
            nodes[key] = worlds[:, source.slots[0]] == node.class_index
        else:
            below = torch.stack([of(literal) for literal in node.literals])
            nodes[key] = below.all(0) if isinstance(node, And) else below.any(0)
    return torch.stack([of(key) for key in problem.formula.roots.values()], dim=1)
