"""Counts of shortcuts against all maps tried one by one, and against what theory says."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gedi_nesy.errors import LimitError, ProgramError
from gedi_nesy.logic.circuit import FALSE, TRUE
from gedi_nesy.logic.class_maps import ClassMaps, ReadClass
from gedi_nesy.logic.compiling import compile
from gedi_nesy.logic.formula import And, Atom, Choice, Formula, NeuralSource, Or
from gedi_nesy.logic.grounding import ground
from gedi_nesy.logic.map_conditions import condition
from gedi_nesy.logic.program import load_program, parse
from gedi_nesy.logic.query import QueryTemplate
from gedi_nesy.logic.shortcuts import count_shortcuts, count_shortcuts_of
from gedi_nesy.logic.support import Reading, training

DIGIT = "nn(net, [X], Y, [0,1,2,3,4,5,6,7,8,9]) :: digit(X, Y).\n"
PARITY = DIGIT + "parity([], 0). parity([H|T], P) :- digit(H, D), parity(T, Q), P is (D + Q) mod 2.\n"
SORTED = DIGIT + "sorted([_]). sorted([A,B|T]) :- digit(A, X), digit(B, Y), X =< Y, sorted([B|T]).\n"
UNEQUAL = DIGIT + "unequal(A, B) :- digit(A, X), digit(B, Y), X =\\= Y.\n"
OPERATORS = (
    DIGIT
    + "nn(op_net, [X], Y, [plus, minus]) :: op(X, Y).\n"
    + "value(plus, X, Y, Z) :- Z is X + Y. value(minus, X, Y, Z) :- Z is X - Y.\n"
    + "result(A, O, B, T) :- digit(A, X), op(O, F), digit(B, Y), value(F, X, Y, T).\n"
)
SUDOKU = """\
nn(net, [X], Y, [1,2,3,4]) :: cell(X, Y).
same(A, B) :- cell(A, X), cell(B, X).
differ([]). differ([A|T]) :- apart(A, T), differ(T).
apart(_, []). apart(A, [B|T]) :- \\+ same(A, B), apart(A, T).
solved([A,B,C,D,E,F,G,H,I,J,K,L,M,N,O,P]) :-
    differ([A,B,C,D]), differ([E,F,G,H]), differ([I,J,K,L]), differ([M,N,O,P]),
    differ([A,E,I,M]), differ([B,F,J,N]), differ([C,G,K,O]), differ([D,H,L,P]),
    differ([A,B,E,F]), differ([C,D,G,H]), differ([I,J,M,N]), differ([K,L,O,P]).
"""


def compiled(program, query, images, labels=()):
    template = QueryTemplate.parse(query, dict.fromkeys(images, "image") | dict.fromkeys(labels, "label"))
    return compile(ground(program, template)), template


def report(program, query, images, labels=(), **options):
    return count_shortcuts(*compiled(program, query, images, labels), **options)


def test_the_sum_triple_has_two_maps_and_one_that_uses_all_classes():
    found = report(load_program("mnist_addition"), "sum_holds(A,B,C)", "ABC", labelled=[ReadClass("mnist_net", 4)])
    assert (found.maps, found.permutations, found.labelled, found.prior_known) == (2, 1, 1, None)
    assert [each.values for each in found.nearest] == [{"mnist_net": tuple(range(10))}, {"mnist_net": (0,) * 10}]
    assert found.label_sets == tuple(frozenset([ReadClass("mnist_net", index)]) for index in range(1, 10))
    assert found.unseen == ()


@pytest.mark.parametrize("lengths", [[2], [3], [2, 3], [3, 2], [1, 3, 2]])
def test_examples_of_several_queries_leave_the_maps_that_satisfy_them_all(lengths):
    slots = {length: "ABC"[:length] for length in lengths}
    circuits = [compiled(load_program("parity"), f"parity([{','.join(slots[n])}],P)", slots[n], "P") for n in lengths]
    found = count_shortcuts_of([training(*circuit, "all") for circuit in circuits], "parity(D,P)")
    satisfy = [
        bits
        for bits in itertools.product((0, 1), repeat=2)
        if all(
            sum(bits[b] for b in read) % 2 == sum(read) % 2
            for n in lengths
            for read in itertools.product((0, 1), repeat=n)
        )
    ]
    assert found.maps == len(satisfy) and {each.values["bit_net"] for each in found.nearest} == set(satisfy)


def test_a_class_is_unseen_if_no_query_shows_it():
    program = parse("nn(net,[X],Y,[0,1,2]) :: digit(X,Y).")
    circuits = [compiled(program, f"digit(A,{number})", "A") for number in (0, 1)]
    found = count_shortcuts_of([training(*circuit, "all") for circuit in circuits], "digit(A,N)")
    assert found.unseen == (ReadClass("net", 2),) and found.maps == 3


def test_a_total_tells_all_digits():
    """2 f(c) = 2 c, from pairs of equal digits."""
    found = report(load_program("addition_with_label"), "addition(A,B,T)", "AB", "T")
    assert (found.maps, found.label_sets) == (1, (frozenset(),))


def test_totals_of_two_digit_numbers_tell_all_digits_from_distinct_ones_too():
    circuit = compiled(load_program("two_digit_addition"), "addition([A,B],[C,D],T)", "ABCD", "T")
    assert count_shortcuts(*circuit).maps == 1
    assert count_shortcuts(*circuit, support="distinct").maps == 1


def test_parity_of_an_even_number_of_digits_may_be_kept_or_turned_everywhere():
    images = [f"X{index}" for index in range(20)]
    found = report(parse(PARITY), f"parity([{','.join(images)}],P)", images, "P")
    assert (found.maps, found.permutations) == (2 * 5**10, 2 * math.factorial(5) ** 2)
    assert found.label_sets == (frozenset(ReadClass("net", index) for index in range(10)),)


def test_sorting_leaves_the_monotone_maps():
    found = report(parse(SORTED), "sorted([A,B,C,D])", "ABCD")
    assert (found.maps, found.permutations) == (math.comb(19, 10), 1)


def test_a_symmetric_program_leaves_all_permutations_and_needs_labels_of_all_classes_but_one():
    found = report(parse(UNEQUAL), "unequal(A,B)", "AB", labelled=[ReadClass("net", 0), ReadClass("net", 1)])
    assert (found.maps, found.permutations, found.labelled) == (math.factorial(10),) * 2 + (math.factorial(8),)
    assert len(found.label_sets) == 10 and {len(chosen) for chosen in found.label_sets} == {9}
    assert len(found.nearest) == 10 and all(len(each.moved) == 2 for each in found.nearest[1:])


def test_the_cells_of_a_sudoku_may_be_renamed():
    images = "ABCDEFGHIJKLMNOP"
    found = report(parse(SUDOKU), f"solved([{','.join(images)}])", images)
    assert (found.maps, found.permutations) == (24, 24)
    assert {len(chosen) for chosen in found.label_sets} == {3}


def test_several_networks_have_a_map_each():
    found = report(parse(OPERATORS), "result(A,O,B,T)", "AOB", "T")
    assert found.sizes == {"net": 10, "op_net": 2}
    assert found.maps == 1
    without_zero = [Reading({"A": digit, "O": 0, "B": 0}) for digit in range(10)]
    loose = report(parse(OPERATORS), "result(A,O,B,T)", "AOB", "T", support=without_zero)
    # f(d) + f(0) = d or f(d) - f(0) = d for all digits d leaves f(0) = 0 alone. Plus may then be minus, and minus, never seen, anything.
    assert loose.maps == 2 * 2
    assert loose.unseen == (ReadClass("op_net", 1),)


def test_a_prior_is_pushed_forward_onto_itself():
    circuit, template = compiled(parse("nn(net,[X],Y,[a,b,c]) :: kind(X,Y). p(X) :- kind(X,_)."), "p(X)", "X")
    assert circuit.roots == (TRUE,)  # every class will do
    circuit, template = compiled(
        parse(
            "nn(net,[X],Y,[a,b,c]) :: kind(X,Y). p(X,Y) :- kind(X,a), kind(Y,_). p(X,Y) :- \\+ kind(X,a), kind(Y,b)."
        ),
        "p(X,Y)",
        "XY",
    )
    prior = (Fraction(1, 2), Fraction(1, 4), Fraction(1, 4))
    everything = list(itertools.product(range(3), repeat=3))
    expected = [f for f in everything if satisfies(circuit, circuit.roots[0], f)]
    kept = [f for f in expected if all(sum(prior[c] for c in range(3) if f[c] == j) == prior[j] for j in range(3))]
    found = count_shortcuts(circuit, template, prior={"net": prior})
    assert (found.maps, found.prior_known) == (len(expected), len(kept))


def holds(circuit, node, classes):
    while node >= 0:
        node = dict(circuit.nodes[node].edges).get(classes[circuit.nodes[node].choice], FALSE)
    return node == TRUE


def satisfies(circuit, root, values, readings=None):
    """Whether a map of one network keeps the root wherever it holds."""
    sizes = [range(choice.num_classes) for choice in circuit.choices]
    return all(
        holds(circuit, root, [values[index] for index in classes])
        for classes in (itertools.product(*sizes) if readings is None else readings)
        if holds(circuit, root, classes)
    )


@st.composite
def random_circuit(draw):
    """Up to three answers over up to three slots of one network with three classes."""
    num_slots, num_classes = draw(st.integers(1, 3)), 3
    choices = tuple(Choice(NeuralSource("net", (slot,)), num_classes) for slot in range(num_slots))
    worlds = list(itertools.product(range(num_classes), repeat=num_slots))
    nodes = [Atom(slot, index) for slot in range(num_slots) for index in range(num_classes)]
    roots = {}
    for number in range(draw(st.integers(1, 3))):
        chosen = draw(st.lists(st.sampled_from(worlds), min_size=1, unique=True))
        keys = []
        for world in chosen:
            nodes.append(And(tuple(1 + slot * num_classes + index for slot, index in enumerate(world))))
            keys.append(len(nodes))
        nodes.append(Or(tuple(keys)))
        roots[(str(number),)] = len(nodes)
    return compile(Formula(choices, tuple(nodes), roots, tuple(map(str, roots)), ()))


TEMPLATE = QueryTemplate.parse("p(A,B,C,T)", dict.fromkeys("ABC", "image") | {"T": "label"})


@settings(max_examples=150, deadline=None)
@given(random_circuit(), st.data())
def test_counts_are_those_of_all_maps_tried_one_by_one(circuit, data):
    labelled = data.draw(st.sets(st.integers(0, 2)))
    maps = [
        values
        for values in itertools.product(range(3), repeat=3)
        if all(satisfies(circuit, root, values) for root in circuit.roots)
    ]
    if not circuit.choices:
        return
    found = count_shortcuts(circuit, TEMPLATE, labelled=[ReadClass("net", index) for index in labelled])
    assert found.maps == len(maps)
    examples = training(circuit, TEMPLATE, "all")
    probed = compile(condition(examples, 10_000, probing=True))
    assert ClassMaps(probed, examples.sizes, 10_000).count() == len(maps)
    assert found.permutations == sum(len(set(values)) == 3 for values in maps)
    assert found.labelled == sum(all(values[index] == index for index in labelled) for values in maps)
    nearest = sorted(sum(value != index for index, value in enumerate(values)) for values in maps)[:10]
    assert [len(each.moved) for each in found.nearest] == nearest
    assert {each.values["net"] for each in found.nearest} <= set(maps)
    smallest = [
        chosen
        for chosen in (set(part) for size in range(4) for part in itertools.combinations(range(3), size))
        if sum(all(values[index] == index for index in chosen) for values in maps) == 1
    ]
    expected = {frozenset(chosen) for chosen in smallest if len(chosen) == len(smallest[0])}
    assert {frozenset(read.index for read in chosen) for chosen in found.label_sets} == expected
    assert len(found.label_sets) == len(expected), "each once"


@settings(max_examples=60, deadline=None)
@given(random_circuit(), st.randoms(use_true_random=False))
def test_supports_count_their_own_readings_only(circuit, chance):
    if not circuit.choices:
        return
    slots = [choice.source.slots[0] for choice in circuit.choices]
    worlds = [
        world
        for world in itertools.product(range(3), repeat=len(slots))
        if any(holds(circuit, root, world) for root in circuit.roots)
    ]
    some = chance.sample(worlds, chance.randint(1, len(worlds)))
    distinct = [world for world in worlds if len(set(world)) == len(world)]
    readings = [Reading({"ABC"[slot]: index for slot, index in zip(slots, world, strict=True)}) for world in some]
    for support, used in ((readings, some), ("distinct", distinct)):
        if not used:
            with pytest.raises(ProgramError, match="no proof has classes that all differ"):
                count_shortcuts(circuit, TEMPLATE, support=support)
            continue
        expected = sum(
            all(satisfies(circuit, root, values, used) for root in circuit.roots)
            for values in itertools.product(range(3), repeat=3)
        )
        found = count_shortcuts(circuit, TEMPLATE, support=support)
        assert found.maps == expected
        assert {read.index for read in found.unseen} == set(range(3)) - {index for world in used for index in world}


def test_given_answers_of_readings_are_those_that_must_stay():
    text = "nn(net,[X],Y,[0,1,2]) :: bit(X,Y).\nabove(A,T) :- bit(A,X), between(0,X,T)."
    circuit, template = compiled(parse(text), "above(A,T)", "A", "T")
    # 2 is at least 1; it stays so when it is read as 1. That it is at least 2 is not said.
    assert count_shortcuts(circuit, template, support=[Reading({"A": 2}, ("1",))]).maps == 2 * 3 * 3
    assert count_shortcuts(circuit, template, support=[Reading({"A": 2})]).maps == 1 * 3 * 3


def test_readings_of_two_digit_numbers_are_many_and_fast():
    chance = random.Random(0)
    readings = [Reading({slot: chance.randrange(10) for slot in "ABCD"}) for _ in range(300)]
    found = report(load_program("two_digit_addition"), "addition([A,B],[C,D],T)", "ABCD", "T", support=readings)
    assert found.maps == 1


BIT = "nn(net,[X],Y,[0,1]) :: bit(X,Y).\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            BIT + "0.5::coin. 0.5::other. evidence(coin). p(A,B) :- bit(A,1), coin. p(A,B) :- bit(B,1), coin, other.",
            "for A = 0, B = 1 the query has probability 0.5, which the program leaves to chance. Count for a copy",
        ),
        (BIT + "t(0.25)::c. p(A,B) :- c. p(A,B) :- bit(A,1), c.", "for A = 0 the query has probability 0.25, which"),
        (
            "nn(net,[X,Y],Z,[0,1]) :: both(X,Y,Z). p(A,B) :- both(A,B,1).",
            "the network net reads several images at once",
        ),
        (BIT + "nn(net,[X],Y,[0,1]) :: again(X,Y). p(A,B) :- bit(A,1), again(A,1).", "the program makes two choices"),
        (BIT + "p(A,B).", "its answers depend on no image"),
    ],
)
def test_what_is_no_map_of_classes_is_refused(text, message):
    with pytest.raises(ProgramError, match=message):
        report(parse(text), "p(A,B)", "AB")


SUM = "p(A,B,T) :- digit(A,X), digit(B,Y), shift(S), T is X + Y + S.\n"


@pytest.mark.parametrize(
    "chance",
    [
        "0.3::shift(0); 0.7::shift(2). evidence(shift(2)).",
        "0.3::shift(0); 0.2::shift(1); 0.5::shift(2). evidence(\\+ shift(0)). evidence(\\+ shift(1)).",
        "t(_)::a; t(_)::b. shift(0) :- a. shift(2) :- b. shift(2) :- \\+ a, \\+ b. evidence(\\+ a).",
        "0.3::late. shift(2) :- late. shift(2) :- \\+ late.",
        "0.0::late. shift(0) :- late. shift(2) :- \\+ late.",
    ],
)
@pytest.mark.parametrize("support", ["all", "distinct", [Reading({"A": 3, "B": 4})]])
def test_chance_that_decides_nothing_is_left_out(chance, support):
    found = report(parse(DIGIT + SUM + chance), "p(A,B,T)", "AB", "T", support=support)
    assert found == report(parse(DIGIT + SUM + "shift(2)."), "p(A,B,T)", "AB", "T", support=support)


def test_a_count_that_grows_too_large_ends_with_advice():
    with pytest.raises(LimitError, match=r"unequal\(A,B\).* more than 500 nodes. What to try"):
        report(parse(UNEQUAL), "unequal(A,B)", "AB", max_nodes=500)


def test_a_reading_without_proof_is_refused():
    circuit, template = compiled(load_program("mnist_addition"), "sum_holds(A,B,C)", "ABC")
    with pytest.raises(ProgramError, match=r"A = 1, B = 1, C = 3\) prove no answer"):
        count_shortcuts(circuit, template, support=[Reading({"A": 1, "B": 1, "C": 3})])


def test_what_is_too_much_to_count_leaves_the_rest_of_the_report():
    letters = ",".join("abcdefghijklmnopqrstuvwxyz")
    text = f"nn(net,[X],Y,[{letters}]) :: letter(X,Y).\nequal(A,B) :- letter(A,X), letter(B,X)."
    found = report(parse(text), "equal(A,B)", "AB", max_nodes=20_000)
    assert (found.maps, found.permutations) == (26**26, None)  # any map keeps equal letters equal
    assert found.label_sets == (frozenset(ReadClass("net", index) for index in range(26)),)


def test_the_sum_triple_of_more_classes_needs_a_closer_look_at_each():
    text = "nn(net,[X],Y,[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]) :: number(X,Y).\n"
    text += "triple(A,B,C) :- number(A,X), number(B,Y), Z is X + Y, number(C,Z)."
    found = report(parse(text), "triple(A,B,C)", "ABC")
    assert [each.values["net"] for each in found.nearest] == [tuple(range(16)), (0,) * 16]
    assert (found.maps, found.permutations) == (2, 1)
