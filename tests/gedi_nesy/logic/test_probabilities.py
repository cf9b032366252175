from __future__ import annotations

import pytest

from gedi_nesy.errors import Position, ProgramError
from gedi_nesy.logic.probabilities import LearnableClause, has_chance
from gedi_nesy.logic.program import parse


def learnables(text):
    return {clause.name: (clause.initial, clause.fixed) for clause in parse(text).learnables}


def test_numbers_are_no_parameters():
    assert parse("0.3::a. 0.2::b; 0.3::c :- a. P::d(P) :- e(P). e(0.5).").learnables == ()


def test_the_place_and_name_of_parameters_are_kept():
    (clause,) = parse("a.\n  t(0.25)::b(X) :- c(X).", "p.pl").learnables
    assert clause == LearnableClause("t::b(X)", ("b(X)",), (0.25, 0.75), (False, False), Position("p.pl", 2, 3))


STARTS = {
    "t(_)::a.": (0.5, 0.5),
    "t(X)::a.": (0.5, 0.5),
    "t(0.3)::a.": (0.3, 0.7),
    "t(1/4)::a; t(1/4)::b; t(1/2)::c.": (0.25, 0.25, 0.5),
    "t(_)::a; t(_)::b.": (0.5, 0.5),
    "t(_)::a; t(_)::b; t(0.2)::c.": (0.4, 0.4, 0.2),
    "0.2::a; t(_)::b; t(_)::c.": (0.2, 0.4, 0.4),
    "0.2::a; t(_)::b.": (0.2, 0.4, 0.4),
    "0.2::a; t(0.3)::b.": (0.2, 0.3, 0.5),
    "t(0.3)::a; t(_)::b.": (0.3, 0.7),
    "t(_)::a :- b(_).": (0.5, 0.5),
    "t(_, k)::a :- b.": (0.5, 0.5),
    "t(0.3, k)::a :- b.": (0.3, 0.7),
    "0.3::a; t(_)::b; t(_)::c; t(_)::d.": (0.3, *[0.7 / 3] * 3),  # these floats leave 1e-16 of 1
}


@pytest.mark.parametrize("text", STARTS)
def test_starts_sum_to_one(text):
    ((initial, fixed),) = learnables(text).values()
    assert initial == pytest.approx(STARTS[text])
    assert sum(initial) == pytest.approx(1)
    assert fixed == (not text.startswith("t"), *[False] * (len(initial) - 1))


BAD = {
    "t(1.3)::a.": "p.pl:1:9  the probability t(1.3) is not between 0 and 1",
    "t(-0.1)::a.": "p.pl:1:10  the probability t(-0.1) is not between 0 and 1",
    "b.\nt(0)::a.": "p.pl:2:1  t(0) would never move from 0; start strictly between 0 and 1",
    "t(1.0)::a.": "p.pl:1:1  t(1.0) would never move from 1; start strictly between 0 and 1",
    "t(0.7)::a; t(0.6)::b.": "p.pl:1:20  the probabilities of an annotated disjunction sum to 1.3, more than 1",
    "t(0.7)::a; 0.6::b.": "p.pl:1:17  the probabilities of an annotated disjunction sum to 1.3, more than 1",
    "t(_)::a; 0.6::b; 0.4::c.": "p.pl:1:1  the numbers beside t(_) sum to 1 and leave nothing to learn",
    "t(0.4)::a; 0.6::b.": "p.pl:1:1  the numbers beside t(...) sum to 1 with its start and leave nothing to learn",
    "t(half)::a.": "p.pl:1:1  t(half) starts at half; write a number between 0 and 1, or _",
    "t(P)::a :- b(P).": "p.pl:1:1  t(P) starts at P; write a number between 0 and 1, or _",
    "t(_)::a; P::b :- c(P).": "p.pl:1:13  the probability P stands beside t(...) and must be a number",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_start_gets_its_message(text):
    with pytest.raises(ProgramError) as caught:
        parse(text, "p.pl")
    assert str(caught.value) == BAD[text]


def test_numbers_that_sum_to_more_than_one_by_rounding_are_probabilities():
    assert 0.2 + 0.4 + 0.3 + 0.1 > 1
    parse("0.2::a; 0.4::b; 0.3::c; 0.1::d.")


def test_clauses_with_one_head_have_parameters_of_their_own():
    program = parse("b. t(0.1)::a :- b.\nt(0.5)::a :- b. t(0.2)::a :- b. t(0.9)::a :- b.")
    assert len({clause.name for clause in program.learnables}) == 4


NEURAL = "nn(net, [X], Y, [a, b]) :: d(X, Y). nn(other, [X]) :: f(X). "


@pytest.mark.parametrize(
    ("text", "chance"),
    [
        ("q(X) :- d(X, a).", False),
        ("1.0::sure. 0::never.", False),
        ("0.8::broken.", True),
        ("0.5::x; 0.5::y.", True),
        ("t(_)::a.", True),
        ("P::a(P) :- b(P).", True),
    ],
)
def test_a_program_leaves_doubt_where_something_besides_networks_is_drawn(text, chance):
    assert has_chance(parse(NEURAL + text)) is chance
