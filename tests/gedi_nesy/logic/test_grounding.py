from __future__ import annotations

import pytest

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.formula import Choice, Constant, NeuralSource
from gedi_nesy.logic.grounding import ground
from gedi_nesy.logic.program import parse
from gedi_nesy.logic.query import QueryTemplate

DIGIT = "nn(net,[X],Y,[0,1,2]) :: digit(X,Y).\n"


def test_neural_choices_name_network_and_slots(formula_of):
    text = DIGIT + "nn(rel,[X,Z],Y,[lt,ge]) :: rel(X,Z,Y).\np(A,B) :- digit(B,1), rel(B,A,lt)."
    formula = formula_of(text, "p(A,B)", {"A": "image", "B": "image"})
    assert set(formula.choices) == {Choice(NeuralSource("net", (1,)), 3), Choice(NeuralSource("rel", (1, 0)), 2)}


def test_label_columns_make_one_root_for_each_answer(formula_of):
    formula = formula_of(
        DIGIT + "add(A,B,T) :- digit(A,X), digit(B,Y), T is X+Y.", "add(A,B,T)", dict(A="image", B="image", T="label")
    )
    assert list(formula.roots) == [("0",), ("1",), ("2",), ("3",), ("4",)]
    assert formula.queries[3] == "add(slot(0),slot(1),3)"


def test_constant_choices_have_a_class_for_the_rest(formula_of):
    (choice,) = formula_of("0.2::a; 0.3::b; 0.1::c. q :- a. q :- c.", "q").choices
    assert isinstance(choice.source, Constant)
    assert choice.source.probabilities == pytest.approx((0.2, 0.1, 0.7))


def test_boolean_neural_predicate_has_classes_false_and_true(formula_of, evaluate):
    from gedi_nesy.logic.compiling import compile

    formula = formula_of("nn(net,[X]) :: ok(X). p(A) :- \\+ok(A).", "p(A)", {"A": "image"})
    assert formula.choices == (Choice(NeuralSource("net", (0,)), 2),)
    assert evaluate(compile(formula), [[0.3, 0.7]]) == pytest.approx({(): 0.3})


BAD = {
    "p(A) :- digit(A,5).": "p.pl  the query p(A) has no proof: no classes of the images make it hold",
    "p(A) :- digt(A,1).": 'p.pl:2:9  digt/2 is called but nothing defines it. Did you mean "digit/2"?',
    "p(A) :- digit(3,1).": "p.pl:1:1  the network net reads 3, which is no image of the query p(A)",
    "p(A) :- digit(f(A),1).": "p.pl:1:1  the network net reads f(slot(0)), which is no image of the query p(A)",
    "p(A) :- \\+p(A).": "p.pl:2:9  a predicate depends on its own negation, which has no meaning in ProbLog",
    "0.3::c(X). p(A) :- c(A).": None,
    "0.3::c(X,Y) :- digit(X,0). p(A) :- c(A,Y).": (
        "p.pl:2:6  a probabilistic clause still has variables once its body holds; the body must bind all of them"
    ),
    "t(0.3)::c. p(A) :- c.": "p.pl:2:1  learnable probabilities t(_) are not supported yet; write a number",
    "x::c. p(A) :- c.": "p.pl:2:1  the probability x is not a number",
    "P::c(P) :- b(P). b(1.5). p(A) :- c(P).": "p.pl:2:20  the probability 1.5 is not between 0 and 1",
    "nn(net,[X],E) :: v(X,E). p(A) :- v(A,E).": (
        "p.pl:2:1  the neural predicate v/2 has a tensor as its output (nn/3),"
        " which a constraint over class probabilities cannot use; write nn/4 with the domain of its classes"
    ),
    "evidence(gone). gone :- fail. p(A) :- digit(A,1).": (
        "p.pl  the evidence gone contradicts the program: it can never hold"
    ),
    "p(A) :- G =.. [use_module,'/nowhere/x.py'], call(G).": (
        "p.pl  the program loads '/nowhere/x.py', which may run Python. If you trust the file, set allow_python: true."
    ),
    "p(A) :- G =.. [consult,'/etc/passwd'], call(G).": (
        "p.pl  the program loads '/etc/passwd', which may run Python. If you trust the file, set allow_python: true."
    ),
    "p(A) :- X is foo+1, digit(A,X).": "p.pl:2:11  Error while evaluating 'is'(X1,foo+1): Unknown function 'foo'/0",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_program_gets_its_message(text):
    program = parse(DIGIT + text, "p.pl")
    template = QueryTemplate.parse("p(A)", {"A": "image"})
    if BAD[text] is None:
        ground(program, template)
        return
    with pytest.raises(ProgramError) as caught:
        ground(program, template)
    assert str(caught.value) == BAD[text]


def test_an_open_label_is_an_error():
    with pytest.raises(ProgramError, match=r"the answer p.* of the query p.A,T. leaves a label open"):
        ground(parse("p(A,T)."), QueryTemplate.parse("p(A,T)", {"A": "image", "T": "label"}))


def test_answers_that_read_the_same_are_an_error():
    program = parse('p(A,one). p(A,"one").')
    with pytest.raises(ProgramError, match="not the only one to read so in a table of labels"):
        ground(program, QueryTemplate.parse("p(A,T)", {"A": "image", "T": "label"}))
