"""Probes against scikit-learn's logistic regression, and their training against a literal loop."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from gedi_nesy import DivergenceError
from gedi_nesy.evaluation.features import Labelled
from gedi_nesy.evaluation.probes import ProbeTraining, train_probe

ADAM = ProbeTraining(optimizer="adam", learning_rate=0.02, epochs=60, batch_size=50)


def blobs(count=300, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (count,), generator=generator)
    points = torch.randn(count, 5, generator=generator) + 2 * torch.nn.functional.one_hot(labels, 5)
    return Labelled(points * scale, labels)


def train(data, training, build=lambda: nn.Linear(5, 3), seed=0):
    return train_probe(build, data, training, torch.Generator().manual_seed(seed))


def test_a_linear_probe_becomes_logistic_regression():
    data, others = blobs(), blobs(1000, seed=1)
    probe = train(data, ADAM.model_copy(update={"schedule": "cosine", "epochs": 300}))
    oracle = LogisticRegression(C=1e6).fit(data.features.numpy(), data.labels.numpy())
    ours = probe(others.features).softmax(dim=1)
    theirs = torch.from_numpy(oracle.predict_proba(others.features.numpy())).float()
    assert (ours - theirs).abs().max() < 0.05
    assert (ours.argmax(dim=1) == theirs.argmax(dim=1)).float().mean() > 0.99


ALIKE = Labelled(torch.tensor([[0.5, -1.0, 2.0, 0.0, 1.0]]).repeat(5, 1), torch.full((5,), 2))


@pytest.mark.parametrize(("data", "batch_size", "steps"), [(blobs(40), 64, 4), (ALIKE, 2, 12)])
def test_stochastic_gradient_descent_takes_the_steps_of_the_formula(data, batch_size, steps):
    """v <- momentum v + g, g with the decay; the step is g + momentum v with Nesterov; the rate falls along a cosine.

    One batch an epoch, or three that are alike whatever the order, the last with what is left.
    """
    training = ProbeTraining(
        optimizer="sgd",
        learning_rate=0.3,
        epochs=4,
        batch_size=batch_size,
        momentum=0.9,
        nesterov=True,
        weight_decay=0.05,
        schedule="cosine",
    )
    layer = nn.Linear(5, 3)
    start = {name: value.clone() for name, value in layer.state_dict().items()}
    probe = train(data, training, lambda: layer)
    literal = nn.Linear(5, 3)
    literal.load_state_dict(start)
    velocity = [torch.zeros_like(parameter) for parameter in literal.parameters()]
    for step in range(steps):
        rate = 0.3 * (1 + torch.cos(torch.tensor(torch.pi * step / steps))) / 2
        loss = -literal(data.features).log_softmax(dim=1)[range(len(data)), data.labels].mean()
        gradients = torch.autograd.grad(loss, list(literal.parameters()))
        with torch.no_grad():
            for parameter, speed, gradient in zip(literal.parameters(), velocity, gradients, strict=True):
                slope = gradient + 0.05 * parameter
                speed.mul_(0.9).add_(slope)
                parameter.sub_(rate * (slope + 0.9 * speed))
    for ours, theirs in zip(probe.parameters(), literal.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_the_first_step_of_adam_is_the_sign_of_the_gradient_with_the_decay():
    data, layer = blobs(40), nn.Linear(5, 3)
    start = layer.weight.detach().clone()
    loss = nn.functional.cross_entropy(layer(data.features), data.labels)
    (gradient,) = torch.autograd.grad(loss, layer.weight)
    probe = train(data, ADAM.model_copy(update={"epochs": 1, "weight_decay": 10.0}), lambda: layer)
    assert ((gradient + 10 * start).sign() != gradient.sign()).any()
    torch.testing.assert_close(probe.weight.detach(), start - 0.02 * (gradient + 10 * start).sign())


def test_each_epoch_is_of_features_drawn_anew():
    first, second = blobs(40, seed=1), blobs(40, seed=2)
    training = ProbeTraining(optimizer="sgd", learning_rate=0.3, epochs=2, batch_size=40)
    layer, drawn = nn.Linear(5, 3), iter([first, second])
    literal = deepcopy(layer)
    probe = train_probe(lambda: layer, blobs(40), training, torch.Generator(), redraw=lambda: next(drawn))
    for data in (first, second):
        loss = nn.functional.cross_entropy(literal(data.features), data.labels)
        gradients = torch.autograd.grad(loss, list(literal.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(literal.parameters(), gradients, strict=True):
                parameter.sub_(0.3 * gradient)
    torch.testing.assert_close(probe.weight, literal.weight)


def test_the_generator_draws_the_order_of_examples_too():
    layer, once = nn.Linear(5, 3), ADAM.model_copy(update={"epochs": 1})
    first, other = (train(blobs(), once, lambda: deepcopy(layer), seed).weight for seed in (0, 1))
    assert not torch.equal(first, other)


def test_the_same_generator_gives_the_same_probe_and_leaves_the_global_one():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, again, other = (train(blobs(), ADAM, seed=seed).weight for seed in (0, 0, 1))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_it_trains_where_no_gradient_is_recorded():
    with torch.no_grad():
        probe = train(blobs(), ADAM)
    data = blobs(seed=1)
    assert (probe(data.features).argmax(dim=1) == data.labels).float().mean() > 0.8


def test_a_probe_with_batch_norm_comes_back_in_evaluation_mode():
    probe = train(blobs(), ADAM, lambda: nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 3)))
    assert not any(module.training for module in probe.modules())


@pytest.mark.parametrize("features", [torch.zeros(1, 5), torch.ones(30, 5)], ids=["one image", "constant embedding"])
def test_degenerate_features_are_learned_as_the_most_frequent_class(features):
    labels = torch.tensor([2] * (len(features) - len(features) // 3) + [0] * (len(features) // 3))
    probe = train(Labelled(features, labels), ADAM)
    assert (probe(features).argmax(dim=1) == 2).all()


def test_a_diverged_probe_says_what_to_do():
    training = ProbeTraining(optimizer="sgd", learning_rate=1e30, epochs=5, batch_size=50)
    with pytest.raises(DivergenceError, match=r"sgd 1e\+30, 5 epochs.*standardise: true"):
        train(blobs(scale=1e10), training)


def test_training_is_described_in_full():
    training = ProbeTraining(
        optimizer="sgd", learning_rate=0.1, epochs=90, batch_size=256, momentum=0.9, nesterov=True, schedule="cosine"
    )
    assert str(training) == "sgd 0.1, cosine, momentum 0.9 (Nesterov), 90 epochs, batch 256"
    assert str(ADAM) == "adam 0.02, 60 epochs, batch 50"
