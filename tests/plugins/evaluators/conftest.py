"""Shared by the tests of evaluators: images whose pixels give their class away, and methods that are formulas."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from torch import nn

from gedi_nesy.data.dataset import ImageDataset, Images
from gedi_nesy.models.posterior import Gaussian


class Labelled:
    """A task of 2x2 images: class k is brighter by 60 in pixel k, with noise."""

    num_classes = 4
    TERMS: ClassVar = {}

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


class LinearGaussian(nn.Module):
    """Four pixels u in [0, 1] with u = weight z + 0.5 + noise of this variance and z ~ N(0, I): log p(u) is known."""

    def __init__(self, variance=0.01, widen=1.0, shift=0.0):
        super().__init__()
        self.weight = torch.tensor([[0.1, 0.0], [0.1, 0.05], [-0.1, 0.0], [0.0, 0.1]], dtype=torch.float64)
        self.variance, self.widen, self.shift = variance, widen, shift

    def marginal(self):
        covariance = self.weight @ self.weight.T + self.variance * torch.eye(4)
        return torch.distributions.MultivariateNormal(torch.full((4,), 0.5, dtype=torch.float64), covariance)

    def posterior(self, images):
        """Diagonal, with the exact mean; exact where the columns of the weight are orthogonal."""
        unit = (images.double().flatten(1) + 1) / 2 - 0.5
        precision = self.weight.T @ self.weight / self.variance + torch.eye(2)
        mean = unit @ self.weight @ precision.inverse() / self.variance + self.shift
        log_variance = (self.widen * precision.inverse().diagonal()).log().expand(len(images), 2)
        return Gaussian(mean.float(), log_variance.float())

    def decode(self, latents):
        return ((latents.double() @ self.weight.T + 0.5) * 2 - 1).clamp(-1, 1).float().view(-1, 1, 2, 2)

    def log_likelihood(self, images, latents):
        unit = (images.double().flatten(1) + 1) / 2
        mean = latents.double() @ self.weight.T + 0.5
        return torch.distributions.Normal(mean, self.variance**0.5).log_prob(unit).sum(dim=1)

    def log_prior(self, latents):
        return torch.distributions.Normal(0.0, 1.0).log_prob(latents.double()).sum(dim=1)


@pytest.fixture
def linear_gaussian():
    return LinearGaussian
