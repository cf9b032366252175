"""Explanations against enumeration of all worlds, finite differences, and the evaluator's gradient."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.compiling import compile
from gedi_nesy.logic.evaluation import CircuitEvaluator
from gedi_nesy.logic.explaining import explain, uniform
from gedi_nesy.logic.grounding import ground
from gedi_nesy.logic.naming import choice_names, class_names
from gedi_nesy.logic.program import load_program, parse
from gedi_nesy.logic.query import QueryTemplate

TEXT = """\
nn(net, [X], Y, [a,b,c]) :: kind(X, Y).
0.3::rain; 0.2::snow.
0.6::wet(X) :- kind(X, b).
t(0.7)::late.
p(A, B, 1) :- kind(A, X), kind(B, X), \\+ rain.
p(A, B, 2) :- wet(A), kind(B, c).
p(A, B, 2) :- snow, late, kind(A, a).
evidence(\\+ never).
never :- rain, snow.
evidence(likely).
likely :- late.
likely :- snow.
"""


def compiled(text=TEXT, query="p(A,B,T)", images="AB", labels="T"):
    template = QueryTemplate.parse(query, dict.fromkeys(images, "image") | dict.fromkeys(labels, "label"))
    return compile(ground(parse(text), template)), template


def holds(circuit, node, world):
    while node >= 0:
        node = dict(circuit.nodes[node].edges).get(world[circuit.nodes[node].choice], -2)
    return node == -1


def moves_nothing(part, own):
    """Whether no logit of a variable has a gradient."""
    total = sum(part.gradient)
    return all(abs(gradient - p * total) < 1e-9 for gradient, p in zip(part.gradient, own, strict=True))


def weight(world, probabilities):
    return math.prod(own[index] for own, index in zip(probabilities, world, strict=True))


CASE = compiled()  # at import: ProbLog sets the recursion limit, which hypothesis watches


@st.composite
def distributions(draw):
    circuit, template = CASE
    probabilities = []
    for choice in circuit.choices:
        numbers = draw(st.lists(st.integers(0, 5), min_size=choice.num_classes, max_size=choice.num_classes))
        numbers[draw(st.integers(0, choice.num_classes - 1))] += 1
        probabilities.append([number / sum(numbers) for number in numbers])
    return circuit, template, probabilities


@settings(max_examples=60, deadline=None)
@given(distributions(), st.sampled_from(["1", "2"]))
def test_probabilities_and_best_world_are_those_of_all_worlds(case, label):
    circuit, template, probabilities = case
    worlds = list(itertools.product(*(range(choice.num_classes) for choice in circuit.choices)))
    evidence = sum(weight(world, probabilities) for world in worlds if holds(circuit, circuit.evidence, world))
    if evidence == 0:
        with pytest.raises(ProgramError, match="the evidence has probability 0"):
            explain(circuit, template, probabilities)
        return
    found = explain(circuit, template, probabilities, (label,))
    for answer, root in zip(circuit.answers, circuit.roots, strict=True):
        joint = sum(weight(world, probabilities) for world in worlds if holds(circuit, root, world))
        assert found.probabilities[answer] == pytest.approx(joint / evidence, abs=1e-12)
    root = circuit.roots[circuit.answers.index((label,))]
    best = max(weight(world, probabilities) for world in worlds if holds(circuit, root, world))
    assert found.world_probability == pytest.approx(best, abs=1e-12)
    if best > 0:
        assert holds(circuit, root, found.world)
        assert weight(found.world, probabilities) == pytest.approx(best)
        assert sum(part.share for part in found.contributions) == pytest.approx(1) or all(
            moves_nothing(part, probabilities[part.choices[0]]) for part in found.contributions
        )
    else:
        assert found.world is None
        assert all(gradient == 0 for part in found.contributions for gradient in part.gradient)


def test_gradients_are_the_evaluators():
    circuit, template = compiled()
    probabilities = [
        [
            (index + number + 1) / sum(range(number + 1, number + 1 + choice.num_classes))
            for index in range(choice.num_classes)
        ]
        for number, choice in enumerate(circuit.choices)
    ]
    rows = torch.tensor([p for own in probabilities for p in own], dtype=torch.float64).log().unsqueeze(1)
    rows.requires_grad_()
    output = CircuitEvaluator(circuit, roots=[circuit.roots[1], circuit.evidence])(rows)
    (output[0] - output[1]).sum().backward()
    found = explain(circuit, template, probabilities, circuit.answers[1])
    ours = [gradient for part in found.contributions for gradient in part.gradient]
    assert [index for part in found.contributions for index in part.choices] == list(range(len(circuit.choices)))
    assert ours == pytest.approx(rows.grad.flatten().tolist(), abs=1e-12)


def test_shares_are_those_of_the_gradient_in_the_logits():
    circuit, template = compiled()
    probabilities = uniform(circuit)
    found = explain(circuit, template, probabilities, ("2",))
    step, sizes = 1e-6, []
    for part in found.contributions:
        (index,) = part.choices
        size = 0.0
        for class_index in range(len(part.gradient)):
            values = []
            for sign in (1, -1):
                logits = [math.log(p) for p in probabilities[index]]
                logits[class_index] += sign * step
                total = sum(map(math.exp, logits))
                moved = [*probabilities]
                moved[index] = [math.exp(logit) / total for logit in logits]
                values.append(math.log(explain(circuit, template, moved).probabilities["2",]))
            size += abs(values[0] - values[1]) / (2 * step)
        sizes.append(size)
    assert [part.share for part in found.contributions] == pytest.approx(
        [size / sum(sizes) for size in sizes], abs=1e-6
    )


def test_the_most_probable_answer_is_explained_unless_one_is_chosen():
    template = QueryTemplate.parse("addition(A,B,T)", {"A": "image", "B": "image", "T": "label"})
    circuit = compile(ground(load_program("addition_with_label"), template))
    found = explain(circuit, template, uniform(circuit))
    assert found.answer == ("9",) and found.probabilities["9",] == pytest.approx(0.1)
    with pytest.raises(ProgramError, match=r"\(19\) is no answer of the query. Answers: 0, 1, 2"):
        explain(circuit, template, uniform(circuit), ("19",))


def test_choices_and_classes_have_names():
    circuit, template = compiled()
    names = choice_names(circuit, template)
    assert sorted(names) == ["chance 1", "chance 2", "net(A)", "net(B)", "t::late"]
    classes = {name: choice.classes for name, choice in zip(names, circuit.choices, strict=True)}
    assert classes["net(A)"] == ("a", "b", "c") and classes["t::late"] == ("late", "not late")
    assert {classes["chance 1"], classes["chance 2"]} == {
        ("rain", "snow", "none of rain, snow"),
        ("wet(A)", "not wet(A)"),
    }
    assert class_names(parse("nn(net,[X]) :: is_cat(X).")) == {"net": ("false", "true")}
