"""Satisfaction says how high it can get where the program has chance of its own."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.evaluators.constraint import ConstraintSatisfaction

from gedi_nesy.logic import circuit_constraint
from gedi_nesy.logic.family import Examples, Structure
from gedi_nesy.logic.limits import Limits
from gedi_nesy.logic.program import parse
from gedi_nesy.logic.query import QueryTemplate
from gedi_nesy.logic.structures import Structures

KIND = "nn(net,[X],Y,[a,b,c,d]) :: kind(X,Y).\n"
SURE = KIND + "p(A,B,T) :- kind(A,T), kind(B,T)."
CHANCE = (
    KIND + "0.2::alike; 0.7::apart.\np(A,B,T) :- kind(A,T), kind(B,T), alike.\np(A,B,x) :- kind(A,a), kind(B,b), apart."
)
SHARE = "share of 2 held-out examples whose most probable classes satisfy the query"


def evaluate(method, task, text, answers):
    """Of the examples (image 0, image 1) and (image 1, image 2), which are of the classes a, b and c."""
    template = QueryTemplate.parse("p(A,B,T)", {"A": "image", "B": "image", "T": "label"})
    made = Structures(parse(text), template, {"net": [0, 1, 2, 3]}, circuit_constraint.build_constraint, Limits())
    index = made.number(Structure())
    task.constraint = made.family(4)
    answer = torch.tensor([task.constraint.constraints[index].answer_index((answer,)) for answer in answers])
    task.train_examples = task.test_examples = Examples(torch.tensor([[0, 1], [1, 2]]), answer, torch.full((2,), index))
    return ConstraintSatisfaction(ConstraintSatisfaction.Options()).evaluate(method, task)


def test_without_chance_nothing_keeps_it_below_one(forty, energy):
    found = evaluate(energy, forty, SURE, "ab")
    assert found.numbers["satisfaction"] == 0
    assert found.definitions == {
        "satisfaction": SHARE,
        "query_probability": "mean probability of the query over 2 held-out examples",
    }


def test_chance_leaves_what_classes_can_reach(forty, energy):
    found = evaluate(energy, forty, CHANCE, "xb")
    assert found.numbers["satisfaction"] == 0.5
    assert found.definitions == {
        "satisfaction": SHARE
        + ", which is to make it more likely than not; the program's own chance leaves at most 0.5000",
        "query_probability": "mean probability of the query over 2 held-out examples;"
        " the program's own chance leaves at most 0.4500",
    }


@pytest.mark.parametrize("name", ["satisfaction", "query_probability"])
def test_what_takes_long_to_know_is_not_told(forty, energy, monkeypatch, name):
    monkeypatch.setattr(circuit_constraint, "MAX_PRODUCTS", 1)
    found = evaluate(energy, forty, CHANCE, "xb")
    assert found.definitions[name].endswith("; the program's own chance may keep it below 1")
