"""Any set of class maps, not only those that a program leaves, against the same questions asked of a list."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gedi_nesy.errors import LimitError
from gedi_nesy.logic.class_maps import ClassMaps, ReadClass
from gedi_nesy.logic.compiling import compile
from gedi_nesy.logic.formula import And, Atom, Choice, Formula, NeuralSource, Or

SIZES = {"digit": 4, "sign": 2}
CLASSES = [ReadClass(network, index) for network, size in SIZES.items() for index in range(size)]
IDENTITY = tuple(read.index for read in CLASSES)
EVERY = list(itertools.product(*(range(SIZES[read.network]) for read in CLASSES)))


def as_maps(values, max_states=10_000):
    """A set of maps, each given by what it reads every class as."""
    choices = tuple(Choice(NeuralSource(read.network, (read.index,)), SIZES[read.network]) for read in CLASSES)
    atoms = [Atom(level, value) for level, choice in enumerate(choices) for value in range(choice.num_classes)]
    keys = {(atom.choice, atom.class_index): number for number, atom in enumerate(atoms, start=1)}
    each = [And(tuple(keys[level, value] for level, value in enumerate(mapped))) for mapped in values]
    first = len(atoms) + 1
    nodes = (*atoms, *each, Or(tuple(range(first, first + len(each)))))
    return ClassMaps(compile(Formula(choices, nodes, {(): len(nodes)}, ("holds",), ())), SIZES, max_states)


def moved(values):
    return frozenset(read for read, value in zip(CLASSES, values, strict=True) if value != read.index)


def pushed_forward(prior, values):
    result = {network: [Fraction(0)] * size for network, size in SIZES.items()}
    for read, value in zip(CLASSES, values, strict=True):
        result[read.network][value] += prior[read.network][read.index]
    return result


@given(st.sets(st.sampled_from(EVERY), max_size=12), st.sets(st.sampled_from(CLASSES)), st.data())
def test_counts_and_nearest_maps_are_those_of_the_list(others, labelled, data):
    """Maps that move fewest come first; labelled classes stay where they are."""
    values = {IDENTITY, *others}
    maps = as_maps(values)
    staying = sorted(len(moved(each)) for each in values if not moved(each) & labelled)
    assert (maps.count(), maps.count_labelled(labelled)) == (len(values), len(staying))
    number = data.draw(st.integers(1, 13))
    nearest = maps.nearest(number, labelled)
    assert [len(each.moved) for each in nearest] == staying[:number]
    assert {tuple(itertools.chain(*each.values.values())) for each in nearest} <= values

    weights = {
        name: data.draw(st.lists(st.integers(1, 3), min_size=size, max_size=size)) for name, size in SIZES.items()
    }
    prior = {name: [Fraction(weight, sum(row)) for weight in row] for name, row in weights.items()}
    assert maps.count_preserving(prior) == sum(pushed_forward(prior, each) == prior for each in values)


@given(st.sets(st.sampled_from(EVERY), max_size=12), st.integers(1, 10))
def test_smallest_label_sets_catch_every_wrong_map_and_come_once(others, number):
    """Also where a candidate lets a map escape after others of its size were found good."""
    wrong = [moved(each) for each in others - {IDENTITY}]
    sets = (map(frozenset, itertools.combinations(CLASSES, size)) for size in range(len(CLASSES) + 1))
    smallest = next(
        found for each in sets if (found := [chosen for chosen in each if all(chosen & one for one in wrong)])
    )
    found = as_maps({IDENTITY, *others}).smallest_labelled_sets(number)
    assert set(found) <= set(smallest)
    assert len(found) == len(set(found)) == min(number, len(smallest))


def test_a_label_set_found_before_a_map_escapes_another_is_named_once():
    """The label of 0 catches both wrong maps; that of 1, tried after it, lets the second escape."""
    maps = as_maps([IDENTITY, (3, 3, 2, 3, 0, 1), (3, 1, 3, 3, 0, 1)])
    assert maps.smallest_labelled_sets(10) == [frozenset([ReadClass("digit", 0)])]


def test_a_count_of_too_many_states_is_refused():
    """Nothing is known of how long it would take."""
    with pytest.raises(LimitError, match="more than 3 states"):
        as_maps([IDENTITY, (3, 3, 2, 3, 0, 1), (3, 1, 3, 3, 0, 1), (0, 0, 0, 0, 0, 0)], max_states=3).count(
            0, lambda state, read, value: state * 7 + value
        )
