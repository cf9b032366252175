"""Barlow Twins: the cross-correlation of two views' features should be the identity.

    invariance   sum_j (1 - C_jj)^2; minimum 0
    redundancy   sum_{j != k} C_jk^2; minimum 0

C_jk is the correlation over the batch of feature j of one view with feature k of the other.
The paper's weights are 1 and 0.005. Both terms are sums over features, unscaled as in the paper; solo-learn's CIFAR configs multiply
the whole by 0.1. More than two views: mean over pairs.
Source: Zbontar et al. 2021, Barlow Twins, eq. 1 and 2; GEDI 2024, appendix H.
Config: configs/pretraining/barlow_twins.yaml
"""

from __future__ import annotations

from itertools import combinations

import torch
from jaxtyping import Float
from torch import Tensor

from gedi_nesy import Batch, Method, MethodContext, MethodOutput, Options, Term, whole_batch
from gedi_nesy.losses import off_diagonal_squares
from gedi_nesy.models.heads import Widths, mlp
from gedi_nesy.models.precision import full_precision
from gedi_nesy.models.views import embed_views, require_views

# As in batch norm: a feature that is constant over the batch must not divide by 0.
EPSILON = 1e-5


class BarlowTwins(Method):
    """Redundancy reduction; offers embed."""

    TERMS = {
        "invariance": "distance of the diagonal of the views' cross-correlation from 1",
        "redundancy": "sum of the squared cross-correlations of different features",
    }

    class Options(Options):
        projector: Widths = (8192, 8192, 8192)
        """Neurons of the projector's layers."""

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        require_views(context.num_views, 2, "barlow_twins")
        self.projector = mlp(context.backbone.num_features, options.projector)

    def terms(self) -> dict[str, Term]:
        """Both terms reach 0."""
        return {name: Term(meaning, known_minimum=0.0) for name, meaning in self.TERMS.items()}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """The active terms."""
        embeddings = embed_views(self.backbone, batch.images)
        projected = whole_batch(embed_views(self.projector, embeddings), dim=1)
        # Exchanging the views transposes C and leaves both terms: one matrix a pair is enough.
        matrices = [cross_correlation(first, second) for first, second in combinations(projected, 2)]
        measures = {"invariance": invariance, "redundancy": off_diagonal_squares}
        terms = {
            name: torch.stack([measure(matrix) for matrix in matrices]).mean()
            for name, measure in measures.items()
            if name in active
        }
        return MethodOutput(terms, embeddings=embeddings[0])

    def embed(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """The backbone's features."""
        features: Tensor = self.backbone(images)
        return features


@full_precision
def cross_correlation(
    first: Float[Tensor, "batch features"], second: Float[Tensor, "batch features"]
) -> Float[Tensor, "features features"]:
    """C: correlation coefficients over the batch of the features of one view with those of the other."""
    first, second = (
        (rows - rows.mean(dim=0)) * torch.rsqrt(rows.var(dim=0, unbiased=False) + EPSILON) for rows in (first, second)
    )
    return first.T @ second / len(first)


@full_precision
def invariance(correlations: Float[Tensor, "features features"]) -> Float[Tensor, ""]:
    """sum_j (1 - C_jj)^2."""
    return (1 - correlations.diagonal()).square().sum()
