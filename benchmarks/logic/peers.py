"""KLay and DeepLog, from the same ground program as ours; how they may be told is read off their installed packages.

KLay evaluates circuits that others compile: here PySDD, with what it needs to be quick (each atom enters with the others of
its choice excluded; variables stand in the order that we find; a balanced tree, whose circuits have few layers), and our
own diagram, which measures its evaluation alone. DeepLog orders variables by their names: they get names in the same order.
Neither is asked to ground: DeepLog's own grounder in Python takes half a minute for four digits.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from functools import partial, reduce
from importlib import import_module
from importlib.util import find_spec
from itertools import accumulate
from operator import and_, or_
from typing import Any

import torch
from torch import Tensor

from gedi_nesy.logic.circuit import TRUE
from gedi_nesy.logic.compiling import compile
from gedi_nesy.logic.formula import And, Atom, Choice, Or
from gedi_nesy.logic.recursion import deep_recursion

from .problems import NotPossible, Problem
from .routes import Route


def klay_sdd(problem: Problem, device: str, semiring: str) -> Route:
    """KLay on the sentential decision diagram of PySDD."""
    klay = _import_klay()
    circuit, diagrams = klay.Circuit(), Diagrams(problem)
    for root in diagrams.roots():
        circuit.add_sdd(root)
    choices = [problem.formula.choices[choice] for choice in problem.order]
    return _klay_route(circuit, problem, choices, device, semiring)


def klay_diagram(problem: Problem, device: str, semiring: str) -> Route:
    """KLay on the decision diagram that we compile."""
    klay = _import_klay()
    circuit, diagram = klay.Circuit(), compile(problem.formula)
    first = list(accumulate((choice.num_classes for choice in diagram.choices), initial=1))
    nodes: list[Any] = []
    for node in diagram.nodes:
        literals = ((circuit.literal_node(first[node.choice] + index), child) for index, child in node.edges)
        edges = [one if child == TRUE else circuit.and_node([one, nodes[child]]) for one, child in literals]
        nodes.append(circuit.or_node(edges))
    for root in diagram.roots:
        circuit.set_root(nodes[root])
    return _klay_route(circuit, problem, diagram.choices, device, semiring)


def _import_klay() -> Any:
    if find_spec("klay") is None:
        raise NotPossible("not installed: pip install klaycircuits")
    return import_module("klay")


def _klay_route(circuit: Any, problem: Problem, choices: Sequence[Choice], device: str, semiring: str) -> Route:
    # Its torch.compile takes a minute for each shape, and is for CUDA graphs. Versions before 0.1 know neither it nor batches.
    is_old = "compile" not in inspect.signature(circuit.to_torch_module).parameters
    options = {} if is_old else {"compile": False}
    module = circuit.to_torch_module(semiring=semiring, **options).to(device)
    evaluate = torch.vmap(module) if is_old else module
    columns = _columns(problem, choices).to(device)
    is_log = semiring == "log"

    def loss(values: Tensor, answer: Tensor) -> Tensor:
        positive = values.flatten(1)[:, columns]
        # The weight of "not this class" is 1: that classes exclude each other is in the circuit.
        found: Tensor = evaluate(positive, torch.full_like(positive, 0.0 if is_log else 1.0))
        chosen = found.gather(1, answer[:, None])
        return -(chosen if is_log else chosen.log()).mean()

    edges = sum(len(layer.ix_out) for layer in module.layers)
    return Route(loss, f"{len(module.layers):,} layers, {edges:,} edges", is_log)


def _columns(problem: Problem, choices: Sequence[Choice]) -> Tensor:
    """Where the classes of each choice stand among an example's probabilities."""
    return torch.tensor([column for choice in choices for column in problem.columns(choice)])


class Diagrams:
    """The ground program as sentential decision diagrams, one variable for each class of each choice."""

    def __init__(self, problem: Problem) -> None:
        from pysdd.sdd import SddManager, Vtree

        self.problem = problem
        sizes = [problem.formula.choices[choice].num_classes for choice in problem.order]
        first = dict(zip(problem.order, accumulate(sizes, initial=1), strict=False))
        self._variables = {
            choice: range(start, start + size) for (choice, start), size in zip(first.items(), sizes, strict=True)
        }
        count = sum(sizes)
        self._tree = Vtree(var_count=count, var_order=list(range(1, count + 1)), vtree_type="balanced")
        self._manager = SddManager.from_vtree(self._tree)
        self._one_class = {choice: self._one_of(choice) for choice in problem.order}
        self._nodes: dict[int, tuple[Any, frozenset[int]]] = {}  # the diagram of each key, the choices it reads

    def roots(self) -> list[Any]:
        """The diagram of each answer."""
        for key, node in self.problem.nodes():
            self._nodes[key] = self._of_node(node)
        return [self._literal(key)[0] for key in self.problem.formula.roots.values()]

    def _of_node(self, node: Atom | And | Or) -> tuple[Any, frozenset[int]]:
        if isinstance(node, Atom):
            return self._atom(node.choice, node.class_index), frozenset({node.choice})
        diagrams, read = zip(*map(self._literal, node.literals), strict=True)
        choices = frozenset().union(*read)
        if isinstance(node, And):
            return reduce(and_, diagrams), choices
        return self._consistent(reduce(or_, diagrams), choices), choices

    def _literal(self, key: int) -> tuple[Any, frozenset[int]]:
        if key == 0:
            return self._manager.true(), frozenset()
        if key > 0:
            return self._nodes[key]
        diagram, read = self._nodes[-key]
        return self._consistent(~diagram, read), read

    def _atom(self, choice: int, class_index: int) -> Any:
        """This class and no other."""
        variables = self._variables[choice]
        chosen = variables[class_index]
        return reduce(and_, (self._manager.literal(one if one == chosen else -one) for one in variables))

    def _one_of(self, choice: int) -> Any:
        """The choice takes exactly one class."""
        return reduce(or_, (self._atom(choice, index) for index in range(len(self._variables[choice]))))

    def _consistent(self, diagram: Any, read: frozenset[int]) -> Any:
        """The part in which each choice that is read takes exactly one class."""
        return reduce(and_, (self._one_class[choice] for choice in read), diagram)


def deeplog(problem: Problem, device: str) -> Route:
    """DeepLog 5 with multi-valued diagrams, on probabilities."""
    if find_spec("deeplog") is None or find_spec("pymvsdd") is None:
        raise NotPossible("not installed, see --deeplog")
    os.environ["DEEPLOG_VALIDATE"] = "0"
    import deeplog as dl
    from deeplog.systems.deepproblog import EngineResult, compile_to_module

    sizes = {choice: problem.formula.choices[choice].num_classes for choice in problem.order}
    names = {choice: f"image{place:04d}" for place, choice in enumerate(problem.order)}
    atoms = {(choice, index): (names[choice], (f"v{index}",)) for choice in sizes for index in range(sizes[choice])}
    labels = {atom: ("_", ("weight", (atom[0],), atom[1]), ("probability",)) for atom in atoms.values()}
    domains = {choice: dl.Domain.of(f"v{index}" for index in range(size)) for choice, size in sizes.items()}
    variables = {dl.Variable((name,), domains[choice]): ((name, dl.OPEN),) for choice, name in names.items()}
    with deep_recursion():
        result = EngineResult(_deeplog_formulas(problem, atoms), labels, variables)
        module = compile_to_module(result, dl.Compiler())
    module = dl.reshape(module, input=dl.SymTensor(list(labels.values()))).to(device)
    columns = _columns(problem, [problem.formula.choices[choice] for choice in problem.order]).to(device)

    def loss(probs: Tensor, answer: Tensor) -> Tensor:
        found: Tensor = module(probs.flatten(1)[:, columns])
        return -found.gather(1, answer[:, None]).log().mean()

    return Route(loss, f"{len(list(module.modules())):,} modules")


def _deeplog_formulas(problem: Problem, atoms: dict[tuple[int, int], Any]) -> dict[Any, Any]:
    """The formula of each answer in DeepLog's terms."""
    import deeplog as dl

    nodes: dict[int, Any] = {}

    def of(key: int) -> Any:
        if key == 0:
            return dl.Atom(("_", dl.BOOLEAN.one, ("boolean",)))
        return nodes[key] if key > 0 else dl.UnaryOp("not", nodes[-key])

    for key, node in problem.nodes():
        if isinstance(node, Atom):
            nodes[key] = dl.Atom(("_", atoms[node.choice, node.class_index], ("boolean",)))
        else:
            combine = partial(dl.BinaryOp, "and" if isinstance(node, And) else "or")
            nodes[key] = reduce(combine, map(of, node.literals))
    return {("answer", (f"n{index}",)): of(key) for index, key in enumerate(problem.formula.roots.values())}
