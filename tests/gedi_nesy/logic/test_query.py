from __future__ import annotations

import pytest

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.program import parse
from gedi_nesy.logic.query import QueryTemplate, check_template, sort_answers


def test_slots_and_labels_come_in_order_of_occurrence():
    roles = {"Total": "label", "A": "image", "B": "image", "C": "image", "D": "image"}
    template = QueryTemplate.parse("addition([D,B],f(C,[A]),Total)", roles)
    assert template.slots == ("D", "B", "C", "A")
    assert template.labels == ("Total",)
    assert str(template.goal()) == "addition([slot(0), slot(1)],f(slot(2),[slot(3)]),Total)"


def test_constants_stay():
    assert str(QueryTemplate.parse("sum(A, B, 7).", {"A": "image", "B": "image"}).goal()) == "sum(slot(0),slot(1),7)"


def test_answers_are_read_from_inside_a_proof():
    from problog.logic import Term

    template = QueryTemplate.parse("p(A, f(X, [Y]))", {"A": "image", "X": "label", "Y": "label"})
    assert template.answer(Term.from_string('p(slot(0), f(3, ["two words"]))')) == ("3", "two words")
    assert template.answer(Term.from_string("p(slot(0), f(3, [Z]))")) is None


BAD_TEMPLATES = [
    (
        "p(A,B)",
        {"A": "image"},
        "the variable B of the query p(A,B) is not declared; say whether it is an image or a label. Declared: A.",
    ),
    (
        "add(A,Totl)",
        {"A": "image", "Total": "label"},
        "the variable Totl of the query add(A,Totl) is not declared; say whether it is an image or a label."
        ' Declared: A, Total. Did you mean "Total"?',
    ),
    (
        "p(A)",
        {"A": "image", "B": "label"},
        "the argument B is declared but the query p(A) has no such variable. Its variables: A.",
    ),
    ("p(A)", {"A": "imgae"}, "the argument A is declared as 'imgae'; allowed: image, label. Did you mean \"image\"?"),
    ("p(A", {"A": "image"}, "the query 'p(A' is not a term such as addition(A,B,Total)"),
    ("p(A), q(A)", {"A": "image"}, "the query 'p(A), q(A)' is not a term such as addition(A,B,Total)"),
    ("p(A) :- q(A)", {"A": "image"}, "the query 'p(A) :- q(A)' is not a term such as addition(A,B,Total)"),
    ("A", {"A": "image"}, "the query 'A' is not a term such as addition(A,B,Total)"),
    ("", {}, "the query '' is not a term such as addition(A,B,Total)"),
]


@pytest.mark.parametrize(("text", "roles", "message"), BAD_TEMPLATES, ids=[case[0] for case in BAD_TEMPLATES])
def test_bad_template_gets_its_message(text, roles, message):
    with pytest.raises(ProgramError) as caught:
        QueryTemplate.parse(text, roles)
    assert str(caught.value) == message


def test_unknown_predicate_lists_what_is_defined():
    program = parse("addition(a,b,1). other(a). query(other(a)).", "p.pl")
    with pytest.raises(ProgramError) as caught:
        check_template(program, QueryTemplate.parse("adition(A,B,T)", dict.fromkeys("ABT", "image")))
    assert str(caught.value) == (
        "p.pl  the program does not define adition/3 of the query adition(A,B,T). Defined: addition/3, other/1."
        ' Did you mean "addition/3"?'
    )


def test_wrong_arity_names_the_arities_there_are():
    program = parse("add(a,b,1). add(a).", "p.pl")
    with pytest.raises(ProgramError) as caught:
        check_template(program, QueryTemplate.parse("add(A,B)", dict.fromkeys("AB", "image")))
    assert str(caught.value) == (
        "p.pl  slots and query arity differ: the query add(A,B) has arity 2, the program defines add with arity 3 or 1"
    )


def test_answers_sort_by_number_then_text():
    answers = {("10",): 0, ("b",): 1, ("9",): 2, ("a",): 3, ("-1",): 4}
    assert list(sort_answers(answers)) == [("-1",), ("9",), ("10",), ("a",), ("b",)]
