"""Classification by the nearest neighbours, for many numbers of neighbours at once."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from .features import Labelled

Metric = Literal["euclidean", "cosine"]
CHUNK = 500


def neighbour_votes(
    queries: Float[Tensor, "queries features"], references: Labelled, most: int, metric: Metric
) -> Int[Tensor, "neighbours queries"]:
    """The class with most votes among the k nearest references, row k - 1 for k neighbours.

    Every neighbour has one vote; a tie goes to the lower class number, as in scikit-learn's KNeighborsClassifier.

    Args:
        most: the largest k; with fewer references there are fewer rows.
        metric: distance of the features as they are, or of the angle between them.
    """
    points, others = references.features.double(), queries.double()
    if metric == "cosine":
        points, others = functional.normalize(points, dim=1), functional.normalize(others, dim=1)
    # In float64 throughout, about their mean: embeddings can be almost alike, or lie in tight groups far from each other.
    mean = points.mean(dim=0)
    points, others = points - mean, others - mean
    # Up to what all references of a query share, closeness is the product with the query or minus half the squared distance to it.
    offsets = points @ mean if metric == "cosine" else -points.square().sum(dim=1) / 2
    most = min(most, len(references))
    votes = [
        _votes(torch.addmm(offsets, chunk, points.T), references.labels, most) for chunk in torch.split(others, CHUNK)
    ]
    return torch.cat(votes, dim=1)


def _votes(
    closeness: Float[Tensor, "queries references"], labels: Int[Tensor, " references"], most: int
) -> Int[Tensor, "neighbours queries"]:
    ballots = functional.one_hot(labels[closeness.topk(most, dim=1).indices])
    return ballots.cumsum(dim=1).argmax(dim=2).T
