"""The circuit backend: one circuit, compiled once, for every example of a constraint."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gedi_nesy.logic.circuit import TRUE, Circuit
from gedi_nesy.logic.constraint import Constraint, ConstraintSpec, MostProbable, PerNetwork
from gedi_nesy.logic.evaluation import CircuitEvaluator
from gedi_nesy.logic.formula import Choice, Constant, Learnable, NeuralSource, Source
from gedi_nesy.logic.known_classes import UNKNOWN, one_hot_log
from gedi_nesy.logic.learnable import LearnableProbabilities
from gedi_nesy.logic.limits import Limits, compiled_circuit
from gedi_nesy.logic.networks import check_networks, unbound_input
from gedi_nesy.models.precision import widened

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

    def why_not_read(self) -> str | None:
        """A network that makes two choices for one image does not say which is its class; see `Constraint.why_not_read`."""
        draws = Counter(choice.source for choice in self.circuit.choices if isinstance(choice.source, NeuralSource))
        twice = next((source for source, number in draws.items() if number > 1), None)
        if twice is None:
            return None
        image = "+".join(self.slots[slot] for slot in twice.slots)
        return f"the network {twice.network} makes several choices for {image}, and each may be another class"

    @torch.no_grad()
    def _most_probable(self, log_probs: Mapping[str, Tensor], answer: Int[Tensor, " examples"] | None) -> MostProbable:
        """By the largest product of the circuit."""
        own = torch.split(self._own_log_probs(), self._own_sizes)
        relative = self._stacked(
            [tensor - tensor.amax(-1, keepdim=True) for tensor in log_probs.values()],
            [part - part.max() for part in own],
        )
        root = self._answer_of_each(answer, relative.shape[1], relative.device)
        value, needed = self.evaluator.most_probable(relative, root)
        # Where a world needs no class of an input, the most probable one will do, which stands at 0.
        chosen = self._by_network(relative.masked_fill(needed, torch.inf))
        classes = {name: part.argmax(-1) for name, part in chosen.items()}
        is_impossible = ~(value > -torch.inf)
        log_probability = self._log_joint(log_probs, classes, root).masked_fill(is_impossible, -torch.inf)
        return MostProbable(
            {name: part.masked_fill(is_impossible.unsqueeze(1), UNKNOWN) for name, part in classes.items()},
            log_probability,
        )

    def _posterior(
        self, log_probs: Mapping[str, Tensor], answer: Int[Tensor, " examples"] | None
    ) -> dict[str, Float[Tensor, "examples inputs classes"]]:
        """By the gradient of log P(answer, evidence)."""
        with torch.inference_mode(False), torch.enable_grad():
            # A copy, as the caller may be in inference mode.
            rows = self.rows(log_probs).detach().clone().requires_grad_()
            root = self._answer_of_each(answer, rows.shape[1], rows.device)
            (joint,) = self.evaluator(rows, root.unsqueeze(0))
            (gradient,) = torch.autograd.grad(joint.sum(), rows)
        given, shares = self._by_network(rows.detach()), self._by_network(gradient)
        # Worlds that need no class of an input leave it its own distribution.
        left = {name: (1 - share.sum(-1, keepdim=True)).clamp(min=0) for name, share in shares.items()}
        found = {name: share + left[name] * given[name].exp() for name, share in shares.items()}
        is_impossible = ~(joint.detach() > -torch.inf).view(-1, 1, 1)
        return {name: part.masked_fill(is_impossible, torch.nan) for name, part in found.items()}

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

    def _log_joint(
        self, log_probs: Mapping[str, Tensor], classes: Mapping[str, Tensor], root: Int[Tensor, " examples"]
    ) -> Float[Tensor, " examples"]:
        """log P(these classes and the answer | evidence)."""
        certain = {
            name: one_hot_log(index, self.networks[name].num_classes).to(log_probs[name].dtype)
            for name, index in classes.items()
        }
        of_classes = [log_probs[name].gather(-1, index.unsqueeze(-1)).sum((1, 2)) for name, index in classes.items()]
        (given_classes,) = self.evaluator(self.rows(certain), root.unsqueeze(0))
        joint: Tensor = given_classes + sum(of_classes)
        if self._evidence is None:
            return joint
        (evidence,) = self.evaluator(self.rows(log_probs), torch.full_like(root, self._evidence).unsqueeze(0))
        return _given(joint, evidence)

    def rows(self, log_probs: PerNetwork) -> Float[Tensor, "weights examples"]:
        """The evaluator's input: see the class."""
        return self._stacked(self._checked(log_probs), [self._own_log_probs()])

    def _stacked(
        self, tensors: Sequence[Float[Tensor, "examples inputs classes"]], own: Sequence[Float[Tensor, " weights"]]
    ) -> Float[Tensor, "weights examples"]:
        """What networks say, and what the program says itself for each example."""
        # Half precision would round the program's own probabilities too.
        parts = [widened(tensor).flatten(1).T for tensor in tensors]
        parts += [part.to(parts[0].dtype).unsqueeze(1).expand(-1, parts[0].shape[1]) for part in own if len(part)]
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def _by_network(
        self, rows: Float[Tensor, "weights examples"]
    ) -> dict[str, Float[Tensor, "examples inputs classes"]]:
        """Rows of each network's inputs, in the form of what it says."""
        sizes = [len(shape.inputs) * shape.num_classes for shape in self.networks.values()]
        parts = torch.split(rows[: sum(sizes)], sizes)
        return {
            name: part.T.reshape(rows.shape[1], len(shape.inputs), shape.num_classes)
            for (name, shape), part in zip(self.networks.items(), parts, strict=True)
        }

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
        own: list[Source] = [*constants, *self._learnable_sources]
        size = {choice.source: choice.num_classes for choice in self.circuit.choices}
        self._own_sizes = [size[source] for source in own]
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
