from __future__ import annotations

import pytest

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.grounding import ground
from gedi_nesy.logic.program import parse
from gedi_nesy.logic.query import QueryTemplate, check_template, find_answer, one_goal, sort_answers, variables_of


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
    (
        "p(A)",
        {"A": "imgae"},
        "the argument A is declared as 'imgae'; allowed: image, images, label, constant. Did you mean \"image\"?",
    ),
    ("p(A", {"A": "image"}, "the query 'p(A' is not a term such as addition(A,B,Total)"),
    ("p(A,f())", {"A": "image"}, "the query 'p(A,f())' is not a term such as addition(A,B,Total)"),
    ("p(A), 3", {"A": "image"}, "the query 'p(A), 3' is not a term such as addition(A,B,Total)"),
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


def test_a_list_becomes_slots_and_a_constant_its_value():
    roles = {"Digits": "images", "Base": "constant", "A": "image", "Total": "label"}
    template = QueryTemplate.parse("value([A|Digits], Base, Total)", roles)
    assert (template.slots, template.lists, template.constants) == (("A",), ("Digits",), ("Base",))
    bound = template.bind({"Digits": 2}, {"Base": "red"})
    assert bound.text == "value([A, Digits_1, Digits_2],red,Total)"
    assert (bound.slots, bound.labels) == (("A", "Digits_1", "Digits_2"), ("Total",))
    assert QueryTemplate.parse(bound.text, dict(bound.arguments)) == bound


def test_a_list_may_be_empty():
    assert QueryTemplate.parse("p(L,A)", {"L": "images", "A": "image"}).bind({"L": 0}).text == "p([],A)"


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ({}, "the query p(A,K) is asked without K: give its value"),
        ({"K": "X"}, "the value 'X' of the constant K is no term without variables, such as 7 or red"),
        ({"K": "1,"}, "the value '1,' of the constant K is no term without variables, such as 7 or red"),
    ],
)
def test_constants_need_values(constants, message):
    with pytest.raises(ProgramError) as caught:
        QueryTemplate.parse("p(A,K)", {"A": "image", "K": "constant"}).bind({}, constants)
    assert str(caught.value) == message


def test_slots_with_one_image_become_one_variable():
    template = QueryTemplate.parse("p(A,[B,C],T)", dict.fromkeys("ABC", "image") | {"T": "label"})
    assert template.identify((0, 1, 0)).text == "p(A,[B, A],T)"
    assert template.identify((0, 1, 0)).slots == ("A", "B")


def test_several_goals_are_checked_one_by_one():
    program = parse("p(a). q(a).", "p.pl")
    with pytest.raises(ProgramError, match="does not define r/1 of the query"):
        check_template(program, QueryTemplate.parse("p(A), \\+ r(A)", {"A": "image"}))


def test_a_query_of_several_goals_keeps_positions_and_text():
    program = parse("nn(n,[X],Y,[0,1]) :: bit(X,Y).\np(A) :- bit(A,1).", "p.pl")
    template = QueryTemplate.parse("p(A), \\+ p(B)", {"A": "image", "B": "image"})
    extended, single = one_goal(program, template)
    assert extended.neural_predicates == program.neural_predicates
    assert single.text == template.text and len(single.goals()) == 1 and single.slots == ("A", "B")
    assert one_goal(program, QueryTemplate.parse("p(A)", {"A": "image"}))[0] is program


@pytest.mark.parametrize("query", ["p(A,(-1)**2,T)", "p(A,(-1)**2,T), r(B)", "p(A,(-1)**2,T), r(B)."])
def test_parentheses_of_a_query_of_several_goals_are_kept(query):
    program = parse("nn(n,[X],Y,[0,1]) :: bit(X,Y). p(X,E,T) :- bit(X,_), T is E. r(X) :- bit(X,_).")
    roles = {"A": "image", "B": "image", "T": "label"}
    template = QueryTemplate.parse(query, {name: roles[name] for name in variables_of(query)})
    assert list(ground(program, template).roots) == [("1",)]


def test_a_query_that_changes_when_an_image_stands_in_two_slots_is_refused():
    template = QueryTemplate.parse("p(A,B,(-1)**2)", dict.fromkeys("AB", "image"))
    with pytest.raises(ProgramError) as caught:
        template.identify((0, 0))
    assert str(caught.value) == (
        "the query p(A,B,(-1)**2) becomes p(A,A,-1**2), which ProbLog reads as something else; use simpler terms in it"
        " and simpler values of constants"
    )


def test_values_that_change_on_paper_are_refused():
    template = QueryTemplate.parse("p(A,K)", {"A": "image", "K": "constant"})
    for value in ("'two words'", "-3", "0.5", '"text"', "f(a, [1, 2])"):
        assert template.bind({}, {"K": value}).text == f"p(A,{value})".replace("(a, ", "(a,")
    with pytest.raises(ProgramError, match=r"ProbLog reads the value 1e-20 of the constant K as 0\.0; use fewer"):
        template.bind({}, {"K": "1e-20"})
    with pytest.raises(ProgramError, match=r"the query p\(A,K\) becomes p\(A,:-\(a,b\)\), which ProbLog reads as s"):
        template.bind({}, {"K": "a:-b"})


def test_a_variable_named_like_an_image_of_a_list_is_refused():
    template = QueryTemplate.parse("p(L,L_1)", {"L": "images", "L_1": "label"})
    with pytest.raises(ProgramError, match="the variable L_1 of the query"):
        template.bind({"L": 2})


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("'two words'", "two words"),
        ("'don\\'t'", "don't"),
        ('"say \\"no\\""', 'say "no"'),
        ("'a\\\\b'", "a\\b"),
        ("'a\\nb'", "a\nb"),
        ("'a'+'b'", "'a'+'b'"),
        ("f('a')", "f('a')"),
    ],
)
def test_labels_read_as_in_a_table(written, label):
    template = QueryTemplate.parse("p(L)", {"L": "label"})
    assert list(ground(parse(f"p({written})."), template).roots) == [(label,)]


def test_an_answer_is_found_by_its_labels_exactly_or_but_for_spaces():
    answers = [("a", "[0, 1]"), ("a,b", "c"), ("a, b", "c")]
    assert find_answer(answers, ["a, b", "c"]) == ("a, b", "c")
    assert find_answer(answers, ["a", "[0,1]"]) == ("a", "[0, 1]")
    assert find_answer(answers, ["a", "[01]"]) is None
