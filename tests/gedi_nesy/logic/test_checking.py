from __future__ import annotations

import pytest

from gedi_nesy.errors import LimitError, Position
from gedi_nesy.logic import limits
from gedi_nesy.logic.checking import check
from gedi_nesy.logic.program import parse
from gedi_nesy.logic.query import QueryTemplate

TEXT = """\
:- use_module(library(apply)).
nn(net,[X],Y,[a,b]) :: kind(X,Y).
p(X) :- kind(X,a), memberchk(1,[1]), \\+ missing(X), findall(Z, knd(X,Z), L), maplist(passed_by_name, L).
passed_by_name(1).
left_over(X) :- forall(p(X), p(X)).
query(p(x)).
evidence(\\+ gone).
"""


def test_report_names_what_looks_wrong():
    report = check(parse(TEXT, "p.pl"))
    assert report.queries == ("p(x)",)
    assert report.unused == ("left_over/1",)
    assert [str(finding) for finding in report.undefined] == [
        "p.pl:3:41  missing/1 is called but nothing defines it.",
        'p.pl:3:64  knd/2 is called but nothing defines it. Did you mean "kind/2"?',
        "p.pl:7:13  gone/0 is called but nothing defines it.",
    ]
    assert report.neural_predicates[0].position == Position("p.pl", 2, 1)
    assert report.circuit is None


def test_report_measures_the_circuit_of_a_template():
    program = parse("nn(net,[X],Y,[0,1]) :: bit(X,Y).\nxor(A,B,T) :- bit(A,X), bit(B,Y), T is X xor Y.")
    report = check(program, QueryTemplate.parse("xor(A,B,T)", {"A": "image", "B": "image", "T": "label"}))
    assert report.circuit is not None
    assert (report.circuit.answers, report.circuit.choices, report.circuit.nodes, report.circuit.edges) == (2, 2, 4, 6)
    assert report.unused == report.undefined == ()


def test_every_goal_of_a_template_counts_as_called():
    text = "nn(net,[X],Y,[0,1]) :: bit(X,Y). less(A,B) :- bit(A,0), bit(B,1). same(A,B) :- bit(A,X), bit(B,X). rest(1)."
    template = QueryTemplate.parse("less(A,B), \\+ same(B,C)", dict.fromkeys("ABC", "image"))
    assert check(parse(text), template).unused == ("rest/1",)


def test_a_query_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr(limits, "DEFAULT", limits.Limits(seconds=1))
    text = (
        "nn(net,[X],Y,[0,1]) :: bit(X,Y). len([],0). len([_|T],N) :- len(T,M), N is M+1. p(A,N) :- bit(A,1), len(_,N)."
    )
    with pytest.raises(
        LimitError, match=r"grounding the query p\(A,N\) takes more than 1 s .* see that every recursion ends"
    ):
        check(parse(text), QueryTemplate.parse("p(A,N)", {"A": "image", "N": "label"}))


def test_report_says_what_each_network_reads_and_what_has_no_effect():
    program = parse(
        "nn(net,[X],Y,[0,1]) :: bit(X,Y).\nnn(pair,[X,Y],Z,[0,1]) :: both(X,Y,Z).\n"
        "nn(idle,[X]) :: spare(X).\np(A,B,C) :- bit(A,1), both(A,B,0)."
    )
    report = check(program, QueryTemplate.parse("p(A,B,C)", dict.fromkeys("ABC", "image")))
    assert report.circuit is not None
    assert report.circuit.reads == {"net": ("A",), "pair": ("A+B",)}
    assert report.circuit.unread == ("C",)


def test_queries_of_the_file_without_proof_are_named_with_their_place():
    program = parse(
        "nn(net,[X],Y,[0,1]) :: bit(X,Y).\n0.4::a(1). evidence(a(1)).\nb(X) :- a(X), X > 4.\n"
        "query(a(1)). query(a(2)).\nquery(b(X)).\nquery(bit(x,2)).\nquery(bit(x,1)).\nquery(X) :- member(X, [a(1)]).",
        "p.pl",
    )
    report = check(program)
    assert [str(finding) for finding in report.unproved] == [
        "p.pl:4:14  the query a(2) has no proof, so its probability is 0",
        "p.pl:5:1  the query b(X) has no proof, so its probability is 0",
        "p.pl:6:1  the query bit(x,2) has no proof, so its probability is 0",
    ]


def test_a_network_with_two_domains_is_named():
    report = check(parse("nn(net,[X],Y,[0,1]) :: bit(X,Y).\nnn(net,[X],Y,[a,b,c]) :: kind(X,Y).", "p.pl"))
    assert [str(finding) for finding in report.disagreeing] == [
        "p.pl:2:1  the network net has 3 classes in kind/2 and 2 in bit/2"
    ]
