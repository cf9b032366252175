"""The circuit backend: one circuit, compiled once, for every example of a constraint."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gedi_nesy.errors import Position, ProgramError
from gedi_nesy.logic.circuit import TRUE, Circuit
from gedi_nesy.logic.compiling import compile
from gedi_nesy.logic.constraint import LOG_HALF, Constraint, one_hot_log
from gedi_nesy.logic.evaluation import CircuitEvaluator
from gedi_nesy.logic.formula import Constant, NeuralSource
from gedi_nesy.logic.grounding import ground
from gedi_nesy.logic.program import Program
from gedi_nesy.logic.query import QueryTemplate


def build_constraint(program: Program, template: QueryTemplate, num_classes: int) -> CircuitConstraint:
    """Ground and compile a query.

    Args:
        program: its neural predicates all read single images with one network.
        template: the query.
        num_classes: how many classes the network has.

    Raises:
        ProgramError: from any stage, or when a neural predicate does not fit the network.
    """
    check_networks(program, template, num_classes)
    return CircuitConstraint(compile(ground(program, template)), template, num_classes)


def check_networks(program: Program, template: QueryTemplate, num_classes: int) -> None:
    """Raise ProgramError unless one network with this many classes can serve all neural predicates."""
    if not template.slots:
        raise ProgramError(f"the query {template.text} has no image; declare at least one of its variables as image")
    for neural in program.neural_predicates:
        predicate = f"{neural.functor}/{neural.arity}"
        if neural.num_inputs != 1:
            raise ProgramError(
                f"the neural predicate {predicate} reads {neural.num_inputs} images at once;"
                " a constraint's network reads one",
                neural.position,
            )
        if not neural.is_tensor and neural.num_classes != num_classes:
            outcomes = "2 outcomes (nn/2: false, true)" if neural.domain is None else f"{neural.num_classes} values"
            raise ProgramError(
                f"the neural predicate {predicate} has {outcomes}, its network has {num_classes} classes",
                neural.position,
            )
        if neural.network != program.neural_predicates[0].network:
            raise ProgramError(
                f"the program uses a second network, {neural.network} beside {program.neural_predicates[0].network};"
                " a constraint has one",
                neural.position,
            )


class CircuitConstraint(Constraint):
    """log P(query | images) by a compiled circuit.

    Args:
        circuit: of the template's query.
        template: names the slots and labels.
        num_classes: of the network that reads the slots.

    Example:
        >>> program = parse("nn(net,[X],Y,[0,1]) :: bit(X,Y). same(A,B) :- bit(A,Y), bit(B,Y).")
        >>> constraint = build_constraint(program, QueryTemplate.parse("same(A,B)", {"A": "image", "B": "image"}), 2)
        >>> log_probs = torch.tensor([[[0.9, 0.1], [0.8, 0.2]]]).log()
        >>> constraint(log_probs, constraint.no_label(1)).exp()
        tensor([0.7400])
    """

    constant_log_probs: Tensor

    def __init__(self, circuit: Circuit, template: QueryTemplate, num_classes: int) -> None:
        super().__init__()
        self.circuit, self.template = circuit, template
        self.slots, self.labels, self.answers = template.slots, template.labels, circuit.answers
        self.num_classes = num_classes
        rows, constants = self._weight_rows()
        self.register_buffer("constant_log_probs", torch.tensor(constants, dtype=torch.float64).log(), persistent=False)
        self.evaluator = CircuitEvaluator(circuit, rows, (*circuit.roots, circuit.evidence))
        self.any_answer = CircuitEvaluator(circuit, rows, [circuit.any_answer])

    def forward(
        self,
        class_log_probs: Float[Tensor, "examples slots classes"],
        answer: Int[Tensor, " examples"],
    ) -> Float[Tensor, " examples"]:
        """log P(query with this answer | the slots' classes, evidence); see `Constraint.forward`."""
        values = self._evaluate(class_log_probs)
        if answer.shape != values.shape[1:]:
            raise ValueError(f"answer must be ({values.shape[1]} examples,), got {tuple(answer.shape)}")
        return values.gather(0, answer.unsqueeze(0)).squeeze(0)

    def answer_log_probs(
        self, class_log_probs: Float[Tensor, "examples slots classes"]
    ) -> Float[Tensor, "examples answers"]:
        """log P of every answer."""
        return self._evaluate(class_log_probs).T

    @torch.no_grad()
    def sample_worlds(
        self, num: int, generator: torch.Generator
    ) -> tuple[Int[Tensor, "worlds slots"], Int[Tensor, " worlds"]]:
        """Classes of the slots, uniform among those for which some answer is provable, and an answer of each.

        Slot by slot: the circuit's gradient is the distribution of a slot's class given what the earlier slots drew, so
        no draw is rejected. An answer is drawn uniformly among the provable ones. For the sum triple these are
        exactly the paper's triples: a and b uniform with a + b <= 9 (GEDI 2024, appendix N).

        Raises:
            ProgramError: the program has randomness besides the slots' classes, or reads a slot in two choices.
        """
        self._check_slots_are_the_only_choices()
        device = self.constant_log_probs.device
        uniform = torch.zeros(self.num_classes, dtype=torch.float64).log_softmax(0)
        log_probs = uniform.expand(num, len(self.slots), -1).clone()
        for slot in range(len(self.slots)):
            posterior = self._slot_posterior(log_probs.to(device), slot).cpu()
            drawn = torch.multinomial(posterior, 1, generator=generator).squeeze(1)
            log_probs[:, slot] = one_hot_log(drawn, self.num_classes)
        provable = (self.answer_log_probs(log_probs.to(device)) > LOG_HALF).cpu().double()
        return log_probs.argmax(2), torch.multinomial(provable, 1, generator=generator).squeeze(1)

    def _slot_posterior(
        self, log_probs: Float[Tensor, "examples slots classes"], slot: int
    ) -> Float[Tensor, "examples classes"]:
        """P(class of a slot | some answer holds)."""
        with torch.enable_grad():
            leaf = log_probs.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.any_answer(self._rows(leaf)).sum(), leaf)
        decided = gradient[:, slot]
        # Proofs that never look at the slot have no gradient there; they leave its prior as it is.
        undecided = (1 - decided.sum(1, keepdim=True)).clamp(min=0.0)
        return decided + undecided * log_probs[:, slot].exp()

    def _evaluate(self, class_log_probs: Float[Tensor, "examples slots classes"]) -> Float[Tensor, "answers examples"]:
        """log P of each answer given the evidence."""
        expected = (len(self.slots), self.num_classes)
        if class_log_probs.ndim != 3 or class_log_probs.shape[1:] != expected:
            raise ValueError(
                f"class_log_probs must be (examples, {expected[0]} slots, {expected[1]} classes),"
                f" got {tuple(class_log_probs.shape)}"
            )
        joint: Tensor = self.evaluator(self._rows(class_log_probs))
        if self.circuit.evidence == TRUE:
            return joint[:-1]
        # Impossible evidence would make this -inf - -inf; the lower limit leaves -inf: no answer is possible.
        return joint[:-1] - joint[-1:].clamp(min=torch.finfo(joint.dtype).min)

    def _rows(self, class_log_probs: Float[Tensor, "examples slots classes"]) -> Float[Tensor, "weights examples"]:
        """The evaluator's layout: a row for each class of each slot, then the program's own probabilities."""
        rows = class_log_probs.flatten(1).T
        if len(self.constant_log_probs):
            constants = self.constant_log_probs.to(rows.dtype).unsqueeze(1).expand(-1, rows.shape[1])
            rows = torch.cat([rows, constants])
        return rows

    def _weight_rows(self) -> tuple[list[int], list[float]]:
        """Where each choice's classes begin among the rows, and the probabilities that follow the slots' rows."""
        rows: list[int] = []
        constants: list[float] = []
        for choice in self.circuit.choices:
            if isinstance(choice.source, Constant):
                rows.append(len(self.slots) * self.num_classes + len(constants))
                constants += choice.source.probabilities
            else:
                rows.append(choice.source.slots[0] * self.num_classes)
        return rows, constants

    def _check_slots_are_the_only_choices(self) -> None:
        sources = [choice.source for choice in self.circuit.choices]
        where = Position(f"query {self.template.text}")
        if any(isinstance(source, Constant) for source in sources):
            raise ProgramError("worlds cannot be drawn from a program with probabilities of its own", where)
        read = [source.slots for source in sources if isinstance(source, NeuralSource)]
        if len(set(read)) < len(read):
            raise ProgramError("worlds cannot be drawn: the program makes two independent choices for one image", where)
