"""Satisfaction counted by hand, with targets, without, and with chance; a method that knows its images by heart is found out."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from gedi_nesy_plugins.evaluators.constraint import ConstraintSatisfaction
from gedi_nesy_plugins.tasks.constraint import ConstraintTask
from torch import nn

from gedi_nesy import ConfigError, TaskContext
from gedi_nesy.data.dataset import to_unit_range
from gedi_nesy.logic import circuit_constraint
from gedi_nesy.logic.examples import Examples, Structure
from gedi_nesy.logic.limits import Limits
from gedi_nesy.logic.program import parse
from gedi_nesy.logic.query import QueryTemplate
from gedi_nesy.logic.structures import Structures
from gedi_nesy.plugin_manager import load_plugins

KIND = "nn(net,[X],Y,[a,b,c,d]) :: kind(X,Y).\n"
SURE = KIND + "p(A,B,T) :- kind(A,T), kind(B,T)."
CHANCE = (
    KIND + "0.2::alike; 0.7::apart.\np(A,B,T) :- kind(A,T), kind(B,T), alike.\np(A,B,x) :- kind(A,a), kind(B,b), apart."
)
SHARE = "share of 2 held-out examples whose most probable classes satisfy the query"
SAME = "nn(net,[X],Y,[a,b,c,d]) :: letter(X,Y).\nsame(A,B) :- letter(A,X), letter(B,X).\n"
CERTAINTY = 0.7


class Recalled(nn.Module):
    """Gives the told class of an image 0.7 and the others 0.1 each, and any image that it was not told class a."""

    def __init__(self, pixels, classes):
        super().__init__()
        self.known = {
            image.numpy().tobytes(): int(label) for image, label in zip(to_unit_range(pixels), classes, strict=True)
        }

    def class_log_probs(self, images):
        classes = torch.tensor([self.known.get(image.numpy().tobytes(), 0) for image in images])
        rest = (1 - CERTAINTY) / 3
        return (nn.functional.one_hot(classes, 4) * (CERTAINTY - rest) + rest).log()


@pytest.fixture
def task(labelled_task, tmp_path):
    (tmp_path / "same.pl").write_text(SAME)
    options = ConstraintTask.Options(
        program=str(tmp_path / "same.pl"), query="same(A,B)", arguments={"A": "image", "B": "image"},
        networks={"net": "method"}, examples=8, test_examples=6,
    )  # fmt: skip
    dataset = labelled_task(torch.arange(40) % 4, torch.arange(40) % 4).dataset
    context = TaskContext(dataset, load_plugins().registry, frozenset({"nesy"}), torch.Generator().manual_seed(0))
    return ConstraintTask(options, context)


def evaluate(method, task):
    evaluator = ConstraintSatisfaction(ConstraintSatisfaction.Options())
    evaluator.check(method, task)
    found = evaluator.evaluate(method, task)
    assert set(found.numbers) == set(found.definitions)
    return found


def test_numbers_are_counted_by_hand(task):
    labels = task.dataset.test.labels.clone()
    wrong = task.test_examples.slots[:2, 0]  # of two examples the first image is taken for the next class
    labels[wrong] = (labels[wrong] + 1) % 4
    everything = torch.cat([task.dataset.test.pixels, task.dataset.train.pixels])
    found = evaluate(Recalled(everything, torch.cat([labels, task.dataset.train.labels])), task)
    agree, differ = 0.7**2 + 3 * 0.1**2, 2 * 0.7 * 0.1 + 2 * 0.1**2
    assert found.numbers["satisfaction"] == pytest.approx(4 / 6)
    assert found.numbers["query_probability"] == pytest.approx((4 * agree + 2 * differ) / 6)
    assert found.numbers["satisfaction_train"] == 1
    assert found.failures == ("memorised: satisfaction is 100% on the training examples, 67% on held-out ones",)


def test_examples_with_targets_count_when_they_do_as_the_targets_say(task):
    target = torch.tensor([1.0, 0.8, 0.5, 0.4, 0.0, 0.0])
    task.test_examples = replace(task.test_examples, target=target)
    found = evaluate(Recalled(task.dataset.test.pixels, task.dataset.test.labels), task)
    agree = 0.7**2 + 3 * 0.1**2
    assert found.numbers["satisfaction"] == pytest.approx(3 / 6)
    assert found.numbers["query_probability"] == pytest.approx(
        float((target * agree + (1 - target) * (1 - agree)).mean())
    )
    assert "target" in found.definitions["satisfaction"] and "target" in found.definitions["query_probability"]


def test_a_method_that_knows_the_training_images_alone_is_said_to_have_memorised_them(task):
    found = evaluate(Recalled(task.dataset.train.pixels, task.dataset.train.labels), task)
    assert found.numbers["satisfaction"] == 1, "all unknown images get one class, which satisfies this query"
    assert found.failures == ()
    slots = task.test_examples.slots
    known = Recalled(
        torch.cat([task.dataset.train.pixels, task.dataset.test.pixels[slots[:, 0]]]),
        torch.cat([task.dataset.train.labels, torch.full((len(slots),), 3)]),
    )
    found = evaluate(known, task)
    assert found.numbers["satisfaction"] == 0 and found.numbers["satisfaction_train"] == 1
    assert found.failures == ("memorised: satisfaction is 100% on the training examples, 0% on held-out ones",)


def test_a_task_without_a_constraint_is_refused(forty):
    with pytest.raises(ConfigError, match="the evaluator constraint needs a task with a constraint; Labelled has none"):
        ConstraintSatisfaction(ConstraintSatisfaction.Options()).check(
            Recalled(forty.dataset.test.pixels[:0], []), forty
        )


def evaluate_program(method, task, text, answers):
    """Of the examples (image 0, image 1) and (image 1, image 2), which are of the classes a, b and c."""
    template = QueryTemplate.parse("p(A,B,T)", {"A": "image", "B": "image", "T": "label"})
    made = Structures(parse(text), template, {"net": [0, 1, 2, 3]}, circuit_constraint.build_constraint, Limits())
    index = made.number(Structure())
    task.constraint = made.family(4)
    answer = torch.tensor([task.constraint.constraints[index].answer_index((answer,)) for answer in answers])
    task.train_examples = task.test_examples = Examples(torch.tensor([[0, 1], [1, 2]]), answer, torch.full((2,), index))
    task.train_pixels = task.dataset.test.pixels
    return evaluate(method, task)


def test_without_chance_nothing_keeps_it_below_one(forty, energy):
    found = evaluate_program(energy, forty, SURE, "ab")
    assert found.numbers["satisfaction"] == 0
    assert found.definitions["satisfaction"] == SHARE
    assert found.definitions["query_probability"] == "mean probability of the query over 2 held-out examples"


def test_chance_leaves_what_classes_can_reach(forty, energy):
    found = evaluate_program(energy, forty, CHANCE, "xb")
    assert found.numbers["satisfaction"] == 0.5
    assert found.definitions["satisfaction"] == (
        f"{SHARE}, which is to make it more likely than not; the program's own chance leaves at most 0.5000"
    )
    assert found.definitions["query_probability"] == (
        "mean probability of the query over 2 held-out examples; the program's own chance leaves at most 0.4500"
    )


@pytest.mark.parametrize("name", ["satisfaction", "query_probability"])
def test_what_takes_long_to_know_is_not_told(forty, energy, monkeypatch, name):
    monkeypatch.setattr(circuit_constraint, "MAX_PRODUCTS", 1)
    found = evaluate_program(energy, forty, CHANCE, "xb")
    assert found.definitions[name].endswith("; the program's own chance may keep it below 1")
