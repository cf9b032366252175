"""A small classifier of images, for features that mean something on them."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from ..data.dataset import Images, to_unit_range
from ..engine.seeding import make_generator
from ..errors import DataError
from ..evaluators import CHUNK
from .features import accuracy, known

BATCH = 128
RATE = 1e-3
VALIDATION = 0.1


class SmallClassifier(nn.Module):
    """Two convolutions of stride 2 and a layer of features under the class logits, with ReLU."""

    FEATURES: ClassVar[int] = 64

    def __init__(self, shape: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        channels, height, width = shape
        quarter = -(-height // 4) * -(-width // 4)
        self.body = nn.Sequential(
            nn.Conv2d(channels, 32, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64 * quarter, self.FEATURES),
            nn.ReLU(),
        )
        self.head = nn.Linear(self.FEATURES, num_classes)

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Class logits of images with pixels in [-1, 1]."""
        logits: Tensor = self.head(self.body(images))
        return logits

    @torch.no_grad()
    def features(self, pixels: UInt8[Tensor, "images channels height width"]) -> Float[Tensor, "images features"]:
        """What the logits are made of, in chunks of 500."""
        return torch.cat([self.body(to_unit_range(chunk)) for chunk in torch.split(pixels, CHUNK)])


def train_classifier(train: Images, num_classes: int, epochs: int, seed: int) -> tuple[SmallClassifier, float]:
    """A classifier trained with Adam on nine tenths of the images whose class is known, and its accuracy on the others.

    Raises:
        DataError: there are fewer than two images.
    """
    images, chance = known(train), make_generator(seed, "small classifier")
    if len(images) < 2:
        raise DataError(f"{len(images)} training image with a known class cannot train a classifier: give at least 2")
    order = torch.randperm(len(images), generator=chance)
    cut = max(round(VALIDATION * len(images)), 1)
    held_out, rest = order[:cut], order[cut:]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (), generator=chance)))
        channels, height, width = images.pixels.shape[1:]
        network = SmallClassifier((channels, height, width), num_classes).to(images.pixels.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    with torch.enable_grad():
        for _ in range(epochs):
            for rows in torch.split(rest[torch.randperm(len(rest), generator=chance)], BATCH):
                some = images.at(rows)
                loss = functional.cross_entropy(network(to_unit_range(some.pixels)), some.labels)
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
    unseen = images.at(held_out)
    with torch.no_grad():
        logits = network.eval().head(network.features(unseen.pixels))
    return network, accuracy(logits.argmax(dim=1), unseen.labels)
