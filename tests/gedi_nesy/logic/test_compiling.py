from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.answering import query_probabilities
from gedi_nesy.logic.circuit import FALSE, TRUE, Circuit
from gedi_nesy.logic.compiling import DiagramTooLarge, Work, choice_order, compile
from gedi_nesy.logic.cycles import components
from gedi_nesy.logic.program import parse

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
    order = [formula.choices[choice].source.slots for choice in choice_order(formula, components(formula))]
    assert order == [(2,), (0,), (1,)]


@pytest.mark.parametrize("complements", [False, True])
def test_circuit_survives_json(formula_of, complements):
    formula = formula_of(DIGIT + "0.3::c. p(A,T) :- digit(A,T). p(A,10) :- c.", "p(A,T)", {"A": "image", "T": "label"})
    circuit = compile(formula, complements=complements)
    assert len(circuit.complements) == 11 * complements
    assert Circuit.from_json(circuit.to_json()) == circuit


def test_complements_are_the_worlds_with_evidence_and_without_the_answer(formula_of, evaluate):
    """P(not q | e) = 1 - P(q | e), for answers that are likely, rare, certain and impossible."""
    text = (
        "nn(n,[X],Y,[a,b,c])::d(X,Y). 0.3::k. 0.2::m. p(_,always). p(A,T) :- d(A,T), \\+k. p(_,m) :- m. p(_,k) :- k, m."
    )
    formula = formula_of(text + " e :- k. e :- m. evidence(e).", "p(A,T)", {"A": "image", "T": "label"})
    circuit = compile(formula, complements=True)
    probs = [[0.7, 0.3 - 1e-9, 1e-9]]
    answers = evaluate(circuit, probs)
    opposites = evaluate(replace(circuit, roots=circuit.complements), probs)
    assert answers["always",] == 1 and circuit.complements[circuit.answers.index(("always",))] == FALSE
    for answer, probability in answers.items():
        assert opposites[answer] == pytest.approx(1 - probability, abs=1e-12)


def test_a_complement_is_stable_where_one_minus_the_probability_is_not(formula_of, evaluate):
    formula = formula_of(DIGIT + "p(A) :- digit(A,X), X > 0.", "p(A)", {"A": "image"})
    circuit = compile(formula, complements=True)
    probs = [[1e-30, *[1 / 9] * 9]]
    assert evaluate(replace(circuit, roots=circuit.complements), probs)[()] == pytest.approx(1e-30)


def test_the_diagram_stays_within_its_limit(formula_of):
    formula = formula_of(DIGIT + "p(A,B) :- digit(A,X), digit(B,X).", "p(A,B)", {"A": "image", "B": "image"})
    work = Work()
    circuit = compile(formula, work=work)
    assert work.num_nodes >= circuit.num_nodes
    assert work.formula_node == work.formula_nodes == len(formula.nodes)
    assert compile(formula, work=Work(max_nodes=work.num_nodes)) == circuit
    limited = Work(max_nodes=work.num_nodes - 1)
    with pytest.raises(DiagramTooLarge):
        compile(formula, work=limited)
    assert limited.num_nodes == limited.max_nodes


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
    with pytest.raises(ProgramError, match=r"^<program>:2:33  the evidence contradicts itself"):
        compile(formula)


@pytest.mark.parametrize("size", [3, 5])
def test_cells_that_reach_each_other_compile(size):
    """ProbLog's own unrolling of the cycles does not end for a grid of 5x5; 3x3 is counted by trying every map."""
    cells = [[f"X{row}_{column}" for column in range(size)] for row in range(size)]
    places = [(row, column) for row in range(size) for column in range(size)]
    next_to = {
        (r, c): [place for place in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)) if place in places]
        for r, c in places
    }
    lines = [f"reach({cells[0][0].lower()}) :- free({cells[0][0].lower()})."]
    for (row, column), neighbours in next_to.items():
        here = cells[row][column].lower()
        lines.append(f"0.5::free({here}).")
        lines += [f"reach({here}) :- free({here}), reach({cells[r][c].lower()})." for r, c in neighbours]
    program = parse("\n".join(sorted(lines)) + f"\nquery(reach({cells[-1][-1].lower()})).")
    (probability,) = query_probabilities(program).values()
    assert 0 < probability < 0.25
    if size == 3:
        assert probability == sum(map(_is_connected, itertools.product((0, 1), repeat=9))) / 2**9


def _is_connected(free):
    """Whether the last cell of a 3x3 map is reached from the first, by flooding."""
    flooded = {0} if free[0] else set()
    for _ in range(9):
        flooded |= {
            cell
            for cell in range(9)
            for other in flooded
            if free[cell] and (abs(cell - other) == 3 or (abs(cell - other) == 1 and cell // 3 == other // 3))
        }
    return 8 in flooded
