from __future__ import annotations

import pytest

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.circuit import FALSE, TRUE, Circuit
from gedi_nesy.logic.compiling import choice_order, compile

DIGIT = "nn(net,[X],Y,[0,1,2,3,4,5,6,7,8,9]) :: digit(X,Y).\n"
CARRY = (
    DIGIT
    + """
carry([], [], [], 0).
carry([A|As], [B|Bs], [D|Ds], Carry) :-
    carry(As, Bs, Ds, C), digit(A, X), digit(B, Y), S is X + Y + C, D is S mod 10, Carry is S // 10.
sum(As, Bs, [C|Ds]) :- carry(As, Bs, Ds, C).
"""
)


def _images(names):
    return dict.fromkeys(names, "image")


def test_sum_triple_has_an_edge_for_each_reading(compiled):
    circuit = compiled(DIGIT + "s(A,B,C) :- digit(A,X), digit(B,Y), Z is X+Y, digit(C,Z).", "s(A,B,C)", _images("ABC"))
    # 10 readings of A, 55 of A and B together, and one node for each value of C.
    assert (circuit.num_nodes, circuit.num_edges) == (1 + 10 + 10, 10 + 55 + 10)


def test_diagram_is_ordered_and_reduced(compiled):
    circuit = compiled(
        DIGIT + "p(A,B,T) :- digit(A,X), digit(B,Y), T is X*Y mod 7.", "p(A,B,T)", _images("AB") | {"T": "label"}
    )
    assert len(set(circuit.nodes)) == circuit.num_nodes
    for position, node in enumerate(circuit.nodes):
        classes = [index for index, _ in node.edges]
        assert classes == sorted(set(classes))
        children = [child for _, child in node.edges]
        assert FALSE not in children
        assert len(node.edges) < circuit.choices[node.choice].num_classes or len(set(children)) > 1
        for child in children:
            assert child == TRUE or (child < position and circuit.nodes[child].choice > node.choice)


@pytest.mark.parametrize("shuffled", [False, True])
def test_carry_addition_grows_linearly_whatever_the_names(compiled, shuffled):
    edges = []
    for length in (2, 3, 4):
        first, second = [f"A{i}" for i in range(length)], [f"B{i}" for i in range(length)]
        if shuffled:  # names in an order that says nothing about the digits' places
            first, second = [f"Z{7 * i % 5}" for i in range(length)], [f"M{3 * i % 5}" for i in range(length)]
        digits = ",".join(["1", *(str(3 * i % 10) for i in range(length))])
        query = f"sum([{','.join(first)}],[{','.join(second)}],[{digits}])"
        edges.append(compiled(CARRY, query, _images(first + second)).num_edges)
    assert edges[2] - edges[1] == pytest.approx(edges[1] - edges[0], abs=15)


def test_order_follows_the_proofs(formula_of):
    formula = formula_of(
        DIGIT + "p(A,B,C) :- q(C,A). p(A,B,C) :- q(C,B). q(X,Y) :- digit(X,1), digit(Y,1).", "p(A,B,C)", _images("ABC")
    )
    order = [formula.choices[choice].source.slots for choice in choice_order(formula)]
    assert order == [(2,), (0,), (1,)]


def test_circuit_survives_json(compiled):
    circuit = compiled(DIGIT + "0.3::c. p(A,T) :- digit(A,T). p(A,10) :- c.", "p(A,T)", {"A": "image", "T": "label"})
    assert Circuit.from_json(circuit.to_json()) == circuit


@pytest.mark.parametrize("text", ["", "[]", '{"choices": []}', '{"choices": 3}'])
def test_damaged_json_is_an_error(text):
    with pytest.raises((ValueError, KeyError, TypeError)):
        Circuit.from_json(text)


def test_a_query_that_holds_anyway_needs_no_node(compiled):
    circuit = compiled(DIGIT + "p(A,B) :- digit(A,X), X >= 0, B = B.", "p(A,B)", _images("AB"))
    assert (circuit.roots, circuit.num_nodes) == ((TRUE,), 0)


def test_proofs_that_contradict_themselves_are_no_proof(formula_of):
    formula = formula_of(DIGIT + "p(A) :- digit(A,1), digit(A,2).", "p(A)", _images("A"))
    with pytest.raises(
        ProgramError, match=r"^the query p\(slot\(0\)\) has no proof: each of its proofs contradicts itself"
    ):
        compile(formula)


def test_evidence_that_contradicts_itself_is_an_error(formula_of):
    formula = formula_of(DIGIT + "0.3::c. evidence(c). evidence(\\+c). p(A) :- digit(A,1), c.", "p(A)", _images("A"))
    with pytest.raises(ProgramError, match="the evidence contradicts itself"):
        compile(formula)
