"""The circuit backend: one circuit, compiled once, for every example of a constraint."""

from __future__ import annotations

import itertools
import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gedi_nesy.logic.circuit import TRUE, Circuit
from gedi_nesy.logic.constraint import Constraint, ConstraintSpec, PerNetwork, one_hot_log
from gedi_nesy.logic.evaluation import CircuitEvaluator
from gedi_nesy.logic.formula import Choice, Constant, Learnable, NeuralSource, Source
from gedi_nesy.logic.learnable import LearnableProbabilities
from gedi_nesy.logic.limits import Limits, compiled_circuit
from gedi_nesy.logic.networks import check_networks, unbound_input

MAX_PRODUCTS = 10_000_000  # of a look at all classes; a second or less


def build_constraint(spec: ConstraintSpec, limits: Limits | None = None) -> CircuitConstraint:
    """Ground and compile a query, or find its circuit in the cache.

    Raises:
        ProgramError: from any stage, or when a neural predicate does not fit its network.
    """
    check_networks(spec)
    circuit = compiled_circuit(spec.program, spec.template, limits or Limits(), complements=spec.complements)
    return CircuitConstraint(circuit, spec)


class CircuitConstraint(Constraint):
    """log P(query | images) by a compiled circuit.

    The evaluator's rows are the classes of each input of each network, then the program's own probabilities.

    Args:
        circuit: of the spec's query.
        spec: names slots, labels and networks.
    """

    constant_log_probs: Tensor

    def __init__(self, circuit: Circuit, spec: ConstraintSpec) -> None:
        super().__init__(spec, circuit.answers)
        self.circuit = circuit
        self.has_chance = not all(map(_is_neural, circuit.choices))  # not every query needs the program's
        self.learnable = LearnableProbabilities() if spec.learnable is None else spec.learnable
        self.first_row = self._lay_out_rows()
        has_evidence = circuit.evidence != TRUE
        self._evidence = len(circuit.roots) + len(circuit.complements) if has_evidence else None
        roots = (*circuit.roots, *circuit.complements, *([circuit.evidence] if has_evidence else []))
        self.evaluator = CircuitEvaluator(circuit, self.first_row, roots)

    def forward(self, log_probs: PerNetwork) -> Float[Tensor, "examples answers"]:
        """log P of every answer given the evidence; see `Constraint.forward`."""
        joint: Tensor = self.evaluator(self.rows(log_probs))
        answers = joint[: len(self.answers)]
        return (answers if self._evidence is None else _given(answers, joint[-1:])).T

    def log_probability(
        self, log_probs: PerNetwork, answer: Int[Tensor, " examples"] | None = None
    ) -> Float[Tensor, " examples"]:
        """log P(query with this answer | images, evidence); see `Constraint.log_probability`."""
        return self._of_root(log_probs, answer, 0)

    def log_complement(
        self, log_probs: PerNetwork, answer: Int[Tensor, " examples"] | None = None
    ) -> Float[Tensor, " examples"]:
        """log P(not the query | images, evidence), by a circuit of its own; see `Constraint.log_complement`."""
        if not self.circuit.complements:
            raise ValueError("targets other than 1 need a constraint built with complements=True")
        return self._of_root(log_probs, answer, len(self.answers))

    @torch.no_grad()
    def best(self) -> Float[Tensor, " answers"] | None:
        """All classes are tried, if that does not take long; see `Constraint.best`."""
        sources = {choice.source: choice.num_classes for choice in self.circuit.choices if _is_neural(choice)}
        if len(sources) < sum(map(_is_neural, self.circuit.choices)):
            return None  # of two draws from one distribution the best may be that neither is certain
        if math.prod(sources.values()) * self.circuit.num_edges > MAX_PRODUCTS:
            return None
        worlds = torch.tensor(list(itertools.product(*map(range, sources.values()))))
        columns: dict[Source, Tensor] = dict(zip(sources, worlds.T, strict=True))
        anything = torch.zeros(len(worlds), dtype=torch.long)
        certain = {}
        for name, shape in self.networks.items():
            inputs = [NeuralSource(name, tuple(map(self.slots.index, slots))) for slots in shape.inputs]
            classes = torch.stack([columns.get(source, anything) for source in inputs], 1)
            certain[name] = one_hot_log(classes, shape.num_classes).to(self.constant_log_probs.device)
        joint: Tensor = self(certain)
        return joint.amax(0)

    def size(self) -> dict[str, int]:
        """Random choices, decisions and products."""
        circuit = self.circuit
        return {"choices": len(circuit.choices), "nodes": circuit.num_nodes, "edges": circuit.num_edges}

    def _of_root(
        self, log_probs: PerNetwork, answer: Int[Tensor, " examples"] | None, first: int
    ) -> Float[Tensor, " examples"]:
        """log P of each example's root given the evidence; `first` is the root of answer 0."""
        rows = self.rows(log_probs)
        root = self._answer_of_each(answer, rows.shape[1], rows.device) + first
        if self._evidence is None:
            values: Tensor = self.evaluator(rows, root.unsqueeze(0))
            return values[0]
        joint, evidence = self.evaluator(rows, torch.stack([root, torch.full_like(root, self._evidence)]))
        return _given(joint, evidence)

    def rows(self, log_probs: PerNetwork) -> Float[Tensor, "weights examples"]:
        """The evaluator's input: see the class."""
        # Half precision would round the program's own probabilities too.
        tensors = [tensor if tensor.dtype == torch.float64 else tensor.float() for tensor in self._checked(log_probs)]
        parts = [tensor.flatten(1).T for tensor in tensors]
        own = self._own_log_probs()
        if len(own):
            parts.append(own.to(parts[0].dtype).unsqueeze(1).expand(-1, parts[0].shape[1]))
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def _own_log_probs(self) -> Float[Tensor, " weights"]:
        """The probabilities that the program states or learns."""
        if not self._learnable_sources:
            return self.constant_log_probs
        learned = [self.learnable.log_probs(source) for source in self._learnable_sources]
        return torch.cat([self.constant_log_probs, *(values.double() for values in learned)])

    def _lay_out_rows(self) -> list[int]:
        """For each choice of the circuit the row at which its classes begin; choices of one source share rows."""
        self._input_rows: dict[tuple[str, tuple[str, ...]], int] = {}
        end = 0
        for name, shape in self.networks.items():
            for slots in shape.inputs:
                self._input_rows[name, slots] = end
                end += shape.num_classes
        sources = [choice.source for choice in self.circuit.choices]
        constants = tuple(dict.fromkeys(source for source in sources if isinstance(source, Constant)))
        self._learnable_sources = tuple(dict.fromkeys(source for source in sources if isinstance(source, Learnable)))
        probabilities = torch.tensor([p for source in constants for p in source.probabilities], dtype=torch.float64)
        self.register_buffer("constant_log_probs", probabilities.log(), persistent=False)
        first: dict[Source, int] = {}
        for source in constants:
            first[source], end = end, end + len(source.probabilities)
        for learnable in self._learnable_sources:
            self.learnable.add(learnable)
            first[learnable], end = end, end + len(learnable.initial)
        return [self._input_row(source) if isinstance(source, NeuralSource) else first[source] for source in sources]

    def _input_row(self, source: NeuralSource) -> int:
        slots = tuple(self.slots[index] for index in source.slots)
        if (source.network, slots) not in self._input_rows:
            raise unbound_input(self.template, source.network, slots, self.networks[source.network])
        return self._input_rows[source.network, slots]


def _is_neural(choice: Choice) -> bool:
    return isinstance(choice.source, NeuralSource)


def _given(joint: Float[Tensor, "*shape"], evidence: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """log P given the evidence. Impossible evidence would make this -inf - -inf; with the limit it is -inf."""
    return joint - evidence.clamp(min=torch.finfo(joint.dtype).min)
