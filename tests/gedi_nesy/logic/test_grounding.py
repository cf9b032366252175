from __future__ import annotations

import pytest

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic import guarded
from gedi_nesy.logic.formula import Atom, Choice, Constant, Learnable, NeuralSource
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


def test_an_input_may_be_bound_in_the_body(formula_of):
    text = "nn(net,[X],Y,[0,1]) :: kind(K,Y) :- place(K,X). place(front(A),A). p(A) :- kind(front(A),1)."
    assert formula_of(text, "p(A)", {"A": "image"}).choices == (Choice(NeuralSource("net", (0,)), 2),)


TENSOR = "set backend: deepproblog, or write nn/4 with the domain of its classes"
DEFINE = "Define it, or correct its name or number of arguments."
PYTHON = "which may run Python. If you trust the file, set allow_python: true."
EVIDENCE = (
    "Evidence cannot name the images of a query; write what is known of them into the query, as a goal after a comma"
)
BAD = {
    "p(A) :- digit(A,5).": "p.pl  the query p(A) has no proof: no classes of the images make it hold",
    # what is called and not there
    "p(A) :- digt(A,1).": 'p.pl:2:9  digt/2 is called but nothing defines it. Did you mean "digit/2"?',
    "p(A) :- digit(A).": 'p.pl:2:9  digit/1 is called but nothing defines it. Did you mean "digit/2"?',
    "p(A) :- digit(A,1), colour(A).": f"p.pl:2:21  colour/1 is called but nothing defines it. {DEFINE}",
    "p(A) :- \\+colour(A).": f"p.pl:2:11  colour/1 is called but nothing defines it. {DEFINE}",
    "p(A) :- call(colour, A).": f"p.pl:2:14  colour/1 is called but nothing defines it. {DEFINE}",
    "p(A) :- (digit(A,0) -> true ; fail).": (
        "p.pl:2:21  '->'/2 is called but nothing defines it."
        " ProbLog has no if-then-else; write a clause for each case, the second with \\+ of the condition."
    ),
    "p(A) :- digit(A,0), !.": (
        "p.pl:2:21  !/0 is called but nothing defines it. ProbLog has no cut; write \\+ of the earlier cases."
    ),
    "p(A) :- setof(X, digit(A,X), _).": ("p.pl:2:9  setof/3 is called but nothing defines it. Use findall/3 or all/3."),
    "p(A) :- assertz(seen(A)).": (
        "p.pl:2:9  assertz/1 is called but nothing defines it. It comes with :- use_module(library(assert))."
    ),
    "p(A) :- nn(net,[A],Y,[0,1]).": (
        "p.pl:2:9  nn/4 is called but nothing defines it."
        " Write it as a probability: nn(network,[X],Y,[values]) :: head(X,Y)."
    ),
    # networks that read what is no image
    "p(A) :- digit(3,1).": "p.pl:1:1  the network net reads 3, which is no image of the query p(A)",
    "p(A) :- digit(f(A),1).": "p.pl:1:1  the network net reads f(slot(0)), which is no image of the query p(A)",
    "p(A) :- digit(B,1).": (
        "p.pl:1:26  the neural predicate digit/2 is asked about an open image; bind it, and declare every variable of the"
        " query that stands for an image as one"
    ),
    # what only DeepProbLog can do
    "nn(net,[X],E) :: v(X,E). p(A) :- v(A,E).": (
        f"p.pl:2:1  the output of the neural predicate v/2 is a tensor (nn/3), which has no classes to reason about; {TENSOR}"
    ),
    "p(A) :- embed(A,E), digit(E,1).": (
        "p.pl:2:9  embed/2 is called but nothing defines it."
        f" It is one of DeepProbLog's predicates on tensors: {TENSOR}."
    ),
    "p(A) :- subquery(digit(A,1), P), P > 0.5.": (
        "p.pl:2:9  subquery/2 asks for the probability of a neural choice, which is not known before the networks have run"
    ),
    # cycles without meaning, recursion without end
    "p(A) :- \\+q(A). q(A) :- \\+p(A).": (
        "p.pl:2:25  a predicate depends on its own negation, which has no meaning in ProbLog; let one of the rules do without"
    ),
    "p(A) :- q(_), digit(A,1). q(L) :- findall(X, r(X), L). r(X) :- q(X).": (
        "p.pl:2:35  findall(X,r(X),L) collects answers that depend on itself, which has no meaning in ProbLog"
    ),
    "p(A) :- q(A,0). q(A,X) :- Y is X+1, q(A,Y).": (
        "p.pl  q/2 recurses deeper than 2,048 goals while grounding; does the recursion lack its end?"
    ),
    # probabilities
    "0.3::c(X,Y) :- digit(X,0). p(A) :- c(A,Y).": (
        "p.pl:2:6  the probabilistic clause of c(X,Y) still has variables once its body holds;"
        " the body must bind all of them"
    ),
    "x::c. p(A) :- c.": "p.pl:2:1  the probability x is not a number; write a number, or t(_) to learn it",
    "P::c(P) :- b(P). b(1.5). p(A) :- c(P).": "p.pl:2:20  the probability 1.5 is not between 0 and 1",
    "P::c; P::d :- b(P). b(0.7). p(A) :- c. p(A) :- d.": (
        "p.pl:2:23  the probabilities of an annotated disjunction sum to 1.4, more than 1"
    ),
    "t(_,N)::c :- b(N). b(_). p(A) :- c.": (
        "p.pl:2:9  the probabilistic clause of c still has variables once its body holds; the body must bind all of them"
    ),
    # arithmetic
    "p(A) :- X is foo+1, digit(A,X).": ("p.pl:2:11  X is foo+1 cannot be computed: foo/0 is no arithmetic function"),
    "p(A) :- X is Y+1, digit(A,X).": "p.pl:2:11  X is Y+1 is called with (X1, X2+1); it takes (any, ground)",
    "p(A) :- digit(A,X), 1 < 2 / X.": "p.pl:2:23  1<2/X cannot be computed: division by zero",
    'p(A) :- X is "s"+1, digit(A,X).': (
        'p.pl:2:11  ProbLog fails at X is "s"+1: TypeError: can only concatenate str (not "int") to str'
    ),
    "p(A) :- between(0,inf,X), digit(A,X).": (
        "p.pl:2:9  between(0,inf,X) is called with (0, inf, X1);"
        " it takes (integer, integer, integer) or (integer, integer, var)"
    ),
    # heads and evidence
    "plus(1,2,3). p(A) :- plus(1,1,X), digit(A,X).": (
        "p.pl:2:1  plus/3 is built into ProbLog; give the predicate of the program another name"
    ),
    "evidence(gone). gone :- fail. p(A) :- digit(A,1).": (
        "p.pl:2:10  the evidence gone contradicts the program: it can never hold"
    ),
    "p(A) :- digit(A,1). 0.3::b. evidence(b).\nevidence(\\+ fine). fine.": (
        "p.pl:3:13  the evidence \\+fine contradicts the program: it can never hold"
    ),
    "p(A) :- digit(A,1).\nis_one(X) :- digit(X,1). evidence(is_one(img)).": (
        f"p.pl:3:35  the evidence is_one(img) asks the network net about img. {EVIDENCE}"
    ),
    "p(A) :- digit(A,1).\nevidence(\\+ digit(_,1)).": (
        f"p.pl:3:10  the neural predicate digit/2 is asked about an open image. {EVIDENCE}"
    ),
    # files
    "p(A) :- G =.. [use_module,'/nowhere/x.py'], call(G).": f"p.pl  the program loads '/nowhere/x.py', {PYTHON}",
    "p(A) :- G =.. [consult,'/etc/passwd'], call(G).": f"p.pl  the program loads '/etc/passwd', {PYTHON}",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_program_gets_its_message(text, monkeypatch):
    monkeypatch.setattr(guarded, "MAX_STACK", 2048)
    program = parse(DIGIT + text, "p.pl")
    template = QueryTemplate.parse("p(A)", {"A": "image"})
    with pytest.raises(ProgramError) as caught:
        ground(program, template)
    assert str(caught.value) == BAD[text]


def test_a_fault_inside_a_library_names_the_library():
    program = parse(DIGIT + "p(A) :- sum_list([x], S), digit(A,S).")
    message = r"^library\(lists\):\d+:\d+  'is'\(X1,0\+x\) cannot be computed: x/0 is no arithmetic function$"
    with pytest.raises(ProgramError, match=message):
        ground(program, QueryTemplate.parse("p(A)", {"A": "image"}))


def test_tensor_valued_predicates_stand_by_unused(formula_of):
    formula = formula_of(DIGIT + "nn(encoder,[X],E) :: vector(X,E). p(A) :- digit(A,1).", "p(A)", {"A": "image"})
    assert formula.choices == (Choice(NeuralSource("net", (0,)), 3),)


DOMAINS = {
    "[-1, 0.5, 7]": ["-1", "0.5", "7"],
    "[+, -, *, /]": ["*", "+", "-", "/"],
    "[\"two words\", 'Upper', lower]": ["Upper", "lower", "two words"],
    "[f(a), [1, 2]]": ["[1, 2]", "f(a)"],
}


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_has_values_of_any_kind(domain, formula_of):
    formula = formula_of(f"nn(net,[X],Y,{domain}) :: value(X,Y).", "value(A,V)", {"A": "image", "V": "label"})
    assert [value for (value,) in formula.roots] == DOMAINS[domain]


def test_negative_numbers_of_a_domain_calculate(formula_of):
    text = "nn(net,[X],Y,[-1,0,1]) :: sign(X,Y). p(A,T) :- sign(A,Y), Y < 1, T is 2 * Y."
    assert list(formula_of(text, "p(A,T)", {"A": "image", "T": "label"}).roots) == [("-2",), ("0",)]


def test_one_network_in_two_predicates_is_two_choices_of_one_source(formula_of):
    text = DIGIT + "nn(net,[X],Y,[a,b,c]) :: letter(X,Y). p(A) :- digit(A,1), letter(A,a)."
    assert formula_of(text, "p(A)", {"A": "image"}).choices == (Choice(NeuralSource("net", (0,)), 3),) * 2


def _learnables(formula):
    return {choice.source.name: choice.source for choice in formula.choices if isinstance(choice.source, Learnable)}


def test_learnable_choices_start_as_written(formula_of):
    text = "t(0.2)::a. t(_)::b. t(_)::c; 0.4::d; t(_)::e. t(_)::f; 0.5::g. q :- a, b, c, f. q :- d, e. q :- g."
    assert _learnables(formula_of(text, "q")) == {
        "t::a": Learnable("t::a", (0.2, 0.8), (False, False)),
        "t::b": Learnable("t::b", (0.5, 0.5), (False, False)),
        "t::c; 0.4::d; t::e": Learnable("t::c; 0.4::d; t::e", (0.3, 0.4, 0.3), (False, True, False)),
        "t::f; 0.5::g": Learnable("t::f; 0.5::g", (0.25, 0.5, 0.25), (False, True, False)),
    }


def test_groundings_of_a_clause_share_parameters_and_are_independent(formula_of):
    formula = formula_of("t(0.2)::heads(C) :- coin(C). coin(1). coin(2). q :- heads(1), heads(2).", "q")
    assert formula.choices == (Choice(Learnable("t::heads(C)", (0.2, 0.8), (False, False)), 2),) * 2


def test_arguments_of_t_make_parameters_for_each_of_their_values(formula_of):
    text = "t(_,C)::heads(C,I) :- coin(C), turn(I). coin(a). coin(b). turn(1). turn(2)."
    formula = formula_of(text + " q :- heads(a,1), heads(a,2), heads(b,1).", "q")
    names = [choice.source.name for choice in formula.choices]
    assert sorted(names) == ["t::heads(C,I) [a]"] * 2 + ["t::heads(C,I) [b]"]


def test_clauses_that_read_the_same_have_parameters_of_their_own(formula_of):
    assert set(_learnables(formula_of("t(_)::a.\nt(_)::a.\nq :- a.", "q"))) == {"t::a", "t::a (line 2)"}


def test_heads_of_a_learnable_disjunction_keep_their_classes(formula_of):
    """A head that no proof needs does not move the others."""
    formula = formula_of("t(0.1)::a; t(0.2)::b; 0.3::c :- d. 0.5::d. q :- c.", "q")
    index = next(i for i, choice in enumerate(formula.choices) if isinstance(choice.source, Learnable))
    assert Atom(index, 2) in formula.nodes
    assert formula.choices[index].source.initial == pytest.approx((0.1, 0.2, 0.3, 0.4))


def test_an_open_label_is_an_error():
    with pytest.raises(ProgramError, match=r"the answer p.* of the query p.A,T. leaves a label open"):
        ground(parse("p(A,T)."), QueryTemplate.parse("p(A,T)", {"A": "image", "T": "label"}))


def test_answers_that_read_the_same_are_an_error():
    program = parse('p(A,one). p(A,"one").')
    with pytest.raises(ProgramError, match="not the only one to read so in a table of labels"):
        ground(program, QueryTemplate.parse("p(A,T)", {"A": "image", "T": "label"}))
