"""Both backends give the same probabilities and gradients."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.backends import deepproblog

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic import circuit_constraint
from gedi_nesy.logic.program import load_program, parse
from gedi_nesy.logic.query import QueryTemplate

DIGIT = "nn(net,[X],Y,[0,1,2]) :: digit(X,Y).\n"
PROGRAMS = {
    "negation": (DIGIT + "p(A,B) :- digit(A,X), \\+digit(B,X).", "p(A,B)", "AB", ""),
    "negated single class": (DIGIT + "p(A) :- \\+digit(A,2).", "p(A)", "A", ""),
    "one image twice": (DIGIT + "same(A,B) :- digit(A,X), digit(B,X).", "same(A,A)", "A", ""),
    "chance and bodies": (
        "nn(net,[X],Y,[a,b,c]) :: kind(X,Y).\n"
        "0.3::ok. 0.2::u; 0.5::v. p(A,T) :- kind(A,T), ok, \\+u. p(A,d) :- v, kind(A,a).",
        "p(A,T)",
        "A",
        "T",
    ),
    "library without import": (DIGIT + "p(A,B) :- digit(A,X), member(X,[0,2]), digit(B,X).", "p(A,B)", "AB", ""),
    "list": (DIGIT + "s([],0). s([A|T],S) :- digit(A,X), s(T,R), S is R+X.", "s([A,B],S)", "AB", "S"),
    "cycle": (DIGIT + "e(A,B) :- digit(A,0), digit(B,1). p(A,B) :- e(A,B). p(A,B) :- p(B,A).", "p(A,B)", "AB", ""),
}


def _both(program, template, num_classes):
    return [module.build_constraint(program, template, num_classes) for module in (circuit_constraint, deepproblog)]


def _assert_equal(program, template, num_classes, answers, seed=0):
    """Values and gradients of random logits, one example for each answer."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(len(answers), len(template.slots), num_classes, generator=generator, dtype=torch.float64)
    circuit, reference = _both(program, template, num_classes)
    assert circuit.answers == reference.answers
    index = torch.tensor([circuit.answer_index(answer) for answer in answers])
    results = []
    for constraint in (circuit, reference):
        leaf = logits.clone().requires_grad_()
        values = constraint(leaf.log_softmax(2), index)
        results.append((values.detach(), torch.autograd.grad(values.sum(), leaf)[0]))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", PROGRAMS)
def test_small_programs_agree(name):
    text, query, images, labels = PROGRAMS[name]
    template = QueryTemplate.parse(query, dict.fromkeys(images, "image") | dict.fromkeys(labels, "label"))
    program = parse(text)
    answers = circuit_constraint.build_constraint(program, template, 3).answers
    _assert_equal(program, template, 3, answers[:4])


def test_boolean_neural_predicates_agree():
    program = parse("nn(net,[X]) :: odd(X).\np(A,B) :- odd(A), \\+odd(B). p(A,B) :- odd(B), \\+odd(A).")
    _assert_equal(program, QueryTemplate.parse("p(A,B)", dict.fromkeys("AB", "image")), 2, [(), ()])


def test_the_sum_triple_agrees(bundled_program):
    template = QueryTemplate.parse("sum_holds(A,B,C)", dict.fromkeys("ABC", "image"))
    _assert_equal(bundled_program("mnist_addition.pl"), template, 10, [()] * 3)


def test_two_digit_addition_with_labels_agrees(bundled_program):
    template = QueryTemplate.parse("addition([A,B],[C,D],T)", dict.fromkeys("ABCD", "image") | {"T": "label"})
    _assert_equal(bundled_program("two_digit_addition.pl"), template, 10, [("17",), ("100",)])


def test_tensor_valued_predicates_run_here():
    text = (
        "nn(net,[X],E) :: vector(X,E).\nP :: close(A,B) :- vector(A,U), vector(B,V), dot(U,V,P).\np(A,B) :- close(A,B)."
    )
    template = QueryTemplate.parse("p(A,B)", dict.fromkeys("AB", "image"))
    constraint = deepproblog.build_constraint(parse(text), template, 3)
    log_probs = torch.randn(2, 2, 3, generator=torch.Generator().manual_seed(0)).log_softmax(2).requires_grad_()
    expected = (log_probs[:, 0].exp() * log_probs[:, 1].exp()).sum(1).log()
    actual = constraint(log_probs, constraint.no_label(2))
    torch.testing.assert_close(actual, expected)
    gradients = [torch.autograd.grad(values.sum(), log_probs)[0] for values in (actual, expected)]
    torch.testing.assert_close(*gradients)


def test_impossible_classes_give_finite_gradients_in_both():
    template = QueryTemplate.parse("p(A,B)", dict.fromkeys("AB", "image"))
    log_probs = torch.tensor([[[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]], dtype=torch.float64).log()
    for constraint in _both(parse(PROGRAMS["negation"][0]), template, 3):
        leaf = log_probs.clone().requires_grad_()
        value = constraint(leaf, constraint.no_label(1))
        assert value.item() == -torch.inf
        assert torch.autograd.grad(value.sum(), leaf)[0].isfinite().all()


def test_a_query_without_proof_is_an_error():
    with pytest.raises(ProgramError, match=r"the query p\(A\) has no proof"):
        deepproblog.build_constraint(
            parse(DIGIT + "p(A) :- digit(A,7)."), QueryTemplate.parse("p(A)", {"A": "image"}), 3
        )


def test_evidence_is_refused_since_deepproblog_ignores_it():
    program = parse(DIGIT + "0.3::c. evidence(c). p(A) :- digit(A,1), c.", "p.pl")
    with pytest.raises(ProgramError) as caught:
        deepproblog.build_constraint(program, QueryTemplate.parse("p(A)", {"A": "image"}), 3)
    assert (
        str(caught.value)
        == "p.pl  the program has evidence/1, which DeepProbLog silently ignores; set backend: circuit"
    )


def test_neural_clauses_with_bodies_are_refused_since_deepproblog_cannot_read_them():
    program = parse("ok.\nnn(net,[X],Y,[0,1,2]) :: p(X,Y) :- ok. q(A) :- p(A,1).", "p.pl")
    with pytest.raises(ProgramError) as caught:
        deepproblog.build_constraint(program, QueryTemplate.parse("q(A)", {"A": "image"}), 3)
    assert str(caught.value) == (
        "p.pl:2:1  the neural predicate p/2 has a body, which DeepProbLog cannot read; set backend: circuit"
    )


def test_python_is_not_loaded_in_a_roundabout_way_either():
    program = parse("p(A) :- G =.. [use_module, '/nowhere/x.py'], call(G).")
    with pytest.raises(ProgramError, match="which may run Python"):
        deepproblog.build_constraint(program, QueryTemplate.parse("p(A)", {"A": "image"}), 3)


def test_learnable_probabilities_are_refused_since_nothing_would_train_them():
    program = parse(DIGIT + "t(0.3)::c. p(A) :- digit(A,1), c.", "p.pl")
    with pytest.raises(ProgramError) as caught:
        deepproblog.build_constraint(program, QueryTemplate.parse("p(A)", {"A": "image"}), 3)
    assert str(caught.value) == "p.pl:2:1  learnable probabilities t(_) are not supported yet; write a number"


@pytest.fixture
def bundled_program():
    from pathlib import Path

    folder = Path(__file__).parents[3] / "programs"
    return lambda name: load_program(folder / name)


def test_a_config_trains_and_evaluates_through_the_reference(tiny_config, cli):
    """The same config, examples and seed through both engines end with the same numbers."""
    import json
    from pathlib import Path

    small = [
        "task.examples=2",
        "task.test_examples=2",
        "training.batch_size=2",
        "training.epochs=2",
        "weights={prior: 1, nesy: 5}",
    ]
    numbers = {}
    for backend in ("circuit", "deepproblog"):
        code, _, err = cli("train", tiny_config, "--run-id", backend, f"task.backend={backend}", *small)
        assert code == 0, err
        numbers[backend] = json.loads(Path(f"runs/tiny/{backend}/results.json").read_text())
    assert numbers["deepproblog"]["constraint"]["backend"] == "deepproblog"
    for one, other in zip(*(numbers[backend]["terms"].values() for backend in numbers), strict=True):
        assert abs(one["last"] - other["last"]) < 1e-5
