"""A classifier that learns what is plain to see, the same for each seed."""

from __future__ import annotations

import pytest
import torch

from gedi_nesy import DataError
from gedi_nesy.data.dataset import Images
from gedi_nesy.evaluation.small_classifier import train_classifier


def halves(count, known=True):
    """Images that are bright on the left (0) or on the right (1)."""
    labels = torch.arange(count) % 2
    pixels = torch.zeros(count, 1, 6, 6, dtype=torch.uint8)
    pixels[labels == 0, :, :, :3] = 200
    pixels[labels == 1, :, :, 3:] = 200
    return Images(pixels, labels if known else labels.fill_(-1))


def test_it_learns_and_is_judged_on_images_it_has_not_seen():
    network, accuracy = train_classifier(halves(200), 2, epochs=10, seed=0)
    assert accuracy == 1.0
    assert network.features(halves(3).pixels).shape == (3, 64)
    again, _ = train_classifier(halves(200), 2, epochs=10, seed=0)
    other, _ = train_classifier(halves(200), 2, epochs=10, seed=1)
    assert torch.equal(network.head.weight, again.head.weight)
    assert not torch.equal(network.head.weight, other.head.weight)


def test_what_cannot_be_told_from_the_pixels_is_learned_by_heart_and_does_not_help():
    chance = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (60, 1, 6, 6), generator=chance, dtype=torch.uint8)
    images = Images(pixels, torch.arange(60) % 10)
    network, unseen = train_classifier(images, 10, epochs=200, seed=0)
    known = (network.head(network.features(pixels)).argmax(dim=1) == images.labels).double().mean()
    assert unseen <= 0.5 and 0.9 <= known <= 1 - (1 - unseen) / 10 + 1e-9, "a tenth of the images is held out"


def test_training_takes_the_steps_of_adam():
    """Of two images alike one is held out; the other one is every batch."""
    images = Images(torch.arange(36, dtype=torch.uint8).view(1, 1, 6, 6).repeat(2, 1, 1, 1) * 7, torch.tensor([1, 1]))
    (start, _), (trained, unseen) = (train_classifier(images, 3, epochs=epochs, seed=0) for epochs in (0, 3))
    parameters = list(start.parameters())
    means, squares = ([torch.zeros_like(each) for each in parameters] for _ in range(2))
    for step in (1, 2, 3):
        loss = -start(images.pixels[:1] / 127.5 - 1).log_softmax(dim=1)[0, 1]
        for parameter, mean, square, gradient in zip(
            parameters, means, squares, torch.autograd.grad(loss, parameters), strict=True
        ):
            mean.lerp_(gradient, 0.1)
            square.lerp_(gradient.square(), 0.001)
            speed = (mean / (1 - 0.9**step)) / ((square / (1 - 0.999**step)).sqrt() + 1e-8)
            parameter.data.sub_(1e-3 * speed)
    for ours, theirs in zip(trained.parameters(), parameters, strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-6, rtol=0)
    assert unseen == float(trained(images.pixels[:1] / 127.5 - 1).argmax() == 1)


def test_the_logits_are_made_of_the_features():
    network, _ = train_classifier(halves(10), 2, epochs=1, seed=0)
    pixels = halves(3).pixels
    torch.testing.assert_close(network.head(network.features(pixels)), network(pixels / 127.5 - 1))


def test_first_weights_are_those_of_the_seed_and_the_global_generator_is_left_alone():
    state = torch.random.get_rng_state()
    first, other = (train_classifier(halves(10), 2, epochs=0, seed=seed)[0] for seed in (0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not torch.equal(first.head.weight, other.head.weight)


@pytest.mark.parametrize(("images", "count"), [(halves(10, known=False), 0), (halves(1), 1)])
def test_images_without_a_class_cannot_train_it(images, count):
    with pytest.raises(DataError, match=f"{count} training image with a known class"):
        train_classifier(images, 2, epochs=1, seed=0)
