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
    """Total 3: 1 + 2 is the most probable pair (0.36), but 0 and 2 + 1 come to more than 1 for the first image."""
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
    assert "1 held-out examples" in found.definitions["images_with_query"]
    assert found.numbers["images_with_query"] == 0, "3 + 0 is more probable than 1 + 2"


def test_training_images_need_no_classes(task):
    """Only what held-out images are is looked at."""
    task.dataset.train.labels.fill_(-1)
    evaluate(Says([0.25] * 4), task)
    task.dataset.test.labels.fill_(-1)
    with pytest.raises(ConfigError, match="the evaluator decoding needs classes of test images, and none is known"):
        ConstrainedDecoding(ConstrainedDecoding.Options()).check(Says(), task)


def test_what_cannot_be_decoded_is_refused_before_training(task, forty):
    evaluator = ConstrainedDecoding(ConstrainedDecoding.Options())
    task.test_examples = replace(task.test_examples, target=torch.tensor([0.0, 0.8]))
    with pytest.raises(ConfigError, match="no held-out example whose query is said to hold for certain"):
        evaluator.check(Says(), task)
    twice = with_program(forty, TWICE, [0] * len(forty.dataset.test), [[0, 1]], "0")
    with pytest.raises(ConfigError, match="the network net makes several choices for A"):
        evaluator.check(Says(), twice)
    del forty.constraint
    with pytest.raises(ConfigError, match="the evaluator decoding needs a task with a constraint; Labelled has none"):
        evaluator.check(Says(), forty)
