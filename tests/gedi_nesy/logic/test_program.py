from __future__ import annotations

import subprocess
import sys

import pytest

from gedi_nesy.errors import Position, ProgramError
from gedi_nesy.logic.program import load_program, loaded_files, parse


def test_neural_predicates_are_found_with_position():
    program = parse(
        "% a comment\nnn(digits, [X], Y, [0,1,2]) :: digit(X,Y).\n"
        'nn(pair, [X, Z], Y, [a, "b c"]) :: both(X,Z,Y) :- ok(X).\n'
        "  nn(flag, [X]) :: ok(X).\nnn(embed, [X], E) :: vector(X,E).",
        "p.pl",
    )
    digit, both, ok, vector = program.neural_predicates
    assert (digit.network, digit.num_inputs, digit.domain) == ("digits", 1, ("0", "1", "2"))
    assert (both.num_inputs, both.domain, both.arity) == (2, ("a", "b c"), 3)
    assert (ok.domain, ok.num_classes, ok.is_tensor) == (None, 2, False)
    assert vector.is_tensor
    assert [neural.position for neural in program.neural_predicates] == [
        Position("p.pl", 2, 1),
        Position("p.pl", 3, 1),
        Position("p.pl", 4, 3),
        Position("p.pl", 5, 1),
    ]
    assert program.defined == ("digit/2", "both/3", "ok/1", "vector/2")


LIBRARIES = "aggregate, apply, assert, collect, control, cut, lists, record, scope, string"


def loads(goal):
    return (
        f"{goal} loads files into the program, which may run Python. Libraries that may be used: {LIBRARIES}."
        " If you trust the file, set allow_python: true."
    )


BAD_PROGRAMS = {
    "a :- b": "p.pl:1:7  not valid ProbLog: Incomplete statement; does the last clause end with a full stop?",
    "0.5 :: a(1)\nb(A) :- a(A).": "p.pl:2:1  not valid ProbLog: Ambiguous token role; is a full stop or a comma missing before it?",
    "a.\nb(.": "p.pl:2:2  not valid ProbLog: Unmatched character '('",
    "a.\n\n  b :- X is 'q.": "p.pl:3:13  not valid ProbLog: Unmatched character '''",
    "nn(n,[X],Y,[0,0]) :: d(X,Y).": "p.pl:1:1  the domain [0, 0] has 0 more than once; name each value once",
    "nn(n,[X],Y,[]) :: d(X,Y).": "p.pl:1:1  the fourth argument of nn is the list of the output's values; got []",
    "nn(n,[X],Y,D) :: d(X,Y).": "p.pl:1:1  the fourth argument of nn is the list of the output's values; got D",
    "nn(n,X,Y,[0]) :: d(X,Y).": "p.pl:1:1  the second argument of nn is the list of inputs, such as [X]; got X",
    "nn(n,[X],Y,[0]) :: d(X).": "p.pl:1:1  the output Y of nn must be a variable of the head d/1",
    "nn(n,[X],3,[0]) :: d(X,3).": "p.pl:1:1  the output 3 of nn must be a variable of the head d/2",
    "nn(n,[X],Y,[0]) :: d(X,Y) :- e(Y).": (
        "p.pl:1:1  the output Y of nn is chosen after the body holds, so the body cannot use it"
    ),
    "a.\nnn(n,[X],Y,[0]) :: d(Y).": (
        "p.pl:2:1  the input X of nn stands neither in the head d/1 nor in a body, so nothing says which image it is"
    ),
    "nn(n,[X]) :: d(a) :- e.": (
        "p.pl:1:1  the input X of nn stands neither in the head d/1 nor in a body, so nothing says which image it is"
    ),
    "nn(n) :: d(X).": (
        "p.pl:1:1  nn/1 is not a neural predicate; write nn(network,[Inputs],Output,[values]) or nn(network,[Inputs])"
    ),
    "nn(n,[X|T],Y,[0]) :: d(X,Y).": (
        "p.pl:1:1  the second argument of nn is the list of inputs, such as [X]; got [X | T]"
    ),
    "nn(n,[X],3) :: d(X,3).": "p.pl:1:1  the output 3 of nn must be a variable of the head d/2",
    "nn(n,[X],Y,[0,Z]) :: d(X,Y).": (
        "p.pl:1:1  the fourth argument of nn is the list of the output's values; got [0, Z]"
    ),
    "nn(N,[X]) :: d(X).": "p.pl:1:1  the first argument of nn names a network; N is no name",
    "0.3::a; nn(n,[X]) :: d(X).": "p.pl:1:9  a neural predicate cannot stand in a disjunction of heads",
    "(a, b).": "p.pl:1:2  a, b cannot be a fact or the head of a rule; write a single positive term",
    "0.3::(a ; b).": "p.pl:1:7  a has no probability, which every head of a disjunction needs",
    "a.\n\\+b.": "p.pl:2:1  \\+b cannot be a fact or the head of a rule; write a single positive term",
    "X.": "p.pl:1:1  X cannot be a fact or the head of a rule; write a single positive term",
    "a.\n  X :- a, b.": "p.pl:2:3  X cannot be a fact or the head of a rule; write a single positive term",
    "a.\n  (a, b) :- c.": "p.pl:2:4  a, b cannot be a fact or the head of a rule; write a single positive term",
    "0.5::a; 0.2::3 :- a.": "p.pl:1:14  3 cannot be a fact or the head of a rule; write a single positive term",
    "a.\nquery().": "p.pl:2:1  query() has empty parentheses; leave them out or write what belongs there",
    "a :- b, c(f()).": "p.pl:1:11  f() has empty parentheses; leave them out or write what belongs there",
    "3.": "p.pl:1:1  3 cannot be a fact or the head of a rule; write a single positive term",
    "0.3::a; b.": "p.pl:1:9  b has no probability, which every head of a disjunction needs",
    "a b.": "p.pl:1:3  not valid ProbLog: Expected binary operator; is a full stop, a comma or an operator missing before it?",
    "0.3:b.": "p.pl:1:4  0.3:b defines ':'; a probability is followed by ::",
    "nn(n,[X],Y,[0]) : d(X,Y) :- a.": "p.pl:1:17  nn(n,[X],Y,[0]):d(X,Y) defines ':'; a probability is followed by ::",
    "1.3::a.": "p.pl:1:6  the probability 1.3 is not between 0 and 1",
    "0.7::a; 0.6::b :- c.": "p.pl:1:14  the probabilities of an annotated disjunction sum to 1.3, more than 1",
    "a.\n:- use_module('x.py').": f"p.pl:2:4  {loads('use_module(' + chr(39) + 'x.py' + chr(39) + ')')}",
    ":- use_module(library(db)).": f"p.pl:1:4  {loads('use_module(library(db))')}",
    ":- consult(other).": f"p.pl:1:4  {loads('consult(other)')}",
    "a :- b, findall(X, consult(X), L).": f"p.pl:1:20  {loads('consult(X)')}",
    "a :- \\+ (b ; use_module(c, [d/1])).": f"p.pl:1:14  {loads('use_module(c,[d/1])')}",
    ":- [other].": f"p.pl:1:1  {loads('[other]')}",
}


@pytest.mark.parametrize("text", BAD_PROGRAMS)
def test_bad_program_gets_its_message(text):
    with pytest.raises(ProgramError) as caught:
        parse(text, "p.pl")
    assert str(caught.value) == BAD_PROGRAMS[text]


def test_pure_libraries_may_be_used():
    for text in ("library(lists)", "library(apply), [maplist/3]", "library('string.pl')"):
        assert not parse(f":- use_module({text}).").allow_python


def test_python_loads_when_allowed():
    assert parse(":- use_module('x.py').", allow_python=True).allow_python


def test_missing_file_is_named(tmp_path):
    with pytest.raises(
        ProgramError, match=r"missing\.pl\" is neither a file nor a bundled name\. Bundled: addition_with_label, "
    ):
        load_program(tmp_path / "missing.pl")


def test_a_file_that_begins_with_a_mark_is_read_without_it(tmp_path):
    (tmp_path / "p.pl").write_text("\ufeffa. b :- c d.", encoding="utf-8")
    with pytest.raises(ProgramError, match=r"p\.pl:1:11  not valid ProbLog: Expected binary operator"):
        load_program(tmp_path / "p.pl")


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "image.pl").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(ProgramError, match=r"image\.pl  cannot read the program"):
        load_program(tmp_path / "image.pl")


def test_import_is_cheap():
    assert _imported_by("program", "query") == set()


def test_compiling_does_not_import_torch():
    assert "torch" not in _imported_by("grounding", "compiling", "checking", "guarded")


def _imported_by(*stages):
    """Which of the heavy packages a new process has after importing some stages."""
    imports = ", ".join(f"gedi_nesy.logic.{stage}" for stage in stages)
    code = f"import sys, {imports}; print(*({{'torch', 'problog', 'pysdd'}} & set(sys.modules)))"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def test_files_that_a_program_loads_are_found_in_its_text_and_in_theirs(tmp_path):
    texts = {
        "p.pl": ":- use_module(library(lists)).\n:- use_module('m.py').\n:- consult('facts.pl').\n:- consult('gone.pl').\n",
        "facts.pl": "big(5).\n:- consult('more.pl').\n",
        "more.pl": ":- consult('facts.pl').\n:- consult('p.pl').\n",
        "m.py": "raise RuntimeError('must not run')\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    assert {file.name for file in loaded_files(tmp_path / "p.pl")} == {"facts.pl", "m.py", "more.pl"}
