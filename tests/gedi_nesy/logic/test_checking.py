from __future__ import annotations

from gedi_nesy.errors import Position
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
