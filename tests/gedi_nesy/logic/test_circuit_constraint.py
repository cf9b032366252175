from __future__ import annotations

import doctest
import importlib
import math

import pytest
import torch

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic import circuit_constraint
from gedi_nesy.logic.constraint import Constraint
from gedi_nesy.logic.program import parse
from gedi_nesy.logic.query import QueryTemplate

DIGIT = "nn(net,[X],Y,[0,1,2,3]) :: digit(X,Y).\n"
SUM = (
    DIGIT
    + "sum(A,B,C) :- digit(A,X), digit(B,Y), Z is X+Y, digit(C,Z).\nadd(A,B,T) :- digit(A,X), digit(B,Y), T is X+Y."
)


def make(text, query, images, **options):
    return Constraint.from_program(text, query=query, networks={"net": list(images)}, **options)


def random_log_probs(examples, slots, classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(examples, slots, classes, generator=generator, dtype=torch.float64).log_softmax(2)


@pytest.mark.parametrize("name", ["program", "query", "constraint"])
def test_examples_in_docstrings(name):
    names = {"parse": parse, "Constraint": Constraint, "QueryTemplate": QueryTemplate, "torch": torch}
    results = doctest.testmod(importlib.import_module(f"gedi_nesy.logic.{name}"), extraglobs=names)
    assert results.failed == 0
    assert results.attempted > 0


def test_sum_triple_is_the_literal_formula():
    constraint = make(SUM, "sum(A,B,C)", "ABC")
    log_probs = random_log_probs(5, 3).requires_grad_()
    p = log_probs.exp()
    pairs = [(a, b) for a in range(4) for b in range(4) if a + b < 4]
    literal = sum(p[:, 0, a] * p[:, 1, b] * p[:, 2, a + b] for a, b in pairs).log()
    actual = constraint.log_probability(log_probs)
    torch.testing.assert_close(actual, literal, rtol=0, atol=1e-12)
    torch.testing.assert_close(
        torch.autograd.grad(actual.sum(), log_probs)[0],
        torch.autograd.grad(literal.sum(), log_probs)[0],
        rtol=0,
        atol=1e-12,
    )


def test_each_example_has_its_own_answer():
    constraint = make(SUM, "add(A,B,T)", "AB")
    log_probs = random_log_probs(7, 2)
    answer = torch.arange(7)
    by_answer = constraint(log_probs)
    assert constraint.answers == tuple((str(total),) for total in range(7))
    assert constraint.answer_index(("5",)) == 5
    torch.testing.assert_close(constraint.log_probability(log_probs, answer), by_answer[answer, answer])
    torch.testing.assert_close(by_answer.exp().sum(1), torch.ones(7, dtype=torch.float64))


def test_batch_equals_single_calls():
    constraint = make(SUM, "add(A,B,T)", "AB")
    log_probs, answer = random_log_probs(6, 2), torch.tensor([0, 6, 3, 3, 1, 5])
    single = torch.cat([constraint.log_probability(log_probs[i : i + 1], answer[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(constraint.log_probability(log_probs, answer), single, rtol=0, atol=1e-12)


def test_gradients_of_logits_are_finite_when_the_network_is_certain():
    constraint = make(SUM, "sum(A,B,C)", "ABC")
    logits = torch.tensor([[[1e4, 0, 0, 0], [0, 1e4, 0, 0], [0, 0, 1e4, 0]]], requires_grad=True)  # 0 + 1 = 2: false
    value = constraint.log_probability(logits.log_softmax(2))
    value.sum().backward()
    assert value.isfinite().all()
    assert logits.grad.isfinite().all()
    assert logits.grad.abs().sum() > 0


def test_evidence_conditions_the_answers():
    constraint = make(
        SUM + " evidence(small). small :- \\+ big. 0.5::big.\np(A,T) :- digit(A,T), small.", "p(A,T)", "A"
    )
    log_probs, answer = random_log_probs(3, 1), torch.tensor([0, 3, 2])
    torch.testing.assert_close(constraint(log_probs), log_probs[:, 0])
    torch.testing.assert_close(constraint.log_probability(log_probs, answer), log_probs[[0, 1, 2], 0, answer])


def test_impossible_evidence_leaves_no_answer_possible():
    constraint = make(
        DIGIT + "nn(net,[X],Y,[0,1,2,3]) :: again(X,Y). 0.5::c. evidence(e). e :- c. p(A,T) :- digit(A,T), c.",
        "p(A,T)",
        "A",
    )
    constraint.constant_log_probs.fill_(-torch.inf)
    assert (constraint(random_log_probs(2, 1)) == -torch.inf).all()


def test_one_image_twice_is_one_variable():
    constraint = make(DIGIT + "same(A,B) :- digit(A,X), digit(B,X).", "same(A,A)", "A")
    assert constraint.slots == ("A",)
    torch.testing.assert_close(constraint.log_probability(random_log_probs(2, 1)), torch.zeros(2, dtype=torch.float64))


def test_satisfied_reads_classes():
    constraint = make(SUM, "add(A,B,T)", "AB")
    classes = torch.tensor([[1, 2], [1, 2], [0, 0]])
    assert constraint.satisfied(classes, torch.tensor([3, 4, 0])).tolist() == [True, False, True]


@pytest.mark.parametrize(("chance", "expected"), [(0.55, True), (0.5, False), (0.45, False)])
def test_where_chance_remains_satisfied_means_more_likely_than_not(chance, expected):
    constraint = make(DIGIT + f"{chance}::c. p(A) :- digit(A,1), c.", "p(A)", "A")
    assert constraint.satisfied(torch.tensor([[1], [2]])).tolist() == [expected, False]


def test_a_label_outside_the_answers_is_an_error():
    with pytest.raises(ProgramError, match=r"\(7\) is no answer of the query"):
        make(SUM, "add(A,B,T)", "AB").answer_index(("7",))


def test_an_answer_that_is_text_is_told_how_answers_are_given():
    constraint = make(SUM, "add(A,B,T)", "AB")
    with pytest.raises(ProgramError) as caught:
        constraint.answer_index("3")
    assert str(caught.value) == 'an answer is a list with a value for each label: ["3"], not "3"'
    with pytest.raises(ValueError) as refused:
        constraint.loss(random_log_probs(1, 2), "3")
    wanted = "answer must be a tensor with an index for each example, as answer_index gives; got '3'"
    assert str(refused.value) == wanted


@pytest.mark.parametrize("shape", [(2, 2, 4), (2, 3, 5), (3, 4)])
def test_wrong_shapes_are_named(shape):
    constraint = make(SUM, "sum(A,B,C)", "ABC")
    with pytest.raises(ValueError) as caught:
        constraint(torch.zeros(shape))
    assert str(caught.value) == (
        f"the log-probabilities of net must be (examples, 3 inputs, 4 classes) for the inputs A, B, C; got {shape}"
    )


@pytest.mark.parametrize("label", ["[0,1]", "[0, 1]", " [ 0 ,1 ]"])
def test_a_label_is_found_however_its_list_is_spaced(label):
    constraint = make(DIGIT + "p(A,[0,1]) :- digit(A,1). p(A,'a b') :- digit(A,2).", "p(A,L)", "A")
    assert constraint.answers[constraint.answer_index([label])] == ("[0, 1]",)
    with pytest.raises(ProgramError, match=r"\(ab\) is no answer"):
        constraint.answer_index(["ab"])


@pytest.mark.parametrize("index", [-1, 7])
@pytest.mark.parametrize("complements", [False, True])
def test_an_index_outside_the_answers_is_refused(index, complements):
    # Complements and evidence stand behind the answers, where such an index would find them.
    constraint = make(SUM + "\nevidence(e). 0.5::e.", "add(A,B,T)", "AB", complements=complements)
    fault = r"an answer is not an index from 0 to 6, as answer_index of the query add\(A,B,T\) gives"
    with pytest.raises(ValueError, match=fault):
        constraint.log_probability(random_log_probs(2, 2), torch.tensor([3, index]))


@pytest.mark.parametrize("target", [math.nan, -0.1, 1.5])
def test_a_target_that_is_no_probability_is_refused(target):
    constraint = make(SUM, "add(A,B,T)", "AB", complements=True)
    with pytest.raises(ValueError, match="a target is not a probability between 0 and 1"):
        constraint.losses(random_log_probs(1, 2), torch.tensor([3]), target=torch.tensor([target]))


def test_without_an_answer_a_query_with_labels_is_refused():
    with pytest.raises(ValueError, match="the query has 7 answers: say which each example has"):
        make(SUM, "add(A,B,T)", "AB").log_probability(random_log_probs(2, 2))


def test_a_target_is_the_cross_entropy_with_it():
    constraint = make(SUM, "add(A,B,T)", "AB", complements=True)
    log_probs, answer = random_log_probs(4, 2), torch.tensor([0, 6, 3, 2])
    p = constraint.log_probability(log_probs, answer).exp()
    target = torch.tensor([1.0, 0.0, 0.25, 0.5], dtype=torch.float64)
    literal = -(target * p.log() + (1 - target) * (1 - p).log())
    torch.testing.assert_close(constraint.losses(log_probs, answer, target=target), literal)


def test_complements_stay_exact_near_certainty():
    constraint = make(DIGIT + "small(A) :- digit(A,X), X < 3.", "small(A)", "A", complements=True)
    log_probs = torch.tensor([[[0.0, -50.0, -50.0, -45.0]]]).log_softmax(2).requires_grad_()
    fails = constraint.log_complement(log_probs)
    torch.testing.assert_close(fails, torch.tensor([-45.0]))
    negative = constraint.losses(log_probs, target=torch.zeros(1))
    assert torch.autograd.grad(negative.sum(), log_probs)[0].isfinite().all()


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_certain_examples_leave_finite_gradients(target):
    constraint = make(SUM, "sum(A,B,C)", "ABC", complements=True)
    log_probs = torch.tensor([[[1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 1.0, 0, 0]]]).log().requires_grad_()  # 0 + 1 = 1
    loss = constraint.losses(log_probs, target=torch.tensor([target]))
    assert loss.item() == (0.0 if target else torch.inf)
    assert torch.autograd.grad(loss.sum(), log_probs)[0].isfinite().all()


def test_an_impossible_example_that_is_said_not_to_hold_costs_nothing_and_has_finite_gradients():
    constraint = make(SUM, "sum(A,B,C)", "ABC", complements=True)
    log_probs = torch.tensor([[[1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 0, 1.0]]]).log().requires_grad_()  # 0 + 1 = 3
    loss = constraint.losses(log_probs, target=torch.tensor([0.0]))
    assert loss.item() == 0 and torch.autograd.grad(loss.sum(), log_probs)[0].isfinite().all()


def test_targets_need_complements():
    with pytest.raises(ValueError, match="complements=True"):
        make(SUM, "sum(A,B,C)", "ABC").losses(random_log_probs(1, 3), target=torch.tensor([0.5]))


def test_known_classes_are_evidence_with_a_price():
    constraint = make(SUM, "add(A,B,T)", "AB")
    log_probs, answer = random_log_probs(3, 2), torch.tensor([3, 3, 3])
    p = log_probs.exp()
    known = torch.tensor([[-1, -1], [2, -1], [0, 3]])
    literal = [p[0, 0] @ p[0, 1].flip(0), p[1, 0, 2] * p[1, 1, 1], p[2, 0, 0] * p[2, 1, 3]]
    torch.testing.assert_close(constraint.losses(log_probs, answer, known=known), -torch.stack(literal).log())


def test_a_target_is_of_the_query_given_the_known_classes():
    constraint = make(SUM, "add(A,B,T)", "AB", complements=True)
    log_probs, target = random_log_probs(1, 2), torch.tensor([0.25], dtype=torch.float64)
    loss = constraint.losses(log_probs, torch.tensor([3]), target=target, known=torch.tensor([[2, -1]]))
    first, holds = log_probs[:, 0, 2], log_probs[:, 1, 1].exp()
    torch.testing.assert_close(loss, -(0.25 * holds.log() + 0.75 * (1 - holds).log()) - first)


def test_known_classes_of_several_networks_have_their_prices_added():
    text = DIGIT + "nn(op,[X],Y,[plus,times]) :: operator(X,Y). p(A,O) :- digit(A,1), operator(O,plus)."
    constraint = Constraint.from_program(text, query="p(A,O)", networks={"net": ["A"], "op": ["O"]})
    digits, operators = random_log_probs(2, 1), random_log_probs(2, 1, classes=2, seed=1)
    known = {"net": torch.tensor([[1], [-1]]), "op": torch.tensor([[0], [0]])}
    loss = constraint.losses({"net": digits, "op": operators}, known=known)
    torch.testing.assert_close(loss, -digits[:, 0, 1] - operators[:, 0, 0])


def test_a_known_class_that_contradicts_the_answer_is_impossible():
    constraint = make(SUM, "add(A,B,T)", "AB")
    loss = constraint.losses(random_log_probs(1, 2), torch.tensor([0]), known=torch.tensor([[1, -1]]))
    assert loss.item() == torch.inf


def test_each_network_has_a_tensor_of_its_own():
    text = DIGIT + (
        "nn(op,[X],Y,[plus,times]) :: operator(X,Y). value(plus,X,Y,Z) :- Z is X+Y. value(times,X,Y,Z) :- Z is X*Y.\n"
        "formula(A,O,B,Z) :- digit(A,X), operator(O,F), digit(B,Y), value(F,X,Y,Z)."
    )
    constraint = Constraint.from_program(text, query="formula(A,O,B,Z)", networks={"op": ["O"], "net": ["B", "A"]})
    digits, operators = random_log_probs(5, 2), random_log_probs(5, 1, classes=2)
    b, a, op = digits[:, 0].exp(), digits[:, 1].exp(), operators[:, 0].exp()
    four = op[:, 0] * (a[:, 1] * b[:, 3] + a[:, 2] * b[:, 2] + a[:, 3] * b[:, 1]) + op[:, 1] * a[:, 2] * b[:, 2]
    actual = constraint({"net": digits, "op": operators})[:, constraint.answer_index([4])]
    torch.testing.assert_close(actual.exp(), four)


def test_a_network_may_read_two_images_at_once():
    text = "nn(pair,[X,Y],Z,[less,equal,more]) :: order(X,Y,Z). up(A,B,C) :- order(A,B,less), order(B,C,less)."
    constraint = Constraint.from_program(text, query="up(A,B,C)", networks={"pair": [("A", "B"), ("B", "C")]})
    log_probs = random_log_probs(4, 2, classes=3)
    torch.testing.assert_close(constraint.log_probability(log_probs), log_probs[:, 0, 0] + log_probs[:, 1, 0])


def test_several_goals_hold_together():
    constraint = make(SUM, "add(A,B,S), add(B,C,T), \\+ digit(A,0)", "ABC")
    log_probs = random_log_probs(2, 3)
    p = log_probs.exp()
    literal = sum(p[:, 0, a] * p[:, 1, 3 - a] * p[:, 2, 4 - (3 - a)] for a in range(1, 4) if 0 <= 4 - (3 - a) < 4)
    answer = torch.full((2,), constraint.answer_index([3, 4]))
    torch.testing.assert_close(constraint.log_probability(log_probs, answer).exp(), literal)


def test_learnable_probabilities_start_as_the_program_says_and_get_gradients():
    constraint = make(DIGIT + "t(0.3) :: noise. p(A) :- digit(A,1), \\+ noise.", "p(A)", "A")
    log_probs = random_log_probs(3, 1)
    value = constraint.log_probability(log_probs)
    torch.testing.assert_close(value.exp(), 0.7 * log_probs[:, 0, 1].exp(), rtol=0, atol=1e-7)
    (logits,) = constraint.parameters()
    noise = logits.softmax(0)[0]
    expected = torch.autograd.grad((1 - noise).log(), logits)[0] * 3
    torch.testing.assert_close(torch.autograd.grad(value.sum(), logits)[0], expected)


def test_fixed_classes_of_a_learnable_disjunction_stay():
    constraint = make(DIGIT + "0.2::a; t(_)::b; t(_)::c. p(A) :- digit(A,0), a. p(A) :- digit(A,1), b.", "p(A)", "A")
    optimizer = torch.optim.SGD(constraint.parameters(), lr=1.0)
    log_probs = torch.tensor([[0.3, 0.7, 0.0, 0.0]]).log().view(1, 1, 4)
    for _ in range(200):
        optimizer.zero_grad()
        constraint.loss(log_probs).backward()
        optimizer.step()
    (values,) = constraint.learnable.learned().values()
    assert values[0] == pytest.approx(0.2)
    assert values[1] > 0.75
    assert sum(values) == pytest.approx(1.0)


def test_images_that_no_answer_reads_get_no_gradient():
    """They stand behind the others among the evaluator's rows."""
    constraint = make(SUM.replace("add(A,B,T)", "add(A,B,C,T)"), "add(A,B,C,T)", "ABC")
    log_probs = random_log_probs(3, 3).requires_grad_()
    answer = torch.tensor([3, 3, 2])
    two = make(SUM, "add(A,B,T)", "AB").log_probability(log_probs[:, :2], answer)
    three = constraint.log_probability(log_probs, answer)
    torch.testing.assert_close(three, two)
    (gradient,) = torch.autograd.grad(three.sum(), log_probs)
    assert (gradient[:, 2] == 0).all()
    assert (gradient[:, :2] != 0).any()


def test_a_query_that_looks_at_one_of_two_images():
    constraint = make(DIGIT + "p(A,B) :- digit(A,1), B = B.", "p(A,B)", "AB")
    log_probs = random_log_probs(2, 2)
    torch.testing.assert_close(constraint.log_probability(log_probs), log_probs[:, 0, 1])


def test_no_examples_have_no_probabilities():
    assert make(SUM, "add(A,B,T)", "AB")(torch.zeros(0, 2, 4)).shape == (0, 7)


def test_half_precision_is_raised():
    constraint = make(DIGIT + "0.3::c. p(A) :- digit(A,1), c.", "p(A)", "A")
    log_probs = random_log_probs(2, 1)
    torch.testing.assert_close(
        constraint.log_probability(log_probs.half()), (log_probs[:, 0, 1] + math.log(0.3)).float(), atol=2e-3, rtol=0
    )


def test_logits_are_told_from_log_probabilities_the_first_time():
    constraint, logits = make(SUM, "sum(A,B,C)", "ABC"), torch.zeros(5, 3, 4)
    for scale in (0.0, 3.0, 300.0):
        with pytest.raises(ValueError, match=r"of net are not normalised: take log_softmax\(dim=-1\) of logits"):
            make(SUM, "sum(A,B,C)", "ABC").loss(logits + scale)
    assert constraint.loss(logits.log_softmax(-1).half()).isfinite()


CHANCE = DIGIT + "0.3::more(0); 0.2::more(1); 0.5::more(4).\nadd(A,B,T) :- digit(A,X), digit(B,Y), more(Z), T is X+Y+Z."


def test_the_best_that_classes_can_do_is_known_exactly():
    constraint = make(CHANCE + " evidence(\\+ more(1)).", "add(A,B,T)", "AB")
    # Two digits make totals from 4 with the more probable number, those below with the other one alone.
    expected = [0.375] * 4 + [0.625] * 7
    assert constraint.has_chance and constraint.best().exp().tolist() == pytest.approx(expected)
    learned = make(SUM + " t(0.8)::c. p(A,T) :- digit(A,T), c.", "p(A,T)", "A")
    assert learned.has_chance and learned.best().exp().tolist() == pytest.approx([0.8] * 4)


def test_the_best_is_no_matter_of_chance_that_the_query_does_without():
    constraint = make(SUM + " 0.3::rain. wet :- rain.", "add(A,B,T)", "AB")
    assert not constraint.has_chance and constraint.best().exp().tolist() == pytest.approx([1.0] * 7)


def test_the_best_is_not_told_where_it_takes_long_or_may_lie_between_classes(monkeypatch):
    twice = DIGIT + "nn(net,[X],Y,[0,1,2,3]) :: again(X,Y). 0.5::c. p(A) :- digit(A,X), again(A,Y), X < Y, c."
    assert make(twice, "p(A)", "A").best() is None
    monkeypatch.setattr(circuit_constraint, "MAX_PRODUCTS", 100)
    assert make(CHANCE, "add(A,B,T)", "AB").best() is None
