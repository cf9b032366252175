"""Contracted or not, a circuit computes the same; chains take logarithmically many steps."""

from __future__ import annotations

import math

import pytest
import torch

from gedi_nesy.logic.compiling import compile
from gedi_nesy.logic.evaluation import CircuitEvaluator
from gedi_nesy.logic.grounding import ground
from gedi_nesy.logic.program import parse
from gedi_nesy.logic.query import QueryTemplate
from gedi_nesy.logic.sum_product import FIRST_WEIGHT, ONE, STEP, ZERO, SumProduct, as_it_is, contracted, sum_product

PARITY = "nn(net,[X],Y,[0,1]) :: bit(X,Y). parity([],0). parity([A|R],P) :- bit(A,X), parity(R,Q), P is (X+Q) mod 2."
TOTAL = "nn(net,[X],Y,[0,1,2]) :: d(X,Y). total([],0). total([A|R],T) :- d(A,X), total(R,S), T is X+S."
OTHER = {
    "answers on several levels": "0.3::a. 0.6::b; 0.2::c. 0.5::d. q(1) :- a. q(2) :- b, \\+a. q(3) :- c, d. q(4) :- d.",
    "certain and impossible": "q(1). 0.5::a. q(2) :- a. 0.0::b. q(3) :- b.",
    "evidence": "0.3::a. 0.4::b. 0.7::c. e :- a. e :- b, c. evidence(e). q(1) :- a. q(2) :- c.",
}


def circuit_of(text, query, length=None):
    roles = {"L": "images", "T": "label"} if length else {"T": "label"}
    template = QueryTemplate.parse(query, roles).bind({"L": length} if length else {})
    return compile(ground(parse(text), template))


CIRCUITS = {
    "parity of 9": lambda: circuit_of(PARITY, "parity(L,T)", 9),
    "parity of 20": lambda: circuit_of(PARITY, "parity(L,T)", 20),
    "totals": lambda: circuit_of(TOTAL, "total(L,T)", 4),
} | {name: (lambda text=text: circuit_of(text, "q(T)")) for name, text in OTHER.items()}


def values(graph, weights):
    """The graph's roots, one sum of products after the other."""
    known = {ONE: 1.0, ZERO: 0.0} | {FIRST_WEIGHT + number: weight for number, weight in enumerate(weights)}
    for number, products in enumerate(graph.sums):
        known[graph.first_node + number] = sum(known[first] * known[second] for first, second in products)
    return [known[root] for root in graph.roots]


@pytest.mark.parametrize("name", CIRCUITS)
def test_contraction_changes_nothing_but_the_steps(name):
    circuit = CIRCUITS[name]()
    sizes = [choice.num_classes for choice in circuit.choices]
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    roots = (*circuit.roots, circuit.evidence, circuit.any_answer)
    weights = torch.rand(sum(sizes), generator=torch.Generator().manual_seed(0), dtype=torch.float64).tolist()
    plain, short = (build(circuit, starts, sum(sizes), roots) for build in (as_it_is, contracted))
    assert values(short, weights) == pytest.approx(values(plain, weights), rel=1e-12)
    assert sum_product(circuit, starts, sum(sizes), roots).cost == min(plain.cost, short.cost)


def test_a_graph_costs_its_steps_one_after_the_other_and_its_products():
    """a b + c, and that times a, in two steps."""
    graph, (a, b, c) = SumProduct(FIRST_WEIGHT + 3), range(FIRST_WEIGHT, FIRST_WEIGHT + 3)
    graph.add_root(graph.add([(graph.add([(a, b), (c, ONE)]), a)]))
    assert (graph.depths, graph.cost) == ([1, 2], 2 * STEP + 3)


@pytest.mark.parametrize("length", [8, 64])
def test_chains_take_logarithmically_many_steps(length):
    circuit = circuit_of(PARITY, "parity(L,T)", length)
    graph = contracted(circuit, range(0, 2 * length, 2), 2 * length, circuit.roots)
    assert max(graph.depths) <= math.log2(length) + 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_too_small_for_probabilities_are_exact(dtype):
    """200 bits, all wanted to be one, each one in ten to the fourth: P = 1e-800 has a logarithm and a gradient."""
    names = [f"b{number}" for number in range(200)]
    facts = " ".join(f"0.5::{name}." for name in names)
    circuit = compile(
        ground(parse(f"{facts} q(1) :- {', '.join(names)}."), QueryTemplate.parse("q(T)", {"T": "label"}))
    )
    one_in = torch.tensor([1e-4, 1 - 1e-4], dtype=dtype).log()
    log_probs = one_in.repeat(200).unsqueeze(1).expand(-1, 3).clone().requires_grad_()
    with torch.no_grad():
        log_probs[:, 1] = torch.tensor([1.0, 0.0], dtype=dtype).log().repeat(200)  # and one that is certain
    result = CircuitEvaluator(circuit)(log_probs)
    torch.testing.assert_close(result[0], torch.tensor([200 * math.log(1e-4), 0.0, 200 * math.log(1e-4)], dtype=dtype))
    (gradient,) = torch.autograd.grad(result.sum(), log_probs)
    torch.testing.assert_close(gradient[::2], torch.ones(200, 3, dtype=dtype))
    assert (gradient[1::2] == 0).all()


def test_roots_can_be_chosen_for_each_example():
    circuit = circuit_of(TOTAL, "total(L,T)", 3)
    log_probs = torch.randn(9, 5, generator=torch.Generator().manual_seed(0)).view(3, 3, 5).log_softmax(1).view(9, 5)
    evaluator = CircuitEvaluator(circuit)
    chosen = torch.tensor([[0, 3, 6, 2, 2], [1, 1, 1, 1, 0]])
    leaves = [log_probs.clone().requires_grad_() for _ in range(2)]
    some, everything = evaluator(leaves[0], chosen), evaluator(leaves[1])
    torch.testing.assert_close(some, everything.gather(0, chosen))
    gradients = [
        torch.autograd.grad(values.sum(), leaf)[0]
        for values, leaf in ((some, leaves[0]), (everything.gather(0, chosen), leaves[1]))
    ]
    torch.testing.assert_close(*gradients)
