"""Shared by the tests of evaluators: images whose pixels give their class away, and methods that are formulas."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gedi_nesy.data.dataset import ImageDataset, Images


class Labelled:
    """A task of 2x2 images: class k is brighter by 60 in pixel k, with noise."""

    num_classes = 4

    def __init__(self, train, test, noise=20):
        self.dataset = ImageDataset(_images(train, noise, 0), _images(test, noise, 1), tuple("abcd"))


def _images(labels, noise, seed):
    labels = torch.as_tensor(labels)
    pixels = torch.full((len(labels), 4), 100) + 60 * torch.nn.functional.one_hot(labels.clamp(min=0), 4)
    pixels += torch.randint(-noise, noise + 1, pixels.shape, generator=torch.Generator().manual_seed(seed))
    return Images(pixels.to(torch.uint8).view(-1, 1, 2, 2), labels)


class Flat(nn.Module):
    """Embeds an image as its pixels, times a factor."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor

    def embed(self, images):
        return images.flatten(start_dim=1) * self.factor


class Energy(Flat):
    """The density of a Gaussian round grey, and class probabilities by brightness of each pixel."""

    def log_density(self, images):
        return -images.square().sum(dim=(1, 2, 3)) / 2

    def class_log_probs(self, images):
        return (images.flatten(start_dim=1) * 10).log_softmax(dim=1)


@pytest.fixture
def labelled_task():
    return Labelled


@pytest.fixture
def flat():
    return Flat


@pytest.fixture
def energy():
    return Energy()


@pytest.fixture
def forty():
    """40 training and 40 test images, ten of each class."""
    return Labelled(torch.arange(40) % 4, torch.arange(40) % 4)
