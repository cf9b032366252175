from __future__ import annotations

import pytest
import torch

from gedi_nesy.logic.compiling import compile
from gedi_nesy.logic.evaluation import CircuitEvaluator

DIGIT = "nn(net,[X],Y,[0,1,2]) :: digit(X,Y).\n"
TRIPLE = DIGIT + "sum(A,B,C) :- digit(A,X), digit(B,Y), Z is X+Y, digit(C,Z)."
# Text, query, image slots, label columns; three classes throughout.
NEURAL_PROGRAMS = {
    "sum triple": (TRIPLE, "sum(A,B,C)", "ABC", ""),
    "labelled sum": (DIGIT + "add(A,B,T) :- digit(A,X), digit(B,Y), T is X+Y.", "add(A,B,T)", "AB", "T"),
    "single class used": (DIGIT + "two(A) :- digit(A,2).", "two(A)", "A", ""),
    "negated single class": (DIGIT + "not_two(A) :- \\+digit(A,2).", "not_two(A)", "A", ""),
    "negation": (DIGIT + "differ(A,B) :- digit(A,X), \\+digit(B,X).", "differ(A,B)", "AB", ""),
    "one image in two slots of the query": (DIGIT + "s(A,B) :- digit(A,X), digit(B,X).", "s(A,A)", "A", ""),
    "neural predicate with a body": (
        "nn(net,[X],Y,[a,b,c]) :: kind(X,Y) :- open(Y0), ok.\nopen(1). 0.3::ok. p(A,T) :- kind(A,T).",
        "p(A,T)",
        "A",
        "T",
    ),
    "chance besides": (
        DIGIT + "0.2::flip. p(A,B) :- digit(A,X), digit(B,X), \\+flip. p(A,B) :- digit(A,0), flip.",
        "p(A,B)",
        "AB",
        "",
    ),
    "evidence on an image": (
        DIGIT + "0.4::n. evidence(n). p(A,B,T) :- digit(A,X), digit(B,Y), n, T is X*Y. p(_,B,9) :- digit(B,1).",
        "p(A,B,T)",
        "AB",
        "T",
    ),
    "choice for each clause": (
        DIGIT + "nn(net,[X],Y,[0,1,2]) :: again(X,Y).\nsame(A) :- digit(A,X), again(A,X).",
        "same(A)",
        "A",
        "",
    ),
    "unread image": (DIGIT + "first(A,B) :- digit(A,1), B = B.", "first(A,B)", "AB", ""),
    "certain": (DIGIT + "any(A) :- digit(A,0). any(A) :- digit(A,1). any(A) :- digit(A,2).", "any(A)", "A", ""),
    "list": (
        DIGIT + "total([],0). total([A|T],S) :- total(T,R), digit(A,X), S is R+X.",
        "total([A,B,C],S)",
        "ABC",
        "S",
    ),
}


@pytest.fixture(params=NEURAL_PROGRAMS)
def neural_formula(request, formula_of):
    text, query, images, labels = NEURAL_PROGRAMS[request.param]
    roles = dict.fromkeys(images, "image") | dict.fromkeys(labels, "label")
    return formula_of(text, query, roles)


def _random_rows(circuit, examples, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    logits = [torch.randn(choice.num_classes, examples, generator=generator, dtype=dtype) for choice in circuit.choices]
    return torch.cat([block.log_softmax(0) for block in logits]) if logits else torch.zeros(0, examples, dtype=dtype)


def test_values_are_those_of_all_worlds(neural_formula, evaluate, enumerate_worlds):
    class_probs = torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64).softmax(1).tolist()
    circuit = compile(neural_formula)
    assert evaluate(circuit, class_probs) == pytest.approx(enumerate_worlds(neural_formula, class_probs), abs=1e-9)


def test_values_at_probabilities_zero_and_one(neural_formula, evaluate, enumerate_worlds):
    class_probs = [[0.0, 1.0, 0.0], [0.0, 0.5, 0.5], [0.25, 0.75, 0.0]]
    circuit = compile(neural_formula)
    assert evaluate(circuit, class_probs) == pytest.approx(enumerate_worlds(neural_formula, class_probs), abs=1e-9)


def test_gradients_pass_gradcheck(neural_formula):
    circuit = compile(neural_formula)
    evaluator = CircuitEvaluator(circuit)
    rows = _random_rows(circuit, 2).requires_grad_()
    assert torch.autograd.gradcheck(evaluator, (rows,))


def test_gradients_are_finite_for_impossible_classes(neural_formula):
    circuit = compile(neural_formula)
    rows = _random_rows(circuit, 4)
    rows[torch.rand(rows.shape, generator=torch.Generator().manual_seed(2)) < 0.5] = -torch.inf
    impossible = rows.isinf()
    rows.requires_grad_()
    output = CircuitEvaluator(circuit)(rows)
    (gradient,) = torch.autograd.grad(output.sum(), rows)
    assert gradient.isfinite().all()
    assert (gradient[impossible] == 0).all()


def test_batch_equals_single_calls(neural_formula):
    circuit = compile(neural_formula)
    evaluator = CircuitEvaluator(circuit)
    rows = _random_rows(circuit, 5)
    single = torch.cat([evaluator(rows[:, index : index + 1]) for index in range(5)], dim=1)
    torch.testing.assert_close(evaluator(rows), single, rtol=0, atol=1e-12)


def test_float32_is_right_to_six_digits(neural_formula):
    circuit = compile(neural_formula)
    evaluator = CircuitEvaluator(circuit)
    rows = _random_rows(circuit, 8)
    torch.testing.assert_close(evaluator(rows.float()).exp(), evaluator(rows).exp().float(), rtol=0, atol=1e-6)


def test_low_precision_is_raised_to_float32(compiled):
    circuit = compiled(TRIPLE, "sum(A,B,C)", dict.fromkeys("ABC", "image"))
    evaluator = CircuitEvaluator(circuit)
    rows = _random_rows(circuit, 3).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = evaluator(rows)
    assert inside.dtype == evaluator(rows.bfloat16()).dtype == torch.float32
    torch.testing.assert_close(inside, evaluator(rows))


@pytest.mark.parametrize("unlikely", [-200.0, -1e30])  # exp(-200) is 0 in float32, -1e30 a floored impossible class
def test_very_unlikely_answers_keep_their_logarithm(compiled, unlikely):
    circuit = compiled(TRIPLE, "sum(A,B,C)", dict.fromkeys("ABC", "image"))
    rows = torch.full((9, 1), unlikely, requires_grad=True)
    output = CircuitEvaluator(circuit)(rows)
    output[0].sum().backward()
    assert output[0].item() == pytest.approx(3 * unlikely + torch.tensor(6.0).log().item(), rel=1e-6)
    assert rows.grad.sum().item() == pytest.approx(3.0, abs=1e-5)


def test_an_unlikely_answer_beside_likely_ones_keeps_its_logarithm_and_gradient(compiled):
    """Both images are of class 1, the others have exp(-200): totals 0 and 4 come about in one way, 1 and 3 in two."""
    circuit = compiled(NEURAL_PROGRAMS["labelled sum"][0], "add(A,B,T)", {"A": "image", "B": "image", "T": "label"})
    rows = torch.tensor([-200.0, 0.0, -200.0] * 2)[:, None].requires_grad_()
    output = CircuitEvaluator(circuit)(rows)[:, 0]
    one_way, two_ways = -400.0, -200.0 + torch.tensor(2.0).log().item()
    assert [answer for (answer,) in circuit.answers] == list("01234")
    assert output.tolist() == pytest.approx([one_way, two_ways, 0.0, two_ways, one_way], abs=1e-3)
    for value in output:  # the logarithm of a sum of products of two factors is of degree 2 in them
        (gradient,) = torch.autograd.grad(value, rows, retain_graph=True)
        assert gradient.sum().item() == pytest.approx(2.0, abs=1e-5)


def test_roots_chosen_for_each_example_are_those_of_the_whole_output_with_their_gradients(compiled):
    """One root twice, and an example so unlikely that it is evaluated in logarithms."""
    circuit = compiled(NEURAL_PROGRAMS["labelled sum"][0], "add(A,B,T)", {"A": "image", "B": "image", "T": "label"})
    rows = _random_rows(circuit, 4)
    rows[:, 1] -= 500
    rows.requires_grad_()
    chosen = torch.tensor([[0, 4, 2, 3], [3, 1, 2, 1]])
    evaluator, weights = (
        CircuitEvaluator(circuit),
        torch.rand(2, 4, generator=torch.Generator().manual_seed(1)).double(),
    )
    some, expected = evaluator(rows, chosen), evaluator(rows).gather(0, chosen)
    torch.testing.assert_close(some, expected)
    gradients = [torch.autograd.grad((values * weights).sum(), rows) for values in (some, expected)]
    torch.testing.assert_close(*gradients)


def test_two_answers_of_one_node_both_pass_their_gradient_on(compiled):
    circuit = compiled(TRIPLE, "sum(A,B,C)", dict.fromkeys("ABC", "image"))
    rows = _random_rows(circuit, 3).requires_grad_()
    (once,) = torch.autograd.grad(CircuitEvaluator(circuit)(rows).sum(), rows)
    twice = CircuitEvaluator(circuit, roots=circuit.roots * 2)(rows)
    torch.testing.assert_close(torch.autograd.grad(twice[0].sum() + 2 * twice[1].sum(), rows)[0], 3 * once)


def test_padding_does_not_change_values(compiled, monkeypatch):
    circuit = compiled(TRIPLE, "sum(A,B,C)", dict.fromkeys("ABC", "image"))
    rows = _random_rows(circuit, 4)
    expected = CircuitEvaluator(circuit)(rows)
    for padding in (0, 1_000):
        monkeypatch.setattr("gedi_nesy.logic.layers.CHEAP_PADDING", padding)
        torch.testing.assert_close(CircuitEvaluator(circuit)(rows), expected)


def test_only_what_the_roots_need_is_evaluated(compiled):
    circuit = compiled(NEURAL_PROGRAMS["labelled sum"][0], "add(A,B,T)", {"A": "image", "B": "image", "T": "label"})
    rows = _random_rows(circuit, 2)
    alone = CircuitEvaluator(circuit, roots=circuit.roots[:1])
    assert alone.num_rows < CircuitEvaluator(circuit).num_rows
    torch.testing.assert_close(alone(rows), CircuitEvaluator(circuit)(rows)[:1])


def test_checkpoints_do_not_hold_the_circuit(compiled):
    circuit = compiled(TRIPLE, "sum(A,B,C)", dict.fromkeys("ABC", "image"))
    assert CircuitEvaluator(circuit).state_dict() == {}


@pytest.mark.gpu
def test_cuda_gives_the_same_values_and_gradients(neural_formula):
    circuit = compile(neural_formula)
    evaluator = CircuitEvaluator(circuit)
    rows = _random_rows(circuit, 16)
    results = []
    for device in ("cpu", "cuda"):
        leaf = rows.to(device).requires_grad_()
        output = evaluator.to(device)(leaf)
        (gradient,) = torch.autograd.grad(output.sum(), leaf)
        results.append((output.cpu(), gradient.cpu()))
    torch.testing.assert_close(results[0], results[1])
