"""Attributes of the data set: which are taken, and what is learned of each."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.evaluators.attribute_probes import AttributeProbes

from gedi_nesy import ConfigError, ImageDataset
from gedi_nesy.data.dataset import Images

QUICK = {"epochs": 60, "batch_size": 40, "learning_rate": 0.02}


@pytest.fixture
def task(labelled_task):
    """The class is which of four pixels is bright; attributes tell of it in parts."""
    made = labelled_task(torch.arange(160) % 4, torch.arange(80) % 4)
    made.dataset = ImageDataset(*(_with(images) for images in (made.dataset.train, made.dataset.test)), ("a",) * 4)
    return made


def _with(images):
    labels = images.labels
    unknown = torch.where(torch.arange(len(labels)) % 5 == 0, -1, (labels == 2).long())
    attributes = {
        "rare": (torch.arange(len(labels)) < 3).long(),
        "high": (labels >= 2).long(),
        "third": unknown,
        "hair": labels,
    }
    return Images(images.pixels, labels, attributes)


def evaluate(method, task, **options):
    evaluator = AttributeProbes(AttributeProbes.Options(**(QUICK | options)))
    evaluator.check(method, task)
    return evaluator.evaluate(method, task)


@pytest.mark.parametrize("probe", ["mlp", "linear"])
def test_attributes_that_the_embedding_tells_are_learned(probe, flat, task):
    found = evaluate(flat(8.0), task, probe=probe)
    assert found.numbers["high"] > 0.95 and found.numbers["third"] > 0.95 and found.numbers["hair"] > 0.95
    assert found.numbers["mean_of_binary"] == pytest.approx(
        sum(found.numbers[name] for name in ("rare", "high", "third")) / 3
    )
    assert set(found.numbers) == set(found.definitions)


def test_the_most_balanced_ones_are_taken_and_all_with_more_values(flat, task):
    found = evaluate(flat(), task, balanced=1, epochs=1)
    assert list(found.numbers) == ["high", "hair", "mean_of_binary"]
    assert "1 attributes" in found.definitions["mean_of_binary"]


def test_guessing_is_by_the_commonest_value_of_training(flat, task):
    table = {row["attribute"]: row for row in evaluate(flat(), task, epochs=1).tables["attributes"]}
    assert table["high"]["guessing"] == 0.5 and table["hair"]["guessing"] == 0.25
    assert table["third"]["guessing"] == pytest.approx(0.75) and table["hair"]["values"] == 4


def test_unknown_values_and_a_constant_embedding_are_no_fault(flat, task):
    found = evaluate(flat(0.0), task, epochs=20, standardise=True)
    assert found.numbers["hair"] == 0.25 and found.numbers["third"] == pytest.approx(0.75)


def test_what_the_data_set_does_not_say_is_an_error_before_training(flat, task, forty):
    with pytest.raises(ConfigError, match="needs a data set with attributes"):
        evaluate(flat(), forty)
    with pytest.raises(
        ConfigError, match=r'no attribute "hairs". Did you mean "hair"\? Known: rare, high, third, hair'
    ):
        evaluate(flat(), task, attributes=("hairs",))


@pytest.mark.parametrize("value", [0, -1])
def test_attributes_without_two_values_are_an_error_before_training(value, flat, task):
    for images in (task.dataset.train, task.dataset.test):
        images.attributes.update({name: torch.full_like(images.labels, value) for name in images.attributes})
    with pytest.raises(ConfigError, match="no attribute has two values among the training images: rare, high, third"):
        evaluate(flat(), task)
