"""What images most probably are when a query holds, and how probable each class is: against all worlds tried one by one."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.constraint import Constraint
from gedi_nesy.logic.formula import NeuralSource

SMALL = "nn(net, [X], Y, [0,1,2,3]) :: digit(X, Y).\n"
SUM = SMALL + "sum(A, B, C) :- digit(A, X), digit(B, Y), Z is X + Y, digit(C, Z).\n"
ADD = SMALL + "add(A, B, T) :- digit(A, X), digit(B, Y), T is X + Y.\n"
PARITY = (
    "nn(net, [X], Y, [0,1]) :: bit(X, Y).\nodd([], 0). odd([H|T], P) :- bit(H, B), odd(T, Q), P is (B + Q) mod 2.\n"
)
WEATHER = """\
nn(net, [X], Y, [a,b,c]) :: kind(X, Y).
0.3::rain; 0.2::snow.
0.6::wet(X) :- kind(X, b).
0.6::cold(X) :- kind(X, c).
t(0.7)::late.
p(A, B, 1) :- kind(A, X), kind(B, X), \\+ rain.
p(A, B, 2) :- wet(A), cold(B).
p(A, B, 2) :- snow, late, kind(A, a).
evidence(likely).
likely :- late.
likely :- snow.
"""
FORMULA = """\
nn(digit_net, [X], Y, [1,2,3]) :: digit(X, Y).
nn(operator_net, [X], Y, [plus,minus]) :: operator(X, Y).
value(plus, X, Y, Z) :- Z is X + Y.
value(minus, X, Y, Z) :- Z is X - Y.
result(A, O, B, T) :- digit(A, X), operator(O, F), digit(B, Y), value(F, X, Y, T).
"""
PAIRS = "nn(net, [X, Y], Z, [less,more]) :: order(X, Y, Z).\nfalls(A, B, C) :- order(A, B, more), order(B, C, more).\n"
CASES = {
    "sum": lambda: make(SUM, "sum(A,B,C)", net="ABC"),
    "addition": lambda: make(ADD, "add(A,B,T)", net="AB"),
    "chain": lambda: make(PARITY, "odd(L,P)", {"L": 7}, net=["L"]),
    "chance and evidence": lambda: make(WEATHER, "p(A,B,T)", net="AB"),
    "two networks": lambda: make(FORMULA, "result(A,O,B,T)", digit_net="AB", operator_net="O"),
    "pairs of images": lambda: make(PAIRS, "falls(A,B,C)", net=[("A", "B"), ("B", "C"), ("A", "C")]),
}


def make(text, query, lengths=None, **networks):
    networks = {name: list(variables) for name, variables in networks.items()}
    return Constraint.from_program(text, query=query, networks=networks, lengths=lengths)


def drawn(constraint, examples, seed=0, sharpness=2.0):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(
            examples, len(shape.inputs), shape.num_classes, generator=generator, dtype=torch.float64
        ).mul(sharpness).log_softmax(-1)
        for name, shape in constraint.networks.items()
    }  # fmt: skip


def worlds_of(constraint, log_probs, root):
    """Every world of one example in which a root holds: classes of all inputs, and its probability."""
    circuit = constraint.circuit
    inputs = [(name, index) for name, shape in constraint.networks.items() for index in range(len(shape.inputs))]
    sizes = [constraint.networks[name].num_classes for name, _ in inputs]
    chance = [index for index, choice in enumerate(circuit.choices) if not isinstance(choice.source, NeuralSource)]
    for classes in itertools.product(*map(range, sizes)):
        of_input = dict(zip(inputs, classes, strict=True))
        for outcome in itertools.product(*(range(circuit.choices[index].num_classes) for index in chance)):
            world, weight = dict(zip(chance, outcome, strict=True)), 1.0
            for (name, index), value in of_input.items():
                weight *= float(log_probs[name][index, value].exp())
            for index, choice in enumerate(circuit.choices):
                if isinstance(choice.source, NeuralSource):
                    slots = tuple(constraint.slots[slot] for slot in choice.source.slots)
                    position = constraint.networks[choice.source.network].inputs.index(slots)
                    world[index] = of_input[choice.source.network, position]
                else:
                    source = choice.source
                    weight *= (getattr(source, "probabilities", None) or source.initial)[world[index]]
            node = root
            while node >= 0:
                node = dict(circuit.nodes[node].edges).get(world[circuit.nodes[node].choice], -2)
            if node == -1 and weight > 0:
                yield of_input, weight


@pytest.mark.parametrize("case", CASES)
def test_readings_and_posteriors_are_those_of_all_worlds(case):
    """Joint maximum and marginals, every answer of every program; inputs that an answer does not look at included."""
    constraint = CASES[case]()
    number = len(constraint.answers)
    log_probs = drawn(constraint, 3 * number)
    answer = torch.arange(3 * number) % number
    reading, posterior = constraint.most_probable(log_probs, answer), constraint.posterior(log_probs, answer)
    for example in range(3 * number):
        given = {name: tensor[example] for name, tensor in log_probs.items()}
        worlds = list(worlds_of(constraint, given, constraint.circuit.roots[answer[example]]))
        best, _ = max(worlds, key=lambda world: world[1])
        total = sum(weight for _, weight in worlds)
        evidence = sum(weight for _, weight in worlds_of(constraint, given, constraint.circuit.evidence))
        of_classes = sum(weight for classes, weight in worlds if classes == best) / evidence
        # A learned 0.7 is a float32.
        assert reading.log_probability[example].exp() == pytest.approx(of_classes, rel=1e-6)
        for (name, index), value in best.items():
            assert reading.classes[name][example, index] == value
            for of_class in range(constraint.networks[name].num_classes):
                expected = sum(w for world, w in worlds if world[name, index] == of_class) / total
                assert posterior[name][example, index, of_class] == pytest.approx(expected, abs=1e-7)


def test_without_chance_readings_satisfy_the_query_and_with_it_they_are_of_the_most_probable_world():
    """Three unlikely causes of class 1 outweigh one of class 0 together, and none of them by itself."""
    constraint = make(SUM, "sum(A,B,C)", net="ABC")
    assert constraint.satisfied(constraint.most_probable(drawn(constraint, 50)).classes).all()
    causes = "0.2::n1; 0.1::n0. 0.2::n2. 0.2::n3. 0.4::m.\n"
    text = SMALL + causes + "p(A) :- digit(A,0), m.\n" + "".join(f"p(A) :- digit(A,1), n{i}.\n" for i in (1, 2, 3))
    constraint = make(text, "p(A)", net="A")
    log_probs = torch.tensor([[[0.5, 0.5, 0.0, 0.0]]]).log()
    reading = constraint.most_probable(log_probs)
    assert reading.classes["net"].tolist() == [[0]]
    assert reading.log_probability.exp().item() == pytest.approx(0.5 * 0.4)
    causes = 1 - 0.8**3
    expected = torch.tensor([[[0.4, causes, 0.0, 0.0]]]) / (0.4 + causes)
    torch.testing.assert_close(constraint.posterior(log_probs)["net"], expected)


def test_known_classes_are_given():
    """The clue of a sudoku: one of three digits of a sum is told, and the others are read along with it."""
    constraint = make(SUM, "sum(A,B,C)", net="ABC")
    log_probs, known = drawn(constraint, 4)["net"], torch.tensor([[1, -1, -1], [-1, 2, -1], [-1, -1, 3], [2, -1, 0]])
    reading, posterior = constraint.most_probable(log_probs, known=known), constraint.posterior(log_probs, known=known)
    for example, clues in enumerate(known.tolist()):
        p = log_probs[example].exp().tolist()
        joint = {
            world: math.prod(1.0 if clue == value else p[slot][value] for slot, (value, clue) in enumerate(zip(world, clues, strict=True)))
            for world in ((a, b, a + b) for a in range(4) for b in range(4 - a))
            if all(clue in (-1, value) for value, clue in zip(world, clues, strict=True))
        }  # fmt: skip
        best = max(joint, key=joint.get, default=(-1, -1, -1))
        assert reading.classes["net"][example].tolist() == list(best)
        if joint:
            assert reading.log_probability[example].exp() == pytest.approx(joint[best])
            of_first = sum(weight for world, weight in joint.items() if world[0] == best[0]) / sum(joint.values())
            assert posterior["net"][example, 0, best[0]] == pytest.approx(of_first)
    assert reading.classes["net"][3].tolist() == [-1, -1, -1], "2 + b = 0 has no solution"


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
def test_readings_do_not_depend_on_the_mode_of_autograd(mode):
    """Also with tensors that were made in that mode."""
    constraint = make(SUM, "sum(A,B,C)", net="ABC")
    log_probs = drawn(constraint, 5)["net"]
    expected = constraint.posterior(log_probs)["net"]
    with mode():
        inside = log_probs.exp().log()
        torch.testing.assert_close(constraint.posterior(inside)["net"], expected)
        assert torch.equal(
            constraint.most_probable(inside).classes["net"], constraint.most_probable(log_probs).classes["net"]
        )
    torch.testing.assert_close(constraint.posterior(inside)["net"], expected)


def test_a_long_chain_is_read_in_log_space():
    """Forty digits whose most probable classes break the total: the joint probability is far below the smallest float32."""
    text = SMALL + "total([], 0). total([H|T], S) :- digit(H, D), total(T, R), S is D + R.\n"
    constraint = make(text, "total(L, S)", {"L": 40}, net=["L"])
    log_probs = torch.full((1, 40, 4), -40.0).index_fill(2, torch.tensor([0]), 0.0)
    answer = torch.tensor([constraint.answer_index(["9"])])
    reading = constraint.most_probable(log_probs, answer)
    assert reading.classes["net"].sum() == 9
    assert (reading.classes["net"] > 0).sum() == 3, "three digits of 3 are the fewest that must be improbable"
    torch.testing.assert_close(reading.log_probability, torch.tensor([-120.0]))
    torch.testing.assert_close(constraint.posterior(log_probs, answer)["net"].sum(-1), torch.ones(1, 40))


def test_what_cannot_hold_has_no_reading():
    """-1 and not a number, and nothing of it in the examples beside it."""
    constraint = make(ADD, "add(A,B,T)", net="AB")
    log_probs = torch.nn.functional.one_hot(torch.tensor([[1, 2], [1, 3]]), 4).float().log()
    answer = torch.tensor([constraint.answer_index(["4"])] * 2)
    reading, posterior = constraint.most_probable(log_probs, answer), constraint.posterior(log_probs, answer)["net"]
    assert reading.classes["net"].tolist() == [[-1, -1], [1, 3]]
    assert reading.log_probability.tolist() == [-torch.inf, 0.0]
    assert posterior[0].isnan().all()
    assert posterior[1].tolist() == [[0, 1, 0, 0], [0, 0, 0, 1]]
    assert constraint.satisfied(reading.classes, answer).tolist() == [False, True]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_lower_precision_rounds_what_is_given_and_nothing_else(dtype):
    """The sums of log-probabilities and the program's own numbers are those of float32."""
    constraint = make(WEATHER, "p(A,B,T)", net="AB")
    given, answer = drawn(constraint, 20, sharpness=8.0)["net"].to(dtype), torch.arange(20) % 2
    found, exact = (constraint.most_probable(tensor, answer) for tensor in (given, given.double()))
    assert torch.equal(found.classes["net"], exact.classes["net"])
    assert found.log_probability.dtype == torch.float32
    torch.testing.assert_close(found.log_probability, exact.log_probability.float(), rtol=1e-5, atol=1e-5)
    posterior = constraint.posterior(given, answer)["net"]
    assert (posterior >= 0).all()
    torch.testing.assert_close(
        posterior, constraint.posterior(given.double(), answer)["net"].float(), rtol=0, atol=1e-5
    )


def test_what_is_not_a_number_is_not_read():
    """Neither is an example beside it."""
    constraint = make(ADD, "add(A,B,T)", net="AB")
    log_probs = drawn(constraint, 2)["net"]
    constraint(log_probs)  # the first look checks what comes
    log_probs[0] = torch.nan
    answer = torch.tensor([3, 3])
    assert constraint.most_probable(log_probs, answer).classes["net"][0].tolist() == [-1, -1]
    assert constraint.most_probable(log_probs, answer).classes["net"][1].sum() == 3
    assert constraint.posterior(log_probs, answer)["net"][0].isnan().all()


def test_a_network_with_two_choices_for_one_image_says_no_class():
    """Each neural predicate draws anew, as in DeepProbLog."""
    text = SMALL + "nn(net, [X], Y, [0,1,2,3]) :: again(X, Y).\nboth(A) :- digit(A, X), again(A, X).\n"
    constraint = make(text, "both(A)", net="A")
    for ask in (constraint.most_probable, constraint.posterior):
        with pytest.raises(
            ProgramError, match="the network net makes several choices for A, and each may be another class"
        ):
            ask(torch.zeros(1, 1, 4).log_softmax(-1))


@pytest.mark.gpu
def test_cuda_reads_the_same():
    """Classes, log-probabilities and posteriors."""
    constraint = make(WEATHER, "p(A,B,T)", net="AB")
    log_probs, answer = drawn(constraint, 20)["net"], torch.arange(20) % 2
    results = []
    for device in ("cpu", "cuda"):
        constraint.to(device)
        given, answers = log_probs.to(device), answer.to(device)
        reading = constraint.most_probable(given, answers)
        posterior = constraint.posterior(given, answers)["net"]
        results.append([reading.classes["net"].cpu(), reading.log_probability.cpu(), posterior.cpu()])
    torch.testing.assert_close(results[0], results[1])
