"""A program's own queries have ProbLog's answers."""

from __future__ import annotations

import ast
from pathlib import Path

import problog as problog_package
import pytest

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.answering import query_probabilities
from gedi_nesy.logic.program import load_program, parse

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.pl"))
EXPECT = "%! expect "


def expectations(program: Path) -> dict[str, float]:
    """The outcomes that the header of a program states."""
    lines = (line.removeprefix(EXPECT) for line in program.read_text().splitlines() if line.startswith(EXPECT))
    return {query: float(probability) for query, probability in (line.rsplit(" ", 1) for line in lines)}


def test_there_are_programs_and_each_states_its_outcomes():
    assert len(PROGRAMS) >= 40
    assert all(map(expectations, PROGRAMS))


@pytest.mark.filterwarnings("ignore:The use of '.*==' might give unexpected results")  # ProbLog's own, of what it does
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_small_programs_have_the_outcomes_of_their_headers(program, problog):
    answers = query_probabilities(load_program(program))
    assert answers == pytest.approx(expectations(program), abs=1e-9)
    assert answers == pytest.approx(problog(program.read_text()), abs=1e-9)


# Texts in ProbLog's own tests that hold a query and are no programs.
NO_PROGRAMS = {
    "query(active(11)).": "is appended to another text",
    '\n0.5::a.\nb(P) :- subquery(a, P, [], "{semiring}", "{evaluator}").\nquery(b(_)).\n': "is a template",
}


def published_programs() -> list[tuple[str, str]]:
    """The programs in ProbLog's installed tests (the wheel has them as strings, not as files) with their place."""
    found = []
    for file in sorted((Path(problog_package.__file__).parent / "test").rglob("*.py")):
        tree = ast.parse(file.read_text())
        pieces = {id(piece) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for piece in node.values}
        found += [
            (f"{file.name}:{node.lineno}", node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
            if "query(" in node.value and node.value not in NO_PROGRAMS and id(node) not in pieces
            if node.value.strip() != "query("  # they look for lines that begin so
        ]
    return found


PUBLISHED = published_programs()


@pytest.mark.skipif(not PUBLISHED, reason="the installed problog has no tests")
@pytest.mark.parametrize("text", [text for _, text in PUBLISHED], ids=[place for place, _ in PUBLISHED])
def test_programs_of_problogs_own_tests_have_its_answers(text, problog):
    assert query_probabilities(parse(text)) == pytest.approx(problog(text), abs=1e-9)


def test_learnable_probabilities_stand_at_their_start():
    text = "t(0.2)::a. t(_)::b. t(_)::c(1); 0.4::c(2); t(_)::c(3). t(0.1)::d; 0.3::e. q :- a, \\+b. query(q)."
    queries = " query(a). query(b). query(c(_)). query(d). query(e)."
    assert query_probabilities(parse(text + queries)) == pytest.approx(
        {"q": 0.1, "a": 0.2, "b": 0.5, "c(1)": 0.3, "c(2)": 0.4, "c(3)": 0.3, "d": 0.1, "e": 0.3}, abs=1e-12
    )


def test_libraries_beyond_problogs_defaults_need_no_import():
    assert query_probabilities(parse("0.3::a(1). q :- member(X, [1,2]), a(X). query(q).")) == {"q": 0.3}


def test_a_query_that_is_impossible_in_every_world_has_probability_zero():
    assert query_probabilities(parse("0.3::a. q :- a, \\+a. query(q).")) == {"q": 0.0}


def test_a_query_clause_without_instance_asks_nothing():
    assert query_probabilities(parse("0.3::a. query(a) :- fail.")) == {}


def test_files_beside_the_program_are_read_when_allowed(tmp_path):
    (tmp_path / "facts.pl").write_text("0.3::a.")
    (tmp_path / "main.pl").write_text(":- consult(facts). query(a).")
    assert query_probabilities(load_program(tmp_path / "main.pl", allow_python=True)) == {"a": 0.3}


BAD = {
    "nn(net,[X],Y,[0,1]) :: d(X,Y). query(d(1,_)).": (
        "p.pl:1:1  the neural predicate d/2 has no probabilities without images;"
        " ask a query template of it instead, with the variables that are images"
    ),
    "0.3::a.": "p.pl  the program asks nothing; write query(...) for what you want to know",
    "a.\nquery(X).": "p.pl:2:1  query(...) names nothing; its argument must be bound to a goal",
    "a. evidence(X, true). query(a).": "p.pl:1:4  evidence(...) names nothing; its argument must be bound to a goal",
    "0.3::a. query(a). query(b).": (
        "p.pl:1:25  b/0 is called but nothing defines it. Define it, or correct its name or number of arguments."
    ),
    "0.3::a. 0.4::b. query((a, b)).": (
        "p.pl  ,/2 is called but nothing defines it. To ask for several goals at once, name them: q :- a, b. query(q)."
    ),
    "a(X) :- true. 0.3::b. c(X) :- b. query(c(Y)).": (
        "p.pl:1:40  an answer of c(Y) has a probability but still has variables; its rules must bind them"
    ),
    "0.3::a. evidence(a).\nevidence(\\+a). query(a).": (
        "p.pl:2:12  the evidence contradicts itself: no classes and chances make all of it hold"
    ),
    "0.0::a. evidence(a). query(a).": "p.pl:1:9  the evidence has probability 0, so nothing follows from it",
    "a. evidence(\\+a). query(a).": "p.pl:1:15  the evidence \\+a contradicts the program: it can never hold",
    "t(_)::a. q(P) :- subquery(a, P). query(q(_)).": (
        "p.pl:1:18  subquery/2 asks for the probability of a learnable choice,"
        " which is not known before the networks have run"
    ),
}


@pytest.mark.parametrize("text", BAD)
def test_bad_program_gets_its_message(text):
    with pytest.raises(ProgramError) as caught:
        query_probabilities(parse(text, "p.pl"))
    assert str(caught.value) == BAD[text]
