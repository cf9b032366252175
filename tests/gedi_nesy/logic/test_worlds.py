"""Training examples are drawn uniformly among the worlds in which the query can be proved."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import chisquare

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.constraint import Constraint
from gedi_nesy.logic.worlds import sample_worlds

DIGIT = "nn(net,[X],Y,[0,1,2,3]) :: digit(X,Y).\n"
SUM = (
    DIGIT
    + "sum(A,B,C) :- digit(A,X), digit(B,Y), Z is X+Y, digit(C,Z).\nadd(A,B,T) :- digit(A,X), digit(B,Y), T is X+Y."
)


def make(text, query, images):
    return Constraint.from_program(text, query=query, networks={"net": list(images)})


def draw(constraint, num, seed):
    worlds = sample_worlds(constraint.circuit, constraint.template, num, torch.Generator().manual_seed(seed))
    return worlds.classes, worlds.answer


def test_worlds_of_the_sum_triple_are_uniform():
    constraint = make(SUM, "sum(A,B,C)", "ABC")
    classes, answer = draw(constraint, 5_000, 0)
    assert (classes[:, 0] + classes[:, 1] == classes[:, 2]).all()
    assert (answer == 0).all()
    counts = torch.bincount(classes[:, 0] * 4 + classes[:, 1], minlength=16)
    assert chisquare(counts[counts > 0]).pvalue > 0.01
    assert (counts > 0).sum() == 10


def test_answers_of_worlds_are_uniform_among_the_provable():
    constraint = make(DIGIT + "p(A,B,T) :- digit(A,X), digit(B,Y), X > Y, between(Y, X, T).", "p(A,B,T)", "AB")
    classes, answer = draw(constraint, 6_000, 1)
    pairs = torch.bincount(classes[:, 0] * 4 + classes[:, 1], minlength=16)
    assert chisquare(pairs[pairs > 0]).pvalue > 0.01
    assert (pairs > 0).sum() == 6
    assert constraint.satisfied(classes, answer).all()
    of_pair = answer[(classes == torch.tensor([3, 1])).all(1)]
    assert chisquare(torch.bincount(of_pair)[1:4]).pvalue > 0.01


@pytest.mark.parametrize(
    ("proofs", "seed"),
    [
        ("p(A,B) :- digit(A,1). p(A,B) :- digit(A,2), digit(B,3).", 2),
        # The circuit asks for B first: A is open where B is 1, and 2 where B is 3.
        ("p(A,B) :- digit(B,1). p(A,B) :- digit(B,3), digit(A,2).", 4),
    ],
)
def test_images_that_a_proof_does_not_depend_on_are_uniform(proofs, seed):
    classes, _ = draw(make(DIGIT + proofs, "p(A,B)", "AB"), 6_000, seed)
    worlds = torch.bincount(classes[:, 0] * 4 + classes[:, 1], minlength=16)
    assert (worlds > 0).sum() == 4 + 1
    assert chisquare(worlds[worlds > 0]).pvalue > 0.01


@pytest.mark.parametrize(
    ("text", "images", "message"),
    [
        (
            DIGIT + "nn(net,[X],Y,[0,1,2,3]) :: again(X,Y). p(A) :- digit(A,X), again(A,X).",
            ["A"],
            "query p(A)  worlds cannot be drawn: the program makes two choices for one image",
        ),
        (
            "nn(net,[X,Y],Z,[0,1]) :: both(X,Y,Z). p(A) :- both(A,A,1).",
            [("A", "A")],
            "query p(A)  worlds cannot be drawn: net reads several images at once",
        ),
    ],
)
def test_worlds_are_refused_where_labels_could_not_make_them(text, images, message):
    constraint = make(text, "p(A)", images)
    with pytest.raises(ProgramError) as caught:
        draw(constraint, 1, 0)
    assert str(caught.value) == message


def test_chance_of_the_program_is_part_of_the_world():
    """P(digit | p) for uniform digits: 1 always, 2 with the coin, others never."""
    constraint = make(DIGIT + "0.25::coin. p(A) :- digit(A,1). p(A) :- digit(A,2), coin.", "p(A)", "A")
    classes, _ = draw(constraint, 5_000, 3)
    counts = torch.bincount(classes[:, 0], minlength=4)
    assert counts[0] == counts[3] == 0
    assert chisquare(counts[1:3], [4_000, 1_000]).pvalue > 0.01


def test_chance_that_decides_between_answers_keeps_its_probabilities():
    """Some answer holds whatever the coin shows."""
    constraint = make(DIGIT + "0.25::coin. p(A,1) :- digit(A,1), coin. p(A,0) :- digit(A,1), \\+coin.", "p(A,T)", "A")
    _, answer = draw(constraint, 5_000, 5)
    is_one = answer == constraint.answer_index([1])
    assert chisquare([is_one.sum(), (~is_one).sum()], [1_250, 3_750]).pvalue > 0.01


def test_slots_that_no_answer_reads_have_no_network():
    constraint = make(DIGIT + "p(A,B) :- digit(A,1), B = B.", "p(A,B)", "AB")
    assert sample_worlds(constraint.circuit, constraint.template, 3, torch.Generator()).networks == ("net", None)


def test_answers_that_look_at_no_image_have_worlds_too():
    classes, answer = draw(make(DIGIT + "p(A,yes). p(A,no).", "p(A,T)", "A"), 100, 0)
    assert classes.tolist() == [[0]] * 100 and set(answer.tolist()) == {0, 1}
