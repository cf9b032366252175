"""Examples are drawn as appendix N says, from training images only, and the loss is the literal formula."""

from __future__ import annotations

import math

import pytest
import torch
from gedi_nesy_plugins.datasets.mnist5k import Mnist5k
from gedi_nesy_plugins.tasks.constraint import ConstraintTask

from gedi_nesy import Batch, ConfigError, DataError, MethodOutput, TaskContext
from gedi_nesy.config.locate import find_program
from gedi_nesy.data.dataset import ImageDataset
from gedi_nesy.plugin_manager import load_plugins

SUM = {
    "program": str(find_program("mnist_addition")),
    "query": "sum_holds(A, B, C)",
    "arguments": {"A": "image", "B": "image", "C": "image"},
    "networks": {"mnist_net": "method"},
    "examples": 1000,
}
WITH_LABEL = SUM | {
    "program": str(find_program("addition_with_label")),
    "query": "addition(A, B, Total)",
    "arguments": {"A": "image", "B": "image", "Total": "label"},
}


@pytest.fixture(scope="module")
def dataset():
    return Mnist5k(Mnist5k.Options()).read()


def make(dataset, seed=0, active=("nesy",), **options):
    context = TaskContext(dataset, load_plugins().registry, frozenset(active), torch.Generator().manual_seed(seed))
    return ConstraintTask(ConstraintTask.Options(**options), context)


def labels_of(dataset, split, pixels):
    """The true labels of images, found by their pixels."""
    known = {image.numpy().tobytes(): int(label) for image, label in zip(split.pixels, split.labels, strict=True)}
    return torch.tensor([known[image.numpy().tobytes()] for image in pixels])


def test_triples_are_sums_of_training_images_used_once(dataset):
    task = make(dataset, **SUM)
    slots = task.train_examples.slots
    assert slots.shape == (1000, 3) and len(slots.unique()) == 3000 == len(task.train_pixels)
    digits = labels_of(dataset, dataset.train, task.train_pixels)[slots]
    assert torch.equal(digits[:, 0] + digits[:, 1], digits[:, 2])


def test_test_digits_never_appear_in_training_and_test_triples_hold(dataset):
    task = make(dataset, **SUM)
    train = {image.numpy().tobytes() for image in task.train_pixels}
    assert not train & {image.numpy().tobytes() for image in dataset.test.pixels}
    digits = dataset.test.labels[task.test_examples.slots]
    assert len(digits) == 200 and torch.equal(digits[:, 0] + digits[:, 1], digits[:, 2])
    assert len(task.test_examples.slots.unique()) == 600


def test_pairs_are_uniform_over_the_55_that_sum_to_at_most_9(dataset):
    counts = torch.zeros(10, 10)
    for seed in range(10):
        task = make(dataset, seed=seed, **(SUM | {"examples": 550}))
        digits = labels_of(dataset, dataset.train, task.train_pixels)[task.train_examples.slots]
        counts.index_put_((digits[:, 0], digits[:, 1]), torch.ones(550), accumulate=True)
    valid = torch.tensor([[a + b <= 9 for b in range(10)] for a in range(10)])
    assert counts[~valid].sum() == 0
    # Chi-square with 54 degrees of freedom: mean 54, standard deviation 10.4.
    assert float(((counts[valid] - 100) ** 2 / 100).sum()) < 54 + 4 * 10.4


def test_examples_are_fixed_by_the_seed(dataset):
    one, same, other = make(dataset, **SUM), make(dataset, **SUM), make(dataset, seed=1, **SUM)
    assert torch.equal(one.train_pixels, same.train_pixels) and torch.equal(
        one.train_examples.slots, same.train_examples.slots
    )
    assert not torch.equal(one.train_pixels, other.train_pixels)


def test_labels_are_the_totals(dataset):
    task = make(dataset, **(WITH_LABEL | {"examples": 300}))
    digits = labels_of(dataset, dataset.train, task.train_pixels)[task.train_examples.slots]
    answers = task.constraint.constraints[0].answers
    totals = torch.tensor([int(answers[index][0]) for index in task.train_examples.answer])
    assert torch.equal(digits.sum(dim=1), totals) and len(totals.unique()) > 15


def batch_of(task, size=20):
    selection = next(iter(task.epoch(size, torch.Generator().manual_seed(0))))
    return selection, Batch(torch.zeros(1, len(selection.images), 1, 1, 1), selection.examples)


def test_nesy_is_the_sum_over_satisfying_worlds(dataset):
    task = make(dataset, **(SUM | {"examples": 40}))
    selection, batch = batch_of(task)
    log_probs = torch.randn(len(selection.images), 10, generator=torch.Generator().manual_seed(1)).log_softmax(dim=1)
    p = log_probs.exp()[batch.examples.slots]
    holds = sum(p[:, 0, a] * p[:, 1, b] * p[:, 2, a + b] for a in range(10) for b in range(10 - a))
    nesy = task.losses(MethodOutput({}, log_probs), batch, frozenset({"nesy"}))["nesy"]
    torch.testing.assert_close(nesy, -holds.log().mean())


def test_an_epoch_sees_every_example_once_in_an_order_of_its_own(dataset):
    task = make(dataset, **(SUM | {"examples": 60}))
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.cat([selection.images for selection in task.epoch(20, generator)]) for _ in range(2))
    assert sorted(one.tolist()) == sorted(other.tolist()) == list(range(180)) and not torch.equal(one, other)
    assert task.num_steps(20) == 3


def test_without_weight_nothing_is_computed(dataset):
    task = make(dataset, active=("prior",), **(SUM | {"examples": 20}))
    _, batch = batch_of(task)
    assert task.losses(MethodOutput({}), batch, frozenset({"prior"})) == {} == task.terms()


def test_the_minimum_is_not_told_where_the_program_leaves_doubt(dataset, tmp_path):
    """With 0.8::broken a perfect classifier has -log 0.2, which is not a failure to learn."""
    program = tmp_path / "broken.pl"
    text = find_program("mnist_addition").read_text()
    program.write_text(text + "0.8::broken.\nheld(A, B, C) :- sum_holds(A, B, C), \\+broken.\n")
    options = SUM | {"examples": 20}
    assert make(dataset, **options).terms()["nesy"].known_minimum == 0.0
    options |= {"program": str(program), "query": "held(A, B, C)"}
    assert make(dataset, **options).terms()["nesy"].known_minimum is None


def test_a_method_without_classes_is_refused(dataset):
    task = make(dataset, **(SUM | {"examples": 20}))
    _, batch = batch_of(task)
    with pytest.raises(ConfigError, match="needs class probabilities"):
        task.losses(MethodOutput({}), batch, frozenset({"nesy"}))


def test_more_examples_than_images_is_an_error(dataset):
    with pytest.raises(DataError, match="4000 images of the train split suffice for"):
        make(dataset, **(SUM | {"examples": 2000}))


def test_fit_is_the_loss_on_the_training_examples(dataset):
    task = make(dataset, **(SUM | {"examples": 30}))

    class Uniform(torch.nn.Module):
        def class_log_probs(self, images):
            return torch.zeros(len(images), 10).log_softmax(dim=1)

    assert task.fit(Uniform())["nesy"] == pytest.approx(-torch.tensor(0.055).log().item(), rel=1e-5)


def test_facts_count_the_readings_that_satisfy_the_query(dataset):
    facts = make(dataset, **(SUM | {"examples": 20})).facts()
    assert (facts["readings_that_satisfy"], facts["readings_that_use_all_classes"]) == (2, 1)


@pytest.mark.parametrize("lengths", [[2, 3], [3, 2]])
def test_the_readings_satisfy_the_query_in_all_its_structures(dataset, lengths):
    """Exchanging 0 and 1 keeps the parity of two bits and no more."""
    train, test = (split.at(split.labels < 2) for split in (dataset.train, dataset.test))
    bits = ImageDataset(train, test, ("0", "1"))
    task = {"program": str(find_program("parity")), "query": "parity(D, P)", "networks": {"bit_net": "method"}}
    arguments = {"D": "images", "P": "label"}
    facts = make(bits, **task, arguments=arguments, lengths={"D": lengths}, examples=30, test_examples=30).facts()
    assert (facts["structures"], facts["readings_that_satisfy"]) == (2, 1)


def test_a_structure_that_every_image_satisfies_is_left_out_of_the_count(dataset):
    task = {"program": str(find_program("sorting")), "query": "sorting(D, O)", "networks": {"digit_net": "method"}}
    arguments = {"D": "images", "O": "label"}
    counts = []
    for lengths in ([1, 2], [2]):
        facts = make(dataset, **task, arguments=arguments, lengths={"D": lengths}, examples=10).facts()
        counts.append(facts["readings_that_satisfy"])
    assert counts == [math.comb(19, 9)] * 2  # the maps that keep the order
