"""Labels that may be seen: the term against a loop over images, which labels are told, and a network that learns from them."""

from __future__ import annotations

import json
import math

import pytest
import torch
from gedi_nesy_plugins.methods.classifier import Classifier
from gedi_nesy_plugins.tasks.classification import Classification

from gedi_nesy import Batch, ConfigError, DataError, ImageDataset, MethodOutput, TaskContext
from gedi_nesy.data.dataset import Images
from gedi_nesy.registry import Registry
from gedi_nesy.tasks import Selection
from gedi_nesy.testing import check_method

ACTIVE = frozenset({"supervised"})


def make(labels, seed=0, **options):
    labels = torch.tensor(labels)
    images = Images(torch.zeros(len(labels), 1, 2, 2, dtype=torch.uint8), labels)
    dataset = ImageDataset(images, images, ("a", "b", "c"))
    context = TaskContext(dataset, Registry(), ACTIVE, torch.Generator().manual_seed(seed))
    return Classification(Classification.Options(**options), context)


def log_probs(count, seed=0):
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(seed)).log_softmax(dim=1)


def term(task, rows, guesses):
    batch = Batch(torch.zeros(1, len(rows), 1, 2, 2), labels=task.labels[rows])
    return task.losses(MethodOutput({}, guesses), batch, ACTIVE)["supervised"]


def test_the_term_is_the_mean_of_minus_log_p_of_the_label():
    task, guesses = make([0, 1, 2, 2]), log_probs(4)
    literal = -sum(float(guesses[row, label]) for row, label in enumerate([0, 1, 2, 2])) / 4
    assert float(term(task, torch.arange(4), guesses)) == pytest.approx(literal)
    known = task.terms()["supervised"]
    assert known.known_minimum == 0 and known.chance == pytest.approx(math.log(3))


def test_images_without_a_label_do_not_count_and_parts_of_a_batch_average_to_the_whole():
    task, guesses = make([0, -1, 2, -1]), log_probs(4)
    whole = term(task, torch.arange(4), guesses)
    assert float(whole) == pytest.approx(-float(guesses[0, 0] + guesses[2, 2]) / 2)
    parts = [term(task, rows, guesses[rows]) for rows in (torch.tensor([0, 2]), torch.tensor([1, 3]))]
    assert float(sum(parts) / 2) == pytest.approx(float(whole)) and float(parts[1]) == 0


def test_a_share_of_each_class_is_told_the_same_for_a_seed():
    labels = [0] * 10 + [1] * 10 + [2] * 30
    task, again, other = (make(labels, seed, labelled=0.2) for seed in (1, 1, 2))
    told = task.labels >= 0
    assert torch.bincount(task.labels[told]).tolist() == [2, 2, 6] and task.num_told == 10
    assert torch.equal(task.labels[told], torch.tensor(labels)[told])
    assert torch.equal(task.labels, again.labels) and not torch.equal(task.labels, other.labels)


def test_selections_carry_the_labels_of_their_images_and_so_do_their_parts():
    task = make([0, 1, 2, 0, 1, 2])
    (selection,) = task.epoch(6, torch.Generator().manual_seed(0))
    assert torch.equal(selection.labels, task.labels[selection.images])
    parts = [selection.part(number, 2) for number in range(2)]
    assert torch.cat([part.labels for part in parts]).tolist() == selection.labels.tolist()
    assert Selection(torch.arange(4)).part(0, 2).labels is None


def test_what_cannot_be_supervised_is_refused():
    with pytest.raises(DataError, match="no class of a training image is known"):
        make([-1, -1])
    task = make([0, 1])
    with pytest.raises(ConfigError, match="supervised needs class probabilities"):
        task.losses(MethodOutput({}), Batch(torch.zeros(1, 2, 1, 2, 2), labels=task.labels), ACTIVE)
    assert task.losses(MethodOutput({}), Batch(torch.zeros(1, 2, 1, 2, 2)), frozenset()) == {}


def test_the_classifier_keeps_the_contract_without_a_term_of_its_own():
    check_method(Classifier)


@pytest.mark.parametrize(
    ("method", "weights"), [("{name: classifier}", "{supervised: 1}"), ("{name: gedi}", "{prior: 1, supervised: 1}")]
)
def test_a_network_learns_the_labels(method, weights, tiny_config, cli, tmp_path):
    overrides = [f"method={method}", f"weights={weights}", "training.learning_rate=1e-2", "evaluators=[classification]"]
    code, _, err = cli("train", tiny_config, "--run-id", "r", "task={name: classification}", *overrides)
    assert code == 0, err
    results = json.loads((tmp_path / "runs" / "tiny" / "r" / "results.json").read_text())
    assert results["numbers"]["classification"]["accuracy"] > 0.95
    assert results["terms"]["supervised"]["known_minimum"] == 0
