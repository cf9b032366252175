"""Drawings are well-formed SVG that shows each node, edge and root."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.circuit import TRUE, Circuit, Node
from gedi_nesy.logic.drawing import Names, circuit_svg
from gedi_nesy.logic.formula import Choice, NeuralSource

SVG = "{http://www.w3.org/2000/svg}"


def circuit_of(*nodes, num_choices=2, num_classes=6):
    choices = tuple(Choice(NeuralSource("net", (slot,)), num_classes) for slot in range(num_choices))
    return Circuit(choices, nodes, (("x",),), (len(nodes) - 1,), TRUE, len(nodes) - 1, ("p",))


def draw(circuit, roots, classes=tuple("012345")):
    names = Names([f"net({slot})" for slot in "AB"], [classes] * len(circuit.choices), roots)
    return ElementTree.fromstring(circuit_svg(circuit, names))


def texts(picture):
    return [text.text for text in picture.iter(f"{SVG}text")]


def test_edges_are_labelled_with_their_classes():
    below = Node(1, tuple((index, TRUE) for index in range(6)))
    top = Node(0, ((0, TRUE), (1, TRUE), (2, TRUE), (4, TRUE), (5, 0)))
    picture = draw(circuit_of(below, top), {1: "holds & <more>"})
    assert sorted(texts(picture)) == ["0-2, 4", "5", "any", "holds & <more>", "net(A)", "net(B)", "true"]
    assert len(list(picture.iter(f"{SVG}circle"))) == 3
    assert len(list(picture.iter(f"{SVG}path"))) == 3


def test_classes_that_are_no_numbers_are_listed_one_by_one_and_then_counted():
    picture = draw(circuit_of(Node(0, tuple((index, TRUE) for index in range(5)))), {0: "x"}, tuple("abcdef"))
    assert "a, b, c, d, +1" in texts(picture)


def test_only_what_is_below_the_roots_is_drawn():
    circuit = circuit_of(Node(1, ((0, TRUE),)), Node(0, ((1, 0),)))
    picture = draw(circuit, {0: "x"})
    assert "net(A)" not in texts(picture) and "net(B)" in texts(picture)


def test_an_answer_that_always_holds_is_drawn_too():
    assert texts(draw(circuit_of(), {TRUE: "x"})) == ["true", "x"]


def test_too_large_a_circuit_is_refused():
    nodes = [Node(1, ((0, TRUE),))] + [Node(0, ((index % 6, index),)) for index in range(200)]
    circuit = circuit_of(*nodes)
    with pytest.raises(ProgramError, match="the circuit has 201 nodes, more than the 150 that fit a picture"):
        draw(circuit, {200: "x"})
