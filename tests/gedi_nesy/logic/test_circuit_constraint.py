from __future__ import annotations

import doctest
import importlib

import pytest
import torch
from scipy.stats import chisquare

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.circuit_constraint import build_constraint
from gedi_nesy.logic.program import parse
from gedi_nesy.logic.query import QueryTemplate

DIGIT = "nn(net,[X],Y,[0,1,2,3]) :: digit(X,Y).\n"
SUM = (
    DIGIT
    + "sum(A,B,C) :- digit(A,X), digit(B,Y), Z is X+Y, digit(C,Z).\nadd(A,B,T) :- digit(A,X), digit(B,Y), T is X+Y."
)


def make(text, query, images, labels="", num_classes=4):
    roles = dict.fromkeys(images, "image") | dict.fromkeys(labels, "label")
    return build_constraint(parse(text, "p.pl"), QueryTemplate.parse(query, roles), num_classes)


def random_log_probs(examples, slots, classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(examples, slots, classes, generator=generator, dtype=torch.float64).log_softmax(2)


@pytest.mark.parametrize("name", ["program", "query", "circuit_constraint"])
def test_examples_in_docstrings(name):
    results = doctest.testmod(importlib.import_module(f"gedi_nesy.logic.{name}"), extraglobs=_doctest_names())
    assert results.failed == 0
    assert results.attempted > 0


def _doctest_names():
    return {"parse": parse, "build_constraint": build_constraint, "QueryTemplate": QueryTemplate, "torch": torch}


def test_sum_triple_is_the_literal_formula():
    constraint = make(SUM, "sum(A,B,C)", "ABC")
    log_probs = random_log_probs(5, 3).requires_grad_()
    p = log_probs.exp()
    pairs = [(a, b) for a in range(4) for b in range(4) if a + b < 4]
    literal = sum(p[:, 0, a] * p[:, 1, b] * p[:, 2, a + b] for a, b in pairs).log()
    actual = constraint(log_probs, constraint.no_label(5))
    torch.testing.assert_close(actual, literal, rtol=0, atol=1e-12)
    torch.testing.assert_close(
        torch.autograd.grad(actual.sum(), log_probs)[0],
        torch.autograd.grad(literal.sum(), log_probs)[0],
        rtol=0,
        atol=1e-12,
    )


def test_each_example_has_its_own_answer():
    constraint = make(SUM, "add(A,B,T)", "AB", "T")
    log_probs = random_log_probs(7, 2)
    answer = torch.arange(7)
    by_answer = constraint.answer_log_probs(log_probs)
    assert constraint.answers == tuple((str(total),) for total in range(7))
    assert constraint.answer_index(("5",)) == 5
    torch.testing.assert_close(constraint(log_probs, answer), by_answer[answer, answer])
    torch.testing.assert_close(by_answer.exp().sum(1), torch.ones(7, dtype=torch.float64))


def test_batch_equals_single_calls():
    constraint = make(SUM, "add(A,B,T)", "AB", "T")
    log_probs, answer = random_log_probs(6, 2), torch.tensor([0, 6, 3, 3, 1, 5])
    single = torch.cat([constraint(log_probs[i : i + 1], answer[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(constraint(log_probs, answer), single, rtol=0, atol=1e-12)


def test_gradients_of_logits_are_finite_when_the_network_is_certain():
    constraint = make(SUM, "sum(A,B,C)", "ABC")
    logits = torch.tensor([[[1e4, 0, 0, 0], [0, 1e4, 0, 0], [0, 0, 1e4, 0]]], requires_grad=True)  # 0 + 1 = 2: false
    value = constraint(logits.log_softmax(2), constraint.no_label(1))
    value.sum().backward()
    assert value.isfinite().all()
    assert logits.grad.isfinite().all()
    assert logits.grad.abs().sum() > 0


def test_evidence_conditions_the_answers():
    constraint = make(
        SUM + " evidence(small). small :- \\+ big. 0.5::big.\np(A,T) :- digit(A,T), small.", "p(A,T)", "A", "T"
    )
    log_probs = random_log_probs(3, 1)
    torch.testing.assert_close(constraint.answer_log_probs(log_probs), log_probs[:, 0])


def test_impossible_evidence_leaves_no_answer_possible():
    constraint = make(
        DIGIT + "nn(net,[X],Y,[0,1,2,3]) :: again(X,Y). 0.5::c. evidence(e). e :- c. p(A,T) :- digit(A,T), c.",
        "p(A,T)",
        "A",
        "T",
    )
    constraint.constant_log_probs.fill_(-torch.inf)
    assert (constraint.answer_log_probs(random_log_probs(2, 1)) == -torch.inf).all()


def test_one_image_twice_is_one_variable():
    constraint = make(DIGIT + "same(A,B) :- digit(A,X), digit(B,X).", "same(A,A)", "A")
    assert constraint.slots == ("A",)
    torch.testing.assert_close(
        constraint(random_log_probs(2, 1), constraint.no_label(2)), torch.zeros(2, dtype=torch.float64)
    )


def test_satisfied_reads_classes():
    constraint = make(SUM, "add(A,B,T)", "AB", "T")
    classes = torch.tensor([[1, 2], [1, 2], [0, 0]])
    assert constraint.satisfied(classes, torch.tensor([3, 4, 0])).tolist() == [True, False, True]


def test_worlds_of_the_sum_triple_are_uniform():
    constraint = make(SUM, "sum(A,B,C)", "ABC")
    classes, answer = constraint.sample_worlds(5_000, torch.Generator().manual_seed(0))
    assert (classes[:, 0] + classes[:, 1] == classes[:, 2]).all()
    assert (answer == 0).all()
    counts = torch.bincount(classes[:, 0] * 4 + classes[:, 1], minlength=16)
    assert chisquare(counts[counts > 0]).pvalue > 0.01
    assert (counts > 0).sum() == 10


def test_answers_of_worlds_are_uniform_among_the_provable():
    constraint = make(DIGIT + "p(A,B,T) :- digit(A,X), digit(B,Y), X > Y, between(Y, X, T).", "p(A,B,T)", "AB", "T")
    classes, answer = constraint.sample_worlds(6_000, torch.Generator().manual_seed(1))
    pairs = torch.bincount(classes[:, 0] * 4 + classes[:, 1], minlength=16)
    assert chisquare(pairs[pairs > 0]).pvalue > 0.01
    assert (pairs > 0).sum() == 6
    assert constraint.satisfied(classes, answer).all()
    of_pair = answer[(classes == torch.tensor([3, 1])).all(1)]
    assert chisquare(torch.bincount(of_pair)[1:4]).pvalue > 0.01


def test_images_that_the_answer_does_not_depend_on_are_uniform():
    constraint = make(DIGIT + "p(A,B,C) :- digit(A,1), B = B. p(A,B,C) :- digit(A,2), digit(C,3).", "p(A,B,C)", "ABC")
    classes, _ = constraint.sample_worlds(6_000, torch.Generator().manual_seed(2))
    worlds = torch.bincount(classes[:, 0] * 16 + classes[:, 1] * 4 + classes[:, 2], minlength=64)
    assert (worlds > 0).sum() == 16 + 4
    assert chisquare(worlds[worlds > 0]).pvalue > 0.01


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            DIGIT + "0.5::c. p(A) :- digit(A,1), c.",
            "query p(A)  worlds cannot be drawn from a program with probabilities of its own",
        ),
        (
            DIGIT + "nn(net,[X],Y,[0,1,2,3]) :: again(X,Y). p(A) :- digit(A,X), again(A,X).",
            "query p(A)  worlds cannot be drawn: the program makes two independent choices for one image",
        ),
    ],
)
def test_worlds_are_refused_where_they_would_not_be_uniform(text, message):
    with pytest.raises(ProgramError) as caught:
        make(text, "p(A)", "A").sample_worlds(1, torch.Generator())
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "num_classes", "message"),
    [
        (SUM, 10, "p.pl:1:1  the neural predicate digit/2 has 4 values, its network has 10 classes"),
        (
            "nn(net,[X]) :: p(X).",
            3,
            "p.pl:1:1  the neural predicate p/1 has 2 outcomes (nn/2: false, true), its network has 3 classes",
        ),
        (
            "nn(net,[X,Z],Y,[0,1]) :: p2(X,Z,Y). p(A) :- p2(A,A,1).",
            2,
            "p.pl:1:1  the neural predicate p2/3 reads 2 images at once; a constraint's network reads one",
        ),
        (
            "nn(one,[X],Y,[0,1]) :: a(X,Y). nn(two,[X],Y,[0,1]) :: b(X,Y). p(A) :- a(A,0), b(A,1).",
            2,
            "p.pl:1:32  the program uses a second network, two beside one; a constraint has one",
        ),
    ],
)
def test_a_program_that_does_not_fit_the_network_is_an_error(text, num_classes, message):
    with pytest.raises(ProgramError) as caught:
        make(text, "p(A)", "A", num_classes=num_classes)
    assert str(caught.value) == message


def test_a_query_without_image_is_an_error():
    with pytest.raises(ProgramError) as caught:
        make(DIGIT + "p(1).", "p(T)", "", "T")
    assert str(caught.value) == "the query p(T) has no image; declare at least one of its variables as image"


def test_a_label_outside_the_answers_is_an_error():
    with pytest.raises(ProgramError, match=r"\(7\) is no answer of the query"):
        make(SUM, "add(A,B,T)", "AB", "T").answer_index(("7",))


@pytest.mark.parametrize("shape", [(2, 2, 4), (2, 3, 5), (3, 4)])
def test_wrong_shapes_are_named(shape):
    constraint = make(SUM, "sum(A,B,C)", "ABC")
    with pytest.raises(ValueError) as caught:
        constraint(torch.zeros(shape), torch.zeros(2, dtype=torch.long))
    assert str(caught.value) == f"class_log_probs must be (examples, 3 slots, 4 classes), got {shape}"
