"""Both backends give the same probabilities and gradients."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from gedi_nesy_plugins.backends import deepproblog

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic import circuit_constraint
from gedi_nesy.logic.constraint import ConstraintSpec, NetworkShape
from gedi_nesy.logic.from_program import specify
from gedi_nesy.logic.program import parse
from gedi_nesy.logic.query import QueryTemplate

DIGIT = "nn(net,[X],Y,[0,1,2]) :: digit(X,Y).\n"
PROGRAMS = {
    "negation": (DIGIT + "p(A,B) :- digit(A,X), \\+digit(B,X).", "p(A,B)", "AB"),
    "negated single class": (DIGIT + "p(A) :- \\+digit(A,2).", "p(A)", "A"),
    "one image twice": (DIGIT + "same(A,B) :- digit(A,X), digit(B,X).", "same(A,A)", "A"),
    "chance and bodies": (
        "nn(net,[X],Y,[a,b,c]) :: kind(X,Y).\n"
        "0.3::ok. 0.2::u; 0.5::v. p(A,T) :- kind(A,T), ok, \\+u. p(A,d) :- v, kind(A,a).",
        "p(A,T)",
        "A",
    ),
    "library without import": (DIGIT + "p(A,B) :- digit(A,X), member(X,[0,2]), digit(B,X).", "p(A,B)", "AB"),
    "list": (DIGIT + "s([],0). s([A|T],S) :- digit(A,X), s(T,R), S is R+X.", "s([A,B],S)", "AB"),
    "cycle": (DIGIT + "e(A,B) :- digit(A,0), digit(B,1). p(A,B) :- e(A,B). p(A,B) :- p(B,A).", "p(A,B)", "AB"),
    "several goals": (DIGIT + "p(A,B) :- digit(A,X), \\+digit(B,X).", "p(A,B), \\+ digit(A,1), p(B,C)", "ABC"),
}
NETWORKS = {"net": ["A"]}


def _both(spec):
    return [module.build_constraint(spec) for module in (circuit_constraint, deepproblog)]


def _assert_equal(spec, answers=None, seed=0):
    """Values and gradients of random logits, one example for each answer."""
    circuit, reference = _both(spec)
    assert circuit.answers == reference.answers
    index = torch.tensor([circuit.answer_index(answer) for answer in answers or circuit.answers[:4]])
    generator = torch.Generator().manual_seed(seed)
    logits = {
        name: torch.randn(len(index), len(shape.inputs), shape.num_classes, generator=generator, dtype=torch.float64)
        for name, shape in spec.networks.items()
    }
    results = []
    for constraint in (circuit, reference):
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in logits.items()}
        log_probs = {name: leaf.log_softmax(2) for name, leaf in leaves.items()}
        values = constraint.log_probability(log_probs, index)
        results.append([values.detach(), *torch.autograd.grad(values.sum(), list(leaves.values()))])
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", PROGRAMS)
def test_small_programs_agree(name):
    text, query, images = PROGRAMS[name]
    _assert_equal(specify(text, query, {"net": list(images)}))


def test_all_answers_at_once_agree():
    text, query, images = PROGRAMS["list"]
    log_probs = torch.randn(3, 2, 3, generator=torch.Generator().manual_seed(0)).log_softmax(2)
    circuit, reference = _both(specify(text, query, {"net": list(images)}, complements=True))
    torch.testing.assert_close(circuit(log_probs), reference(log_probs))
    answer = torch.tensor([0, 2, 4])
    torch.testing.assert_close(circuit.log_complement(log_probs, answer), reference.log_complement(log_probs, answer))


@pytest.mark.parametrize("answer", [None, torch.tensor([-1]), torch.tensor([5])])
def test_both_refuse_an_index_that_is_no_answer(answer):
    text, query, images = PROGRAMS["list"]
    for constraint in _both(specify(text, query, {"net": list(images)})):
        with pytest.raises(ValueError, match=r"an index from 0 to 4|has 5 answers: say which each example has"):
            constraint.log_probability(torch.zeros(1, 2, 3).log_softmax(2), answer)


def test_several_networks_agree():
    text = DIGIT + (
        "nn(op,[X],Y,[plus,minus]) :: operator(X,Y). nn(pair,[X,Y]) :: close(X,Y).\n"
        "p(A,O,B,Z) :- digit(A,X), operator(O,plus), digit(B,Y), Z is X+Y.\n"
        "p(A,O,B,Z) :- digit(A,X), operator(O,minus), digit(B,Y), \\+close(A,B), Z is X-Y."
    )
    networks = {"pair": [("A", "B")], "net": ["B", "A"], "op": ["O"]}
    _assert_equal(specify(text, "p(A,O,B,Z)", networks), [("-1",), ("0",), ("1",), ("4",)])


def test_boolean_neural_predicates_agree():
    text = "nn(net,[X]) :: odd(X).\np(A,B) :- odd(A), \\+odd(B). p(A,B) :- odd(B), \\+odd(A)."
    _assert_equal(specify(text, "p(A,B)", {"net": ["A", "B"]}), [(), ()])


def test_the_sum_triple_agrees():
    _assert_equal(specify("mnist_addition", "sum_holds(A,B,C)", {"mnist_net": ["A", "B", "C"]}), [()] * 3)


def test_two_digit_addition_with_labels_agrees():
    networks = {"mnist_net": ["A", "B", "C", "D"]}
    _assert_equal(specify("two_digit_addition", "addition([A,B],[C,D],T)", networks), [("17",), ("100",)])


def test_tensor_valued_predicates_run_here():
    text = (
        "nn(net,[X],E) :: vector(X,E).\nP :: close(A,B) :- vector(A,U), vector(B,V), dot(U,V,P).\np(A,B) :- close(A,B)."
    )
    spec = ConstraintSpec(
        parse(text),
        QueryTemplate.parse("p(A,B)", dict.fromkeys("AB", "image")),
        {"net": NetworkShape((("A",), ("B",)), 3)},
    )
    constraint = deepproblog.build_constraint(spec)
    log_probs = torch.randn(2, 2, 3, generator=torch.Generator().manual_seed(0)).log_softmax(2).requires_grad_()
    expected = (log_probs[:, 0].exp() * log_probs[:, 1].exp()).sum(1).log()
    actual = constraint.log_probability(log_probs)
    torch.testing.assert_close(actual, expected)
    gradients = [torch.autograd.grad(values.sum(), log_probs)[0] for values in (actual, expected)]
    torch.testing.assert_close(*gradients)


def test_impossible_classes_give_finite_gradients_in_both():
    spec = specify(PROGRAMS["negation"][0], "p(A,B)", {"net": ["A", "B"]})
    log_probs = torch.tensor([[[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]], dtype=torch.float64).log()
    for constraint in _both(spec):
        leaf = log_probs.clone().requires_grad_()
        value = constraint.log_probability(leaf)
        assert value.item() == -torch.inf
        assert torch.autograd.grad(value.sum(), leaf)[0].isfinite().all()


def test_a_query_without_proof_is_an_error():
    with pytest.raises(ProgramError, match=r"the query p\(A\) has no proof"):
        deepproblog.build_constraint(specify(DIGIT + "p(A) :- digit(A,7).", "p(A)", NETWORKS))


def test_evidence_is_refused_since_deepproblog_ignores_it():
    spec = specify(DIGIT + "0.3::c. evidence(c). p(A) :- digit(A,1), c.", "p(A)", NETWORKS)
    with pytest.raises(ProgramError) as caught:
        deepproblog.build_constraint(spec)
    assert str(caught.value) == (
        "<program>  the program has evidence/1, which DeepProbLog silently ignores; set backend: circuit"
    )


def test_neural_clauses_with_bodies_are_refused_since_deepproblog_cannot_read_them():
    spec = specify("ok.\nnn(net,[X],Y,[0,1,2]) :: p(X,Y) :- ok. q(A) :- p(A,1).", "q(A)", NETWORKS)
    with pytest.raises(ProgramError) as caught:
        deepproblog.build_constraint(spec)
    assert str(caught.value) == (
        "<program>:2:1  the neural predicate p/2 has a body, which DeepProbLog cannot read; set backend: circuit"
    )


def test_a_network_with_a_quoted_name_agrees():
    text = "nn('my net',[X],Y,[a,b]) :: kind(X,Y). p(A,B) :- kind(A,Y), kind(B,Y)."
    _assert_equal(specify(text, "p(A,B)", {"my net": ["A", "B"]}), [()])


@pytest.mark.parametrize(
    ("text", "networks", "message"),
    [
        (
            "p(A) :- digit(foo,1), digit(A,0).",
            {"net": ["A", "B"]},
            "<program>:1:1  the network net reads foo, which is no image of the query p(A,B)",
        ),
        (
            "p(A) :- digit(A,1).",
            {"net": ["B"]},
            "in the query p(A,B) the network net reads A; it is bound to B",
        ),
    ],
)
def test_both_refuse_a_network_that_reads_no_image_of_its_own(text, networks, message):
    spec = specify(DIGIT + text + " p(A,B) :- p(A), digit(B,_).", "p(A,B)", networks)
    spec = replace(spec, template=QueryTemplate.parse("p(A,B)", dict.fromkeys("AB", "image")))
    for module in (circuit_constraint, deepproblog):
        with pytest.raises(ProgramError) as caught:
            module.build_constraint(spec)
        assert str(caught.value) == message


def test_python_is_not_loaded_in_a_roundabout_way_either():
    spec = specify(DIGIT + "p(A) :- G =.. [use_module, '/nowhere/x.py'], call(G), digit(A,1).", "p(A)", NETWORKS)
    with pytest.raises(ProgramError, match="which may run Python"):
        deepproblog.build_constraint(spec)


@pytest.mark.parametrize("probability", ["t(0.3)", "t(0.3,A)", "t(_,A,x)"])
def test_learnable_probabilities_are_refused_since_nothing_would_train_them(probability):
    spec = specify(DIGIT + f"{probability}::c(A). p(A) :- digit(A,1), c(A).", "p(A)", NETWORKS)
    with pytest.raises(ProgramError) as caught:
        deepproblog.build_constraint(spec)
    assert str(caught.value) == (
        "<program>:2:1  learnable probabilities t(_) train with the circuit only; set backend: circuit"
    )


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


def test_the_reference_gives_probabilities_and_no_readings():
    """What to set is said."""
    template = QueryTemplate.parse("p(A,B)", dict.fromkeys("AB", "image"))
    spec = ConstraintSpec(parse(PROGRAMS["negation"][0]), template, {"net": NetworkShape((("A",), ("B",)), 3)})
    reference = deepproblog.build_constraint(spec)
    for ask in (reference.most_probable, reference.posterior):
        with pytest.raises(
            ProgramError, match=r"the query p\(A,B\) does not say what its images are: .*backend: circuit"
        ):
            ask(torch.zeros(1, 2, 3).log_softmax(-1))
