"""Fine-tuning on few labels trains a copy of the network, on training images alone."""

from __future__ import annotations

import math

import pytest
import torch
from gedi_nesy_plugins.evaluators.semi_supervised import SemiSupervised, Share
from torch import nn

from gedi_nesy import ConfigError
from gedi_nesy.evaluators import EvaluatorContext


class Network(nn.Module):
    """A small network with batch norm, frozen as that of the untrained lower bound is."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU()).requires_grad_(False)

    def embed(self, images):
        return self.layers(images)


@pytest.fixture
def task(labelled_task):
    return labelled_task(torch.arange(200) % 4, torch.arange(80) % 4)


def evaluate(method, task, seed=0, **options):
    evaluator = SemiSupervised(SemiSupervised.Options(**options), EvaluatorContext(seed=seed))
    evaluator.check(method, task)
    with torch.no_grad():
        return evaluator.evaluate(method, task)


def test_shares_and_rates_are_those_of_the_paper():
    options = SemiSupervised.Options()
    assert (options.epochs, options.batch_size) == (20, 256)
    assert [(share.labels, share.network_rate, share.layer_rate) for share in options.shares] == [
        (0.01, 0.02, 0.5),
        (0.1, 0.01, 0.2),
    ]


def test_more_labels_are_used_for_a_larger_share(task):
    found = evaluate(Network().eval(), task, epochs=60)
    assert set(found.numbers) == {"semi_supervised_1_percent", "semi_supervised_10_percent"} == set(found.definitions)
    assert "on 4 labelled training images" in found.definitions["semi_supervised_1_percent"]
    assert "on 20 labelled training images" in found.definitions["semi_supervised_10_percent"]
    assert found.numbers["semi_supervised_10_percent"] > 0.9


def test_the_network_under_the_layer_learns(task):
    """All features of this network are 0 at first: a layer alone would stay at one class."""
    method = Network().eval()
    method.layers[2].weight.zero_()
    method.layers[2].bias.fill_(0.01)
    share = Share(labels=0.5, network_rate=0.1, layer_rate=0.2)
    assert evaluate(method, task, shares=(share,), epochs=40).numbers["semi_supervised_50_percent"] > 0.9


def test_the_run_s_own_network_stays_as_it_is(task):
    method = Network().eval()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    evaluate(method, task)
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
    assert not any(module.training for module in method.modules())
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in method.parameters())


def test_the_seed_gives_the_same_result_and_the_test_split_changes_nothing_else(task):
    share = (Share(labels=0.05, network_rate=0.01, layer_rate=0.05),)
    first, again, other = (evaluate(Network().eval(), task, seed, shares=share, epochs=2).numbers for seed in (0, 0, 1))
    assert first == again != other


def test_a_batch_of_one_left_over_is_no_step(labelled_task):
    task = labelled_task([0, 1, 2, 3, 0], [0, 1])
    shares = (Share(labels=1.0, network_rate=0.01, layer_rate=0.1),)
    (accuracy,) = evaluate(Network().eval(), task, shares=shares, batch_size=4).numbers.values()
    assert 0 <= accuracy <= 1  # batch norm refuses a batch of one; a diverged share would be no number


def test_one_labelled_image_is_refused(labelled_task):
    with pytest.raises(ConfigError, match="needs classes of at least 2 training images, and 1 is known"):
        evaluate(Network().eval(), labelled_task([1, -1], [0, 1]))


def test_a_share_of_one_image_is_refused_before_training(labelled_task):
    with pytest.raises(ConfigError, match=r"semi_supervised: 0\.01 of the labels is one training image") as error:
        evaluate(Network().eval(), labelled_task([1] * 12, [0, 1]))
    assert error.value.key == "evaluators"
    evaluate(Network().eval(), labelled_task([1] * 12 + [0, -1], [0, 1]), epochs=1)


def test_a_share_that_diverges_is_not_a_number_and_leaves_the_others(task):
    shares = (
        Share(labels=0.1, network_rate=1e30, layer_rate=1e30),
        Share(labels=0.5, network_rate=0.01, layer_rate=0.2),
    )
    found = evaluate(Network().eval(), task, shares=shares)
    assert math.isnan(found.numbers["semi_supervised_10_percent"])
    assert found.numbers["semi_supervised_50_percent"] > 0.25


def test_without_labels_it_says_so(labelled_task):
    with pytest.raises(ConfigError, match="the evaluator semi_supervised needs classes of training images"):
        evaluate(Network(), labelled_task([-1], [0]))
