"""A decoder trained on frozen embeddings: what they know of their images, for methods that have no decoder of their own."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float, Int, UInt8
from pydantic import Field
from torch import Tensor, nn

from ..config.options import Options
from ..data.dataset import to_unit_range
from ..errors import DataError, DivergenceError
from ..evaluators import CHUNK
from ..likelihoods import decoded_images

Positive = Annotated[int, Field(gt=0)]
Features = Float[Tensor, "images features"]
Pixels = UInt8[Tensor, "images channels height width"]


class DecoderTraining(Options):
    """Source of the defaults: Bizeul and Allen 2023, appendix A.4.5: Adam with 1e-4, about 200 epochs "until convergence"."""

    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    epochs: Positive = 200
    """At most."""
    batch_size: Positive = 128
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the training images that tells when to stop."""
    patience: Positive = 10
    """Epochs without a smaller validation error after which training stops; the best epoch's weights count."""


@dataclass(frozen=True)
class TrainedDecoder:
    """A decoder in evaluation mode, from embeddings to unbounded outputs.

    Attributes:
        epochs: after how many its weights were best on the validation part.
    """

    network: nn.Module
    epochs: int

    @torch.no_grad()
    def decode(self, features: Features) -> Float[Tensor, "images channels height width"]:
        """Images with pixels in [-1, 1]."""
        return decoded_images(self.network(features))


def train_decoder(
    build: Callable[[], nn.Module],
    features: Features,
    pixels: Pixels,
    training: DecoderTraining,
    generator: torch.Generator,
) -> TrainedDecoder:
    """A decoder that minimises the squared error of a pixel, stopped by a held-out part of these images.

    Args:
        build: makes the network, from features to unbounded images; its weights are drawn from the generator too.
        generator: on the CPU.

    Raises:
        DataError: there are fewer than two images.
        DivergenceError: the error left the finite numbers.
    """
    if len(features) < 2:
        raise DataError(f"{len(features)} training image cannot train a decoder: give at least 2", key="evaluators")
    order = torch.randperm(len(features), generator=generator).to(features.device)
    count = min(max(round(training.validation * len(features)), 1), len(features) - 1)
    held_out, rest = order[:count], order[count:]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
        network = build().to(features.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=training.learning_rate)
    best, best_error, best_epoch = deepcopy(network), float("inf"), 0
    for epoch in range(1, training.epochs + 1):
        shuffled = rest[torch.randperm(len(rest), generator=generator).to(features.device)]
        _epoch(network.train(), optimizer, features, pixels, torch.split(shuffled, training.batch_size))
        error = _error(network.eval(), features, pixels, held_out)
        if error < best_error:
            best, best_error, best_epoch = deepcopy(network), error, epoch
        elif not error < float("inf"):
            raise DivergenceError("a post-hoc decoder diverged: set a smaller learning_rate in the evaluator's options")
        elif epoch - best_epoch >= training.patience:
            break
    return TrainedDecoder(best.eval(), best_epoch)


def _epoch(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    features: Features,
    pixels: Pixels,
    batches: tuple[Int[Tensor, " batch"], ...],
) -> None:
    with torch.enable_grad():
        for rows in batches:
            outputs = decoded_images(network(features[rows]))
            loss = nn.functional.mse_loss(outputs, to_unit_range(pixels[rows]))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()


@torch.no_grad()
def _error(network: nn.Module, features: Features, pixels: Pixels, rows: Int[Tensor, " rows"]) -> float:
    """Mean squared error over these images."""
    total = torch.zeros((), device=features.device)
    for chunk in torch.split(rows, CHUNK):
        outputs = decoded_images(network(features[chunk]))
        total += (outputs - to_unit_range(pixels[chunk])).square().mean() * len(chunk)
    return float(total) / len(rows)
