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
from gedi_nesy.logic.constraint import Constraint, ConstraintSpec, PerNetwork
from gedi_nesy.logic.guarded import GuardedEngine
from gedi_nesy.logic.limits import Limits
from gedi_nesy.logic.networks import check_networks, unbound_input
from gedi_nesy.logic.probabilities import is_learnable
from gedi_nesy.logic.program import Program, is_neural
from gedi_nesy.logic.query import one_goal, sort_answers

with warnings.catch_warnings():
    # Its package warns that SWI-Prolog is missing, which only its approximate engine needs.
    warnings.filterwarnings("ignore", message="ApproximateEngine is not available")
    from deepproblog.engines import ExactEngine
    from deepproblog.model import Model
    from deepproblog.network import Network
    from deepproblog.query import Query

SOURCE = "example_slot"  # tensor(example_slot(i, s)) is the pair (i, s), by which the networks look their row up


def build_constraint(spec: ConstraintSpec, limits: Limits | None = None) -> DeepProbLogConstraint:
    """The constraint of a query, evaluated by DeepProbLog; limits are the circuit's and do not apply.

    Raises:
        ProgramError: the program does not fit its networks, or the query has no proof.
    """
    check_networks(spec)
    _refuse_what_deepproblog_cannot(spec.program)
    return DeepProbLogConstraint(spec)


def _refuse_what_deepproblog_cannot(program: Program) -> None:
    for predicate in ("evidence/1", "evidence/2"):
        if predicate in program.defined:
            raise ProgramError(
                f"the program has {predicate}, which DeepProbLog silently ignores; set backend: circuit",
                Position(program.source),
            )
    for head in (head for clause in program.clauses for head in terms.heads(clause)):
        # DeepProbLog would keep the start value: only its own optimiser, which does not run here, trains parameters.
        if is_learnable(head):
            raise ProgramError(
                "learnable probabilities t(_) train with the circuit only; set backend: circuit",
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
        spec: any DeepProbLog program whose networks give class probabilities.
    """

    def __init__(self, spec: ConstraintSpec) -> None:
        super().__init__(spec, ())
        self._program, self._goal = one_goal(spec.program, spec.template)
        self._lookups = {name: _Lookup(spec, name) for name in self.networks}
        self._model = self._build_model()
        self._placeholders = [Term(f"placeholder_{index}") for index in range(len(self.slots))]
        found = self._find_answers()
        self.answers = tuple(found)
        self._queries = tuple(found.values())

    def forward(self, log_probs: PerNetwork) -> Float[Tensor, "examples answers"]:
        """log P of every answer, one after the other; see `Constraint.forward`."""
        examples = len(self._checked(log_probs)[0])
        indices = range(len(self.answers))
        return torch.stack(
            [self.log_probability(log_probs, torch.full((examples,), index)) for index in indices], dim=1
        )

    def log_probability(
        self, log_probs: PerNetwork, answer: Int[Tensor, " examples"] | None = None
    ) -> Float[Tensor, " examples"]:
        """log P(query with this answer | images), example by example; see `Constraint.log_probability`."""
        values = self._probabilities(log_probs, answer)
        # log has no finite gradient at 0; an impossible query gets -inf and the gradient 0, as in the circuit backend.
        return values.clamp(min=torch.finfo(values.dtype).tiny).log().masked_fill(values == 0, -torch.inf)

    def log_complement(
        self, log_probs: PerNetwork, answer: Int[Tensor, " examples"] | None = None
    ) -> Float[Tensor, " examples"]:
        """log (1 - P), to the precision that P has; see `Constraint.log_complement`."""
        fails = 1 - self._probabilities(log_probs, answer)
        return fails.clamp(min=torch.finfo(fails.dtype).tiny).log().masked_fill(fails <= 0, -torch.inf)

    def _probabilities(
        self, log_probs: PerNetwork, answer: Int[Tensor, " examples"] | None
    ) -> Float[Tensor, " examples"]:
        tensors = self._checked(log_probs)
        for lookup, tensor in zip(self._lookups.values(), tensors, strict=True):
            lookup.probabilities = tensor.exp()
        chosen = self._answer_of_each(answer, len(tensors[0]), tensors[0].device).tolist()
        batch = [
            Query(self._queries[index], substitution=self._substitution(example))
            for example, index in enumerate(chosen)
        ]
        with warnings.catch_warnings():
            # DeepProbLog compares tensors with numbers to see whether the constraints can hold at all.
            warnings.filterwarnings("ignore", message="Converting a tensor with requires_grad=True")
            results = self._model.solve(batch)
        return torch.stack([_single_value(result, tensors[0]) for result in results])

    def _build_model(self) -> Any:
        heads = (terms.heads(clause)[0] for clause in self._program.clauses)
        names = {head.probability.args[0] for head in heads if is_neural(head)}
        # DeepProbLog knows a network as the program writes it, with quotes.
        networks = [Network(self._lookups[terms.plain_text(name)], str(name)) for name in names]
        model = Model(self._program.text, networks, load=False)
        # A tensor-valued predicate (nn/3) is evaluated while grounding, so every example has to be grounded.
        is_cached = not any(neural.is_tensor for neural in self._program.neural_predicates)
        with contextlib.redirect_stdout(io.StringIO()), self._problog_errors():  # DeepProbLog announces its cache
            engine = ExactEngine(model)
            engine.engine = GuardedEngine(self._program.allow_python)
            model.set_engine(engine, cache=is_cached)
        model.add_tensor_source(SOURCE, _Places())
        return model

    def _substitution(self, example: int) -> dict[Any, Any]:
        return {
            placeholder: Term("tensor", Term(SOURCE, Constant(example), Constant(slot)))
            for slot, placeholder in enumerate(self._placeholders)
        }

    def _find_answers(self) -> dict[tuple[str, ...], Any]:
        """The ground query of each provable answer, in the order of `answers`."""
        for lookup in self._lookups.values():
            lookup.probabilities = lookup.uniform()
        substitution = self._substitution(0)
        goal = self._goal.goal(list(substitution.values()))
        with self._problog_errors():
            ground = self._model.solver.engine.ground(Query(goal), label="query")
        self._check_what_networks_read(ground)
        placeholders = {image: placeholder for placeholder, image in substitution.items()}
        found = {
            self._goal.answer(name): name.apply_term(placeholders) for name, key in ground.queries() if key is not None
        }
        if not found or None in found:
            raise ProgramError(f"the query {self.template.text} has no proof", Position(self._program.source))
        return sort_answers({answer: term for answer, term in found.items() if answer is not None})

    def _check_what_networks_read(self, ground: Any) -> None:
        """Ask the networks once for everything that the answers need of them: they raise for what is no image."""
        nodes = (node for _, node, kind in ground if kind == "atom")
        needed = {node.probability.args[:2] for node in nodes if is_neural(node)}
        self._model.evaluate_nn(list(needed))

    @contextlib.contextmanager
    def _problog_errors(self) -> Any:
        try:
            yield
        except ProbLogError as error:
            raise ProgramError(str(error).rstrip("."), Position(self._program.source)) from error


class _Places:
    """DeepProbLog's tensor source: what it hands to a network is where to look."""

    def __getitem__(self, index: tuple[Any, Any]) -> Int[Tensor, " place"]:
        return torch.tensor([int(part) for part in index])


class _Lookup(nn.Module):
    """A network as DeepProbLog sees it: its input says which row of the class probabilities at hand is its output."""

    probabilities: Float[Tensor, "examples inputs classes"]

    def __init__(self, spec: ConstraintSpec, name: str) -> None:
        super().__init__()
        self.name, self.shape, self.template = name, spec.networks[name], spec.template
        served = [neural for neural in spec.program.neural_predicates if neural.network == name]
        self.position = served[0].position
        # For nn/2 DeepProbLog wants the probability of true alone.
        self.is_boolean = all(neural.domain is None and not neural.is_tensor for neural in served)

    def forward(self, *places: Int[Tensor, " place"]) -> Float[Tensor, " classes"]:
        """The row of an example's input; for nn/2 the probability of the class true."""
        for place in places:
            if not isinstance(place, Tensor) or place.is_floating_point():
                read = place if isinstance(place, Term) else "the output of a network"
                raise ProgramError(
                    f"the network {self.name} reads {read}, which is no image of the query {self.template.text}",
                    self.position,
                )
        slots = tuple(self.template.slots[int(place[1])] for place in places)
        if slots not in self.shape.inputs:
            raise unbound_input(self.template, self.name, slots, self.shape)
        row = self.probabilities[int(places[0][0]), self.shape.inputs.index(slots)]
        return row[1:] if self.is_boolean else row

    def uniform(self) -> Float[Tensor, "one inputs classes"]:
        """Probabilities of one example for which nothing is known."""
        return torch.full((1, len(self.shape.inputs), self.shape.num_classes), 1 / self.shape.num_classes)


def _single_value(result: Any, like: Tensor) -> Float[Tensor, ""]:
    """The probability of the one query of a result; a number that no network has touched comes as a float."""
    (value,) = result.result.values()
    return value if isinstance(value, Tensor) else like.new_tensor(value)
