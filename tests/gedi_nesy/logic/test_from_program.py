"""What `Constraint.from_program` refuses, and what it takes for text, file or bundled name."""

from __future__ import annotations

import pytest

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.constraint import Constraint, ConstraintSpec, NetworkShape
from gedi_nesy.logic.from_program import read_program, specify
from gedi_nesy.logic.networks import check_networks
from gedi_nesy.logic.program import parse
from gedi_nesy.logic.query import QueryTemplate

DIGIT = "nn(net,[X],Y,[0,1,2,3]) :: digit(X,Y).\n"
ADD = DIGIT + "add(A,B,T) :- digit(A,X), digit(B,Y), T is X+Y."


@pytest.mark.parametrize(
    ("text", "query", "networks", "options", "message"),
    [
        (
            ADD,
            "add(A,B,T)",
            {"nett": "AB"},
            {},
            '<program> has no network "nett". Its networks: net. Did you mean "net"?',
        ),
        (
            ADD,
            "add(A,B,T)",
            {},
            {},
            "the query add(A,B,T) has no image; declare at least one of its variables as image",
        ),
        (
            ADD,
            "add(A,B,T)",
            {"net": "AX"},
            {},
            "the argument X is declared but the query add(A,B,T) has no such variable. Its variables: A, B, T.",
        ),
        (
            ADD,
            "add(A,B,T)",
            {"net": "A"},
            {},
            "<program>:1:28  the neural predicate digit/2 is asked about an open image; bind it, and declare every"
            " variable of the query that stands for an image as one",
        ),
        (
            ADD + "\nnn(net,[X]) :: p(X).",
            "add(A,B,T)",
            {"net": "AB"},
            {},
            "<program>:3:1  the network net has 4 classes in digit/2 and 2 in p/1",
        ),
        (
            DIGIT + "nn(net,[X,Z],Y,[0,1,2,3]) :: p2(X,Z,Y). p(A) :- p2(A,A,1).",
            "p(A)",
            {"net": "A"},
            {},
            "<program>:2:1  the neural predicate p2/3 reads 2 images at once, its network net reads 1 image",
        ),
        (
            DIGIT + "nn(two,[X],Y,[0,1]) :: b(X,Y). p(A) :- digit(A,0), b(A,1).",
            "p(A)",
            {"net": "A"},
            {},
            '<program>:2:1  the network "two" of b/2 is not bound: say which images it reads',
        ),
        (
            DIGIT + "total([],0). total([A|R],T) :- digit(A,X), total(R,S), T is X+S.",
            "total(L,T)",
            {"net": ["L"]},
            {"constants": {"T": "X+"}, "lengths": {"L": 2}},
            "the value 'X+' of the constant T is no term without variables, such as 7 or red",
        ),
    ],
)
def test_what_does_not_fit_is_named(text, query, networks, options, message):
    with pytest.raises(ProgramError) as caught:
        Constraint.from_program(text, query=query, networks={n: list(v) for n, v in networks.items()}, **options)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("num_classes", "message"),
    [
        (10, "p.pl:1:1  the neural predicate digit/2 has 4 values, its network has 10 classes"),
        (2, "p.pl:1:1  the neural predicate digit/2 has 4 values, its network has 2 classes"),
    ],
)
def test_a_network_of_another_size_is_named(num_classes, message):
    template = QueryTemplate.parse("digit(A,T)", {"A": "image", "T": "label"})
    spec = ConstraintSpec(parse(DIGIT, "p.pl"), template, {"net": NetworkShape((("A",),), num_classes)})
    with pytest.raises(ProgramError) as caught:
        check_networks(spec)
    assert str(caught.value) == message


def test_boolean_predicates_have_two_outcomes():
    template = QueryTemplate.parse("p(A)", {"A": "image"})
    spec = ConstraintSpec(parse("nn(net,[X]) :: p(X).", "p.pl"), template, {"net": NetworkShape((("A",),), 3)})
    with pytest.raises(ProgramError) as caught:
        check_networks(spec)
    assert str(caught.value) == (
        "p.pl:1:1  the neural predicate p/1 has 2 outcomes (nn/2: false, true), its network has 3 classes"
    )


def test_programs_come_as_text_file_or_name(tmp_path):
    file = tmp_path / "own.pl"
    file.write_text(ADD)
    assert read_program(ADD, False).defined == read_program(file, False).defined
    assert read_program(str(file), False).source == str(file)
    assert "sum_holds/3" in read_program("mnist_addition", False).defined


def test_lists_are_read_image_by_image():
    spec = specify(DIGIT + "first([A|_],T) :- digit(A,T).", "first(L,T)", {"net": ["L"]}, {"L": 2})
    assert spec.networks == {"net": NetworkShape((("L_1",), ("L_2",)), 4)}
    assert spec.template.labels == ("T",)
