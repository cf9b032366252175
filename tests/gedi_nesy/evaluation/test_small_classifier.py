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


def test_images_without_a_class_cannot_train_it():
    with pytest.raises(DataError, match="0 training image with a known class"):
        train_classifier(halves(10, known=False), 2, epochs=1, seed=0)
