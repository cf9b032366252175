"""Reading with the query, counted by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from gedi_nesy_plugins.evaluators.decoding import ConstrainedDecoding
from torch import nn

from gedi_nesy import ConfigError
from gedi_nesy.logic import circuit_constraint
from gedi_nesy.logic.examples import Examples, Structure
from gedi_nesy.logic.limits import Limits
from gedi_nesy.logic.program import parse
from gedi_nesy.logic.query import QueryTemplate
from gedi_nesy.logic.structures import Structures

KIND = "nn(net,[X],Y,[0,1,2,3]) :: kind(X,Y).\n"
TOTAL = KIND + "p(A,B,T) :- kind(A,X), kind(B,Y), T is X + Y."
TWICE = KIND + "nn(net,[X],Y,[0,1,2,3]) :: again(X,Y).\np(A,B,T) :- kind(A,T), again(A,T), kind(B,_)."


class Says(nn.Module):
    """Given distributions for the first images, class 0 for the others."""

    def __init__(self, *rows):
        super().__init__()
        self.rows = torch.tensor(rows)

    def class_log_probs(self, images):
        rest = torch.tensor([0.7, 0.1, 0.1, 0.1]).expand(len(images) - len(self.rows), -1)
        return torch.cat([self.rows, rest]).log()


def with_program(task, text, labels, examples, answers):
    """The task asks the program about examples of its test images, whose classes are these."""
    template = QueryTemplate.parse("p(A,B,T)", {"A": "image", "B": "image", "T": "label"})
    made = Structures(parse(text), template, {"net": [0, 1, 2, 3]}, circuit_constraint.build_constraint, Limits())
    index = made.number(Structure())
    task.constraint = made.family(4)
    answer = torch.tensor([task.constraint.constraints[index].answer_index((answer,)) for answer in answers])
    task.train_examples = task.test_examples = Examples(
        torch.tensor(examples), answer, torch.full((len(answers),), index)
    )
    task.dataset = replace(task.dataset, test=replace(task.dataset.test, labels=torch.tensor(labels)))
    return task


def evaluate(method, task):
    evaluator = ConstrainedDecoding(ConstrainedDecoding.Options())
    evaluator.check(method, task)
    found = evaluator.evaluate(method, task)
    assert set(found.numbers) == set(found.definitions)
    return found


@pytest.fixture
def task(forty):
    """Images 0 to 3 are 1, 2, 0 and 3; 1 + 2 = 3 and 0 + 3 = 3."""
    unknown = [-1] * (len(forty.dataset.test) - 4)
    return with_program(forty, TOTAL, [1, 2, 0, 3, *unknown], [[0, 1], [2, 3]], "33")


def test_the_query_mends_what_one_image_alone_gets_wrong(task):
    """Image 1 looks like a 3, and cannot be one beside a sure 1 if the total is 3. All of the second example is right anyway."""
    says = Says([0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.3, 0.5], [0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7])
    numbers = evaluate(says, task).numbers
    assert numbers["images_without_query"] == 3 / 4 and numbers["examples_without_query"] == 1 / 2
    assert numbers["images_with_query"] == 1 and numbers["examples_with_query"] == 1
    assert numbers["images_by_posterior"] == 1


def test_images_one_by_one_may_not_be_read_as_all_together(forty):
    """The pair 1, 2 is the most probable one (0.18), but the two pairs with 0 come to more together (0.33)."""
    unknown = [-1] * (len(forty.dataset.test) - 2)
    task = with_program(forty, KIND + "p(A,B,3) :- kind(A,1), kind(B,2).\np(A,B,3) :- kind(A,0), kind(B,0).\n"
                        "p(A,B,3) :- kind(A,0), kind(B,1).", [1, 2, *unknown], [[0, 1]], "3")  # fmt: skip
    numbers = evaluate(Says([0.6, 0.4, 0.0, 0.0], [0.27, 0.28, 0.45, 0.0]), task).numbers
    assert numbers["images_with_query"] == 1, "0.4 * 0.45 is more than 0.6 * 0.28"
    assert numbers["images_by_posterior"] == 1 / 2, "0.6 * (0.27 + 0.28) is more than 0.4 * 0.45"


def test_unknown_images_and_uncertain_examples_do_not_count(task):
    """Of the one example left, the image with a class is right."""
    task.test_examples = replace(task.test_examples, target=torch.tensor([1.0, 0.8]))
    task.dataset.test.labels[0] = -1
    found = evaluate(Says([0.1, 0.1, 0.1, 0.7], [0.1, 0.1, 0.6, 0.2], [0.25] * 4, [0.25] * 4), task)
    assert found.numbers["images_without_query"] == 1 and found.numbers["examples_without_query"] == 1
    assert found.numbers["images_with_query"] == 0, "3 + 0 is more probable than 1 + 2"
    assert found.definitions["images_with_query"].startswith("share of 1 images in held-out examples read rightly by")
    assert found.definitions["examples_with_query"].startswith("share of 1 held-out examples without a wrong image")


def test_an_example_without_a_known_image_does_not_count_as_right(task):
    """One of two has none."""
    task.dataset.test.labels[2:] = -1
    says = Says([0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.3, 0.5], [0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7])
    numbers = evaluate(says, task).numbers
    assert numbers["images_without_query"] == 1 / 2 and numbers["examples_without_query"] == 0
    assert numbers["examples_with_query"] == 1


def test_where_the_query_cannot_hold_nothing_is_read_rightly_with_it(task):
    """1 and 1 are certain, and do not add up to 3; alone the first image is right."""
    says = Says([0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7])
    numbers = evaluate(says, task).numbers
    assert numbers["images_with_query"] == numbers["images_by_posterior"] == 1 / 2
    assert numbers["images_without_query"] == 3 / 4


def test_examples_of_several_structures_are_padded(forty):
    """A list of one image that is 2, and one of two that add up to 3: the slot that is not there is no image."""
    template = QueryTemplate.parse("total(L,T)", {"L": "images", "T": "label"})
    total = KIND + "total([],0). total([A|R],T) :- kind(A,X), total(R,S), T is X+S."
    made = Structures(parse(total), template, {"net": [0, 1, 2, 3]}, circuit_constraint.build_constraint, Limits())
    numbers = [made.number(Structure((("L", length),))) for length in (1, 2)]
    forty.constraint = made.family(4)
    parts = [
        Examples(torch.tensor([slots]), torch.tensor([answer]), torch.tensor([number]))
        for slots, answer, number in zip(([0], [1, 2]), (2, 3), numbers, strict=True)
    ]
    forty.train_examples = forty.test_examples = Examples.joined(parts)
    labels = torch.tensor([2, 1, 2, *[0] * (len(forty.dataset.test) - 3)])
    forty.dataset = replace(forty.dataset, test=replace(forty.dataset.test, labels=labels))
    says = Says([0.4, 0.2, 0.3, 0.1], [0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1])
    found = evaluate(says, forty)
    assert found.numbers["images_without_query"] == pytest.approx(2 / 3) and found.numbers["images_with_query"] == 1
    assert found.numbers["examples_without_query"] == 1 / 2 and found.numbers["examples_with_query"] == 1


def test_where_the_program_has_chance_the_definition_says_whose_world_it_is(forty):
    """MPE takes the most probable outcome of chance along."""
    text = KIND + "0.3::noise.\np(A,B,T) :- kind(A,X), kind(B,Y), T is X + Y, \\+ noise.\n"
    task = with_program(forty, text, [1, 2, *[-1] * (len(forty.dataset.test) - 2)], [[0, 1]], "3")
    found = evaluate(Says([0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.3, 0.5]), task)
    assert "the most probable world of classes and the program's own chance" in found.definitions["images_with_query"]
    assert "chance" not in found.definitions["images_by_posterior"]


def test_training_images_need_no_classes(task):
    """Only what held-out images are is looked at."""
    task.dataset.train.labels.fill_(-1)
    assert evaluate(Says([0.25] * 4), task).numbers["images_without_query"] == 1 / 4, "image 2 alone is a 0"


def test_what_cannot_be_decoded_is_refused_before_training(task, forty):
    evaluator = ConstrainedDecoding(ConstrainedDecoding.Options())
    examples = task.test_examples
    task.test_examples = replace(examples, target=torch.tensor([0.0, 0.8]))
    with pytest.raises(ConfigError, match="there are 0 such examples, and no class is known"):
        evaluator.check(Says(), task)
    task.test_examples = replace(examples, target=torch.tensor([0.8, 1.0]))
    task.dataset.test.labels[2:] = -1  # of the images of the other example classes are known
    with pytest.raises(ConfigError, match="there are 1 such examples, and no class is known"):
        evaluator.check(Says(), task)
    twice = with_program(forty, TWICE, [0] * len(forty.dataset.test), [[0, 1]], "0")
    with pytest.raises(ConfigError, match="the network net makes several choices for A"):
        evaluator.check(Says(), twice)
    del forty.constraint
    with pytest.raises(ConfigError, match="the evaluator decoding needs a task with a constraint; Labelled has none"):
        evaluator.check(Says(), forty)
