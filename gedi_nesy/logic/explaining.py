"""Why a query is as probable as it is: its most probable world, and what each image contributes to the gradient."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from gedi_nesy.errors import Position, ProgramError
from gedi_nesy.logic.circuit import FALSE, TRUE, Circuit
from gedi_nesy.logic.formula import Answer, Choice, Constant, NeuralSource
from gedi_nesy.logic.query import QueryTemplate

Distribution = Sequence[float]


@dataclass(frozen=True)
class Contribution:
    """What a random variable contributes to log P(answer).

    Attributes:
        choices: indices of the circuit's choices that are drawn from it.
        gradient: d log P / d log p of each class p.
        share: the part of the gradient in the logits that is its own, by absolute values; shares sum to 1, or are all 0.
    """

    choices: tuple[int, ...]
    gradient: tuple[float, ...]
    share: float


@dataclass(frozen=True)
class Explanation:
    """An answer, looked into.

    Attributes:
        probabilities: of every answer, given the evidence.
        answer: the one that the rest is about.
        world: the class of each choice in the most probable world in which the answer holds; None if none is possible.
        world_probability: its probability; that of the evidence is not divided out.
        contributions: one for each random variable.
    """

    probabilities: dict[Answer, float]
    answer: Answer
    world: tuple[int, ...] | None
    world_probability: float
    contributions: tuple[Contribution, ...]


def explain(
    circuit: Circuit, template: QueryTemplate, probabilities: Sequence[Distribution], answer: Answer | None = None
) -> Explanation:
    """The probabilities of a query's answers, and what one of them rests on.

    Args:
        circuit: of the template's query.
        template: named in errors.
        probabilities: of the classes of each choice of the circuit.
        answer: the one to look into, by default the most probable.

    Raises:
        ProgramError: there is no such answer, or the evidence has probability 0.
    """
    values = _values(circuit, probabilities)
    where = Position(f"query {template.text}")
    if values[circuit.evidence] == 0:
        raise ProgramError(
            "the evidence has probability 0 under these probabilities, so nothing follows from it", where
        )
    of_answer = {
        known: values[root] / values[circuit.evidence]
        for known, root in zip(circuit.answers, circuit.roots, strict=True)
    }
    chosen = max(of_answer, key=lambda known: of_answer[known]) if answer is None else answer
    if chosen not in of_answer:
        known = ", ".join(map(",".join, circuit.answers[:20])) + (", ..." if len(circuit.answers) > 20 else "")
        raise ProgramError(f"({','.join(chosen)}) is no answer of the query. Answers: {known}", where)
    root = circuit.roots[circuit.answers.index(chosen)]
    world, world_probability = _best_world(circuit, probabilities, root)
    gradients = _gradients(circuit, probabilities, values, root)
    return Explanation(of_answer, chosen, world, world_probability, _contributions(circuit, probabilities, gradients))


def uniform(circuit: Circuit) -> list[Distribution]:
    """The probabilities of each choice when nothing is known of the images; learnable ones stand at their start."""
    return [_own(choice) or (1 / choice.num_classes,) * choice.num_classes for choice in circuit.choices]


def _own(choice: Choice) -> Distribution | None:
    """The probabilities that the program gives a choice; None for a network's."""
    if isinstance(choice.source, NeuralSource):
        return None
    return choice.source.probabilities if isinstance(choice.source, Constant) else choice.source.initial


def _values(circuit: Circuit, probabilities: Sequence[Distribution]) -> dict[int, float]:
    """P of each node."""
    values = {TRUE: 1.0, FALSE: 0.0}
    for number, node in enumerate(circuit.nodes):
        own = probabilities[node.choice]
        values[number] = sum(own[class_index] * values[child] for class_index, child in node.edges)
    return values


def _best_world(
    circuit: Circuit, probabilities: Sequence[Distribution], root: int
) -> tuple[tuple[int, ...] | None, float]:
    """The most probable classes of all choices under which a node holds, and their probability.

    A choice that a path skips takes its most probable class: values are relative to that of every choice.
    """
    best = [max(own) for own in probabilities]
    values = {TRUE: 1.0, FALSE: 0.0}
    edge_of: dict[int, tuple[int, int]] = {}
    for number, node in enumerate(circuit.nodes):
        own, top = probabilities[node.choice], best[node.choice]
        edge_of[number] = max(node.edges, key=lambda edge: own[edge[0]] * values[edge[1]])
        class_index, child = edge_of[number]
        values[number] = own[class_index] / top * values[child]
    if values[root] == 0:
        return None, 0.0
    world = [own.index(top) for own, top in zip(map(list, probabilities), best, strict=True)]
    node_number = root
    while node_number != TRUE:
        class_index, child = edge_of[node_number]
        world[circuit.nodes[node_number].choice] = class_index
        node_number = child
    probability = 1.0
    for own, class_index in zip(probabilities, world, strict=True):
        probability *= own[class_index]
    return tuple(world), probability


def _gradients(
    circuit: Circuit, probabilities: Sequence[Distribution], values: dict[int, float], root: int
) -> list[list[float]]:
    """d (log P(root) - log P(evidence)) / d log p for each class of each choice; 0 where the root is impossible."""
    gradients = [[0.0] * choice.num_classes for choice in circuit.choices]
    flows: dict[int, float] = defaultdict(float)
    if values[root] == 0:
        return gradients
    flows[root] += 1 / values[root]
    flows[circuit.evidence] -= 1 / values[circuit.evidence]
    for number in reversed(range(circuit.num_nodes)):
        node = circuit.nodes[number]
        for class_index, child in node.edges if flows[number] else ():
            flow = flows[number] * probabilities[node.choice][class_index]
            flows[child] += flow
            gradients[node.choice][class_index] += flow * values[child]
    return gradients


def _contributions(
    circuit: Circuit, probabilities: Sequence[Distribution], gradients: Sequence[Sequence[float]]
) -> tuple[Contribution, ...]:
    members: dict[object, list[int]] = defaultdict(list)
    for index, choice in enumerate(circuit.choices):
        # Two coins of equal probabilities are two coins; two choices of one network for one image are one variable.
        members[index if isinstance(choice.source, Constant) else choice.source].append(index)
    totals = [
        [sum(parts) for parts in zip(*(gradients[index] for index in indices), strict=True)]
        for indices in members.values()
    ]
    sizes = [
        _logit_gradient(total, probabilities[indices[0]])
        for total, indices in zip(totals, members.values(), strict=True)
    ]
    return tuple(
        Contribution(tuple(indices), tuple(total), size / (sum(sizes) or 1.0))
        for indices, total, size in zip(members.values(), totals, sizes, strict=True)
    )


def _logit_gradient(gradient: Sequence[float], own: Distribution) -> float:
    """Sum of the absolute values of d log P / d logit."""
    total = sum(gradient)
    return sum(abs(part - probability * total) for part, probability in zip(gradient, own, strict=True))
