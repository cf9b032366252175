"""The reference engine: DeepProbLog's own exact engine on the same program, one query an example.

It answers a few queries a second and exists to be right, not fast. DeepProbLog grounds and compiles the query of each
answer once (its cache) and evaluates it with autograd, so gradients flow to the class probabilities. Each slot of each
example is a placeholder of its own: DeepProbLog caches by the query before substitution, and would otherwise take two
slots bound to one image for one variable in some queries and for two in others.

Source: Manhaeve et al. 2018 (arXiv 1805.10872), package deepproblog; exact engine with ProbLog's SDDs.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

import torch
from jaxtyping import Float, Int
from problog.core import ProbLogError
from problog.logic import Constant, Term
from torch import Tensor, nn

from gedi_nesy.errors import Position, ProgramError
from gedi_nesy.logic import terms
from gedi_nesy.logic.circuit_constraint import check_networks
from gedi_nesy.logic.constraint import Constraint
from gedi_nesy.logic.guarded import GuardedEngine
from gedi_nesy.logic.program import Program, is_neural
from gedi_nesy.logic.query import QueryTemplate, check_template, sort_answers

with warnings.catch_warnings():
    # Its package warns that SWI-Prolog is missing, which only its approximate engine needs.
    warnings.filterwarnings("ignore", message="ApproximateEngine is not available")
    from deepproblog.engines import ExactEngine
    from deepproblog.model import Model
    from deepproblog.network import Network
    from deepproblog.query import Query

SOURCE = "example_slot"  # the tensor of tensor(example_slot(i, s)) is row s of example i


def build_constraint(program: Program, template: QueryTemplate, num_classes: int) -> DeepProbLogConstraint:
    """The constraint of a query, evaluated by DeepProbLog.

    Raises:
        ProgramError: the program does not fit the network, or the query has no proof.
    """
    check_networks(program, template, num_classes)
    check_template(program, template)
    _refuse_what_deepproblog_cannot(program)
    return DeepProbLogConstraint(program, template, num_classes)


def _refuse_what_deepproblog_cannot(program: Program) -> None:
    for predicate in ("evidence/1", "evidence/2"):
        if predicate in program.defined:
            raise ProgramError(
                f"the program has {predicate}, which DeepProbLog silently ignores; set backend: circuit",
                Position(program.source),
            )
    for head in (head for clause in program.clauses for head in terms.heads(clause)):
        # DeepProbLog would keep the start value: only its own optimiser, which does not run here, trains parameters.
        if terms.is_compound(head.probability) and head.probability.signature == "t/1":
            raise ProgramError(
                "learnable probabilities t(_) are not supported yet; write a number",
                program.position(head.probability.location),
            )
    neural_clauses = (clause for clause in program.clauses if is_neural(terms.heads(clause)[0]))
    for clause, neural in zip(neural_clauses, program.neural_predicates, strict=True):
        if neural.domain is not None and terms.body(clause) is not None:
            raise ProgramError(
                f"the neural predicate {neural.functor}/{neural.arity} has a body, which DeepProbLog cannot read;"
                " set backend: circuit",
                neural.position,
            )


class DeepProbLogConstraint(Constraint):
    """log P(query | images) by DeepProbLog; see `Constraint`.

    Args:
        program: any DeepProbLog program whose networks give class probabilities.
        template: the query.
        num_classes: of the network that reads the slots.
    """

    def __init__(self, program: Program, template: QueryTemplate, num_classes: int) -> None:
        super().__init__()
        self.slots, self.labels, self.num_classes = template.slots, template.labels, num_classes
        self._template, self._program = template, program
        self._rows = _SlotRows()
        self._model = self._build_model()
        self._placeholders = [Term(f"placeholder_{index}") for index in range(len(self.slots))]
        found = self._find_answers()
        self.answers = tuple(found)
        self._queries = tuple(found.values())

    def forward(
        self,
        class_log_probs: Float[Tensor, "examples slots classes"],
        answer: Int[Tensor, " examples"],
    ) -> Float[Tensor, " examples"]:
        """log P(query with this answer | the slots' classes), example by example; see `Constraint.forward`."""
        self._rows.probabilities = class_log_probs.exp()
        batch = [
            Query(self._queries[index], substitution=self._substitution(example))
            for example, index in enumerate(answer.tolist())
        ]
        with warnings.catch_warnings():
            # DeepProbLog compares tensors with numbers to see whether the constraints can hold at all.
            warnings.filterwarnings("ignore", message="Converting a tensor with requires_grad=True")
            results = self._model.solve(batch)
        values = torch.stack([_single_value(result, class_log_probs) for result in results])
        # log has no finite gradient at 0; an impossible query gets -inf and the gradient 0, as in the circuit backend.
        return values.clamp(min=torch.finfo(values.dtype).tiny).log().masked_fill(values == 0, -torch.inf)

    def _build_model(self) -> Any:
        networks = [Network(_Lookup(self._is_boolean(name)), name) for name in self._network_names()]
        model = Model(self._program.text, networks, load=False)
        # A tensor-valued predicate (nn/3) is evaluated while grounding, so every example has to be grounded.
        is_cached = not any(neural.is_tensor for neural in self._program.neural_predicates)
        with contextlib.redirect_stdout(io.StringIO()), self._problog_errors():  # DeepProbLog announces its cache
            engine = ExactEngine(model)
            engine.engine = GuardedEngine(self._program.allow_python)
            model.set_engine(engine, cache=is_cached)
        model.add_tensor_source(SOURCE, self._rows)
        return model

    def _network_names(self) -> list[str]:
        return list(dict.fromkeys(neural.network for neural in self._program.neural_predicates))

    def _is_boolean(self, network: str) -> bool:
        """Whether the network serves nn/2, for which DeepProbLog wants the probability of true alone."""
        served = (neural for neural in self._program.neural_predicates if neural.network == network)
        return all(neural.domain is None and not neural.is_tensor for neural in served)

    def _substitution(self, example: int) -> dict[Any, Any]:
        return {
            placeholder: Term("tensor", Term(SOURCE, Constant(example), Constant(slot)))
            for slot, placeholder in enumerate(self._placeholders)
        }

    def _find_answers(self) -> dict[tuple[str, ...], Any]:
        """The ground query of each provable answer, in the order of `answers`."""
        self._rows.probabilities = torch.full((1, len(self.slots), self.num_classes), 1 / self.num_classes)
        substitution = self._substitution(0)
        goal = self._template.goal(list(substitution.values()))
        with self._problog_errors():
            ground = self._model.solver.engine.ground(Query(goal), label="query")
        placeholders = {image: placeholder for placeholder, image in substitution.items()}
        found = {
            self._template.answer(name): name.apply_term(placeholders)
            for name, key in ground.queries()
            if key is not None
        }
        if not found or None in found:
            raise ProgramError(f"the query {self._template.text} has no proof", Position(self._program.source))
        return sort_answers({answer: term for answer, term in found.items() if answer is not None})

    @contextlib.contextmanager
    def _problog_errors(self) -> Any:
        try:
            yield
        except ProbLogError as error:
            raise ProgramError(str(error).rstrip("."), Position(self._program.source)) from error


class _SlotRows:
    """DeepProbLog's tensor source over the batch at hand."""

    probabilities: Float[Tensor, "examples slots classes"]

    def __getitem__(self, index: tuple[Any, Any]) -> Float[Tensor, " classes"]:
        example, slot = map(int, index)
        return self.probabilities[example, slot]


class _Lookup(nn.Module):
    """The network as DeepProbLog sees it: what it reads is already the row of class probabilities."""

    def __init__(self, is_boolean: bool) -> None:
        super().__init__()
        self.is_boolean = is_boolean

    def forward(self, row: Float[Tensor, " classes"]) -> Float[Tensor, " classes"]:
        """The row itself; for nn/2 the probability of the class true."""
        return row[1:] if self.is_boolean else row


def _single_value(result: Any, like: Tensor) -> Float[Tensor, ""]:
    """The probability of the one query of a result; a number that no network has touched comes as a float."""
    (value,) = result.result.values()
    return value if isinstance(value, Tensor) else like.new_tensor(value)
