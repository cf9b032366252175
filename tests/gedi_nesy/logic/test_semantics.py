"""The pipeline means what ProbLog means."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.compiling import compile
from gedi_nesy.logic.grounding import ground
from gedi_nesy.logic.program import parse
from gedi_nesy.logic.query import QueryTemplate

# Programs and the query to ask; every answer is compared with ProbLog's.
PROGRAMS = {
    "facts": ("0.3::a. 0.4::b. q :- a. q :- b.", "q"),
    "certain and impossible facts": ("1.0::a. 0.0::b. 0.5::c. q(1) :- a, c. q(2) :- b, c. q(3) :- \\+b.", "q(X)"),
    "fraction": ("1/3::a. q :- a.", "q"),
    "probabilistic rule": ("0.5::q(X) :- e(X, Y), 0.4 < Y. e(a, 0.5). e(b, 0.7). e(b, 0.9). e(c, 0.1).", "q(X)"),
    "disjunction": ("0.2::a; 0.3::b; 0.5::c. q :- a. q :- c.", "q"),
    "disjunction with rest": ("0.2::a; 0.3::b. q :- \\+a, \\+b.", "q"),
    "disjunction, one atom used": ("0.2::a; 0.3::b. q :- \\+a.", "q"),
    "disjunction with body": ("0.6::c. 0.2::a; 0.3::b :- c. q(1) :- a. q(2) :- b. q(3) :- \\+a, c.", "q(X)"),
    "disjunction, one for each grounding": (
        "p(1). p(2). 0.2::a(X); 0.3::b(X) :- p(X). q :- a(1), b(2). q :- b(1).",
        "q",
    ),
    "exclusive heads in conjunction": ("0.2::a; 0.3::b. q(1) :- a, b. q(2) :- a.", "q(X)"),
    "negated fact": ("0.3::a. q :- \\+a.", "q"),
    "negated rule": ("0.3::a. 0.4::b. c :- a, b. q :- \\+c, a.", "q"),
    "double negation": ("0.3::a. c :- \\+a. q :- \\+c.", "q"),
    "positive evidence": ("0.3::a. 0.4::b. c :- a. c :- b. evidence(c). q(1) :- a. q(2) :- b. q(3) :- a, b.", "q(X)"),
    "negative evidence": ("0.3::a. 0.4::b. c :- a, b. evidence(\\+c). q(1) :- a. q(2) :- b.", "q(X)"),
    "evidence with value": (
        "0.3::a. 0.4::b. c :- a, b. evidence(c, false). evidence(b, true). q(1) :- a. q(2) :- \\+a, b.",
        "q(X)",
    ),
    "evidence on a disjunction": ("0.2::a; 0.3::b; 0.1::c. evidence(\\+b). q(1) :- a. q(2) :- c.", "q(X)"),
    "cycle": (
        "0.4::e(1,2). 0.5::e(2,3). 0.6::e(3,1). 0.7::e(1,3). 0.2::e(3,2). p(X,Y) :- e(X,Y). p(X,Y) :- e(X,Z), p(Z,Y).",
        "p(1,X)",
    ),
    "mutual recursion": ("0.4::a. 0.5::b. p :- q. p :- a. q :- p. q :- b.", "p"),
    "smokers": (
        "0.3::stress(X) :- person(X). 0.2::influences(X,Y) :- person(X), person(Y), X \\= Y. person(a). person(b)."
        " person(c). friend(a,b). friend(b,a). friend(b,c). smokes(X) :- stress(X)."
        " smokes(X) :- friend(X,Y), influences(Y,X), smokes(Y).",
        "smokes(X)",
    ),
    "recursion over a list": (
        "0.3::w(X,sun); 0.7::w(X,rain). n([],0). n([D|T],N) :- w(D,sun), n(T,M), N is M+1."
        " n([D|T],N) :- w(D,rain), n(T,N).",
        "n([mo,tu,we],X)",
    ),
    "findall": ("a(1). a(2). 0.5::b(3). q(L) :- findall(X, a(X), L). q(N) :- b(N).", "q(X)"),
    "findall over chance": ("0.4::a(1). 0.5::a(2). q(N) :- findall(X, a(X), L), length(L, N).", "q(X)"),
    "library without import": ("0.4::a(1). 0.5::a(2). q(X) :- member(X, [1,2,3]), a(X).", "q(X)"),
    "own predicate named as in a library": ("0.4::a. last(1, 2) :- a. q(X) :- last(1, X).", "q(X)"),
    "computed probability": ("P::a(P) :- member(P, [0.1, 0.25]). q(P) :- a(P).", "q(X)"),
    "strings and quoted atoms": ("0.4::a(\"two words\"); 0.5::a('Upper'). q(X) :- a(X).", "q(X)"),
    "certain answer": ("q(1). 0.5::q(2).", "q(X)"),
    "same fact twice": ("0.5::a. 0.5::a. q :- a.", "q"),
    "between and arithmetic": (
        "0.5::c(X) :- between(1,4,X). q(S) :- c(1), c(2), S is 2*3 mod 4. q(9) :- c(3), \\+c(4).",
        "q(X)",
    ),
}
LIBRARY = ":- use_module(library(lists)).\n"


@pytest.mark.parametrize("name", PROGRAMS)
def test_answers_are_those_of_problog(name, evaluate, problog):
    text, query = PROGRAMS[name]
    has_own_library = name.startswith("own")
    expected = problog(f"{'' if has_own_library else LIBRARY}{text} query({query}).")
    circuit = compile(ground(parse(text), QueryTemplate.parse(query, {"X": "label"} if "X" in query else {})))
    actual = dict(zip(circuit.queries, evaluate(circuit).values(), strict=True))
    assert actual == pytest.approx({name: value for name, value in expected.items() if name in actual}, abs=1e-9)
    assert all(value == 0 for name, value in expected.items() if name not in actual)


@pytest.mark.parametrize("name", PROGRAMS)
def test_answers_are_those_of_all_worlds(name, formula_of, evaluate, enumerate_worlds):
    text, query = PROGRAMS[name]
    formula = formula_of(text, query, {"X": "label"} if "X" in query else {})
    actual = evaluate(compile(formula))
    impossible = dict.fromkeys(formula.roots.keys() - actual.keys(), 0.0)
    assert actual | impossible == pytest.approx(enumerate_worlds(formula), abs=1e-9)


PROBABILITY = st.sampled_from(["0.0", "0.1", "0.25", "0.5", "0.9", "1.0"])
SPLIT = st.sampled_from([("0.2", "0.3"), ("0.5", "0.5"), ("0.1", "0.2", "0.3"), ("0.0", "0.6"), ("0.3", "0.3", "0.4")])


@st.composite
def random_program(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Facts, disjunctions with bodies, a stratum of rules with cycles, and a stratum that negates them."""
    base: list[str] = []
    lines: list[str] = []

    def body(positive: list[str], any_sign: list[str]) -> str:
        literals = [draw(st.sampled_from(positive))] if positive and draw(st.booleans()) else []
        for _ in range(draw(st.integers(0 if literals else 1, 2))):
            literals.append(draw(st.sampled_from(["", "\\+"])) + draw(st.sampled_from(any_sign)))
        return ", ".join(literals)

    for number in range(draw(st.integers(1, 3))):
        lines.append(f"{draw(PROBABILITY)}::f{number}.")
        base.append(f"f{number}")
    for number in range(draw(st.integers(0, 2))):
        split = draw(SPLIT)
        condition = f" :- {body([], base)}" if draw(st.booleans()) else ""
        lines.append("; ".join(f"{p}::d{number}{head}" for head, p in enumerate(split)) + condition + ".")
        base += [f"d{number}{head}" for head in range(len(split))]
    rules = ["p0", "p1", "p2"]
    for rule in rules:
        lines += [f"{rule} :- {body(rules, base)}." for _ in range(draw(st.integers(1, 2)))]
    lines += [f"r :- {body([], base + rules)}." for _ in range(draw(st.integers(1, 2)))]
    if draw(st.booleans()):
        sign = draw(st.sampled_from(["", "\\+"]))
        lines.append(f"evidence({sign}{draw(st.sampled_from(base))}).")
    return "\n".join(lines), [*rules, "r"]


@settings(max_examples=20, deadline=None, derandomize=True)
@given(random_program())
def test_random_programs_agree_with_problog(case):
    from problog import get_evaluatable
    from problog.errors import InconsistentEvidenceError
    from problog.program import PrologString

    text, queries = case
    source = text + "".join(f"\nquery({query})." for query in queries)
    try:
        results = get_evaluatable().create_from(PrologString(source)).evaluate()
    except InconsistentEvidenceError:
        return
    expected = {str(term): float(value) for term, value in results.items()}
    for query in queries:
        assert _probability(text, query) == pytest.approx(expected[query], abs=1e-9), text


def _probability(text: str, query: str) -> float:
    import torch

    from gedi_nesy.logic.evaluation import CircuitEvaluator

    try:
        circuit = compile(ground(parse(text), QueryTemplate.parse(query, {})))
    except ProgramError as error:
        assert "has no proof" in str(error)
        return 0.0
    rows = [p for choice in circuit.choices for p in choice.source.probabilities]
    output = CircuitEvaluator(circuit, roots=[*circuit.roots, circuit.evidence])(
        torch.tensor(rows, dtype=torch.float64).log().reshape(-1, 1)
    )
    return float((output[0] - output[1]).exp())
