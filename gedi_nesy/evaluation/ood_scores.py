"""Scores of how much an image is like those of training: higher is more alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from ..data.dataset import to_unit_range
from ..errors import DivergenceError
from ..evaluators import CHUNK, embed, predict
from ..methods import capabilities

Score = Literal[
    "log_density",
    "gradient_norm",
    "max_softmax",
    "logits_gradient_norm",
    "outputs_gradient_norm",
    "neighbour_similarity",
]
NEEDS: dict[Score, str] = {
    "log_density": "log_density",
    "gradient_norm": "log_density",
    "max_softmax": "class_log_probs",
    "logits_gradient_norm": "logits",
    "outputs_gradient_norm": "embed",
    "neighbour_similarity": "embed",
}
MEANINGS = {
    "log_density": "log p(x)",
    "gradient_norm": "-|d log p(x) / dx|, pixels in [-1, 1]",
    "max_softmax": "the largest class probability, in logs",
    "logits_gradient_norm": "-|d logsumexp(logits) / dx|, log p(x) of the classifier read as an energy-based model, pixels in [-1, 1]",
    "outputs_gradient_norm": "-|d logsumexp(embedding) / dx|, the embedding read as logits, pixels in [-1, 1]",
    "neighbour_similarity": "cosine similarity with the {neighbours}th nearest training image",
}
ImageBatch = Float[Tensor, "batch channels height width"]
Pixels = UInt8[Tensor, "images channels height width"]
Features = Float[Tensor, "images features"]
PerImage = Float[Tensor, " images"]


def possible(method: object) -> tuple[Score, ...]:
    """The scores that a method can give, of the three gradient norms the one that stands closest to a density."""
    offered = capabilities(method)
    norms: list[Score] = ["gradient_norm", "logits_gradient_norm", "outputs_gradient_norm"]
    second_best = [name for name in norms if NEEDS[name] in offered][1:]
    return tuple(name for name, need in NEEDS.items() if need in offered and name not in second_best)


def score(
    method: Any, name: Score, pixels: Pixels, references: Features | None = None, neighbours: int = 1
) -> PerImage:
    """A score of each image, in double precision.

    Args:
        references: embeddings of training images, for neighbour_similarity.
        neighbours: which of the nearest of them counts.

    Raises:
        DivergenceError: a score is not finite.
    """
    if name == "max_softmax":
        found = predict(method, pixels).max(dim=1).values
    elif name == "neighbour_similarity":
        assert references is not None  # the evaluator brings them
        found = neighbour_similarity(embed(method, pixels), references, neighbours)
    else:
        found = torch.cat([_density_score(method, name, to_unit_range(part)) for part in torch.split(pixels, CHUNK)])
    if not torch.isfinite(found).all():
        raise DivergenceError(f"the score {name} of the evaluator ood is not finite: the method diverged")
    return found.detach().double().cpu()


def _density_score(method: Any, name: Score, images: ImageBatch) -> PerImage:
    if name == "log_density":
        density: Tensor = method.log_density(images)
        return density
    if name == "gradient_norm":
        return -gradient_norm(method.log_density, images)
    outputs = method.logits if name == "logits_gradient_norm" else method.embed
    return -gradient_norm(lambda some: outputs(some).logsumexp(dim=1), images)


def gradient_norm(log_density: Callable[[ImageBatch], PerImage], images: ImageBatch) -> PerImage:
    """|d log p(x) / dx|_2 of each image. Source: Grathwohl et al. 2020 (JEM), section 5.3.3; GEDI 2024, appendix M."""
    with torch.enable_grad():
        images = images.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(log_density(images).sum(), images)
    norms: Tensor = gradient.flatten(start_dim=1).norm(dim=1)
    return norms


def neighbour_similarity(features: Features, references: Features, neighbours: int) -> PerImage:
    """Cosine similarity of each row with its k-th nearest reference, the farthest where there are fewer than k.

    Source: Sun et al. 2022, Out-of-Distribution Detection with Deep Nearest Neighbors, eq. 1: minus the Euclidean distance of the
    rows scaled to length 1, which ranks images alike.
    """
    directions = functional.normalize(references, dim=1)
    nearest = min(neighbours, len(references))
    parts = [
        (functional.normalize(part, dim=1) @ directions.T).topk(nearest, dim=1).values[:, -1]
        for part in torch.split(features, CHUNK)
    ]
    return torch.cat(parts)
