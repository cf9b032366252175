"""How alike the embeddings of views of one image are, next to those of different images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Alignment:
    """Cosines between embeddings of views.

    Attributes:
        same: mean over pairs of different views of one image.
        other: mean over pairs of views of different images.
        matrix: the cosine of every pair, the views of an image side by side.
    """

    same: float
    other: float
    matrix: Float[Tensor, "rows rows"]


def alignment(features: Float[Tensor, "views images features"]) -> Alignment:
    """The matrix and its two means, of at least two views of at least two images.

    Source: AAVAE (2022), appendix A.4 and figure 5a.
    """
    views, images = features.shape[:2]
    rows = functional.normalize(features.double(), dim=2).transpose(0, 1).flatten(end_dim=1)
    matrix = rows @ rows.T
    image = torch.arange(images, device=rows.device).repeat_interleave(views)
    is_same = image[:, None] == image[None]
    is_pair = ~torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    return Alignment(float(matrix[is_same & is_pair].mean()), float(matrix[~is_same].mean()), matrix)
