"""W-MSE: whiten the projections of each view over the batch, then pull the views of an image together.

    distance   squared distance of whitened projections scaled to length 1: 2 - 2 cos; minimum 0

Whitening makes the covariance over a batch the identity, so that all embeddings cannot be equal. Each view is cut into random
groups of `group_size` images, the same groups for every view, and each group is whitened by the inverse of the Cholesky factor of
its covariance; a fresh cut each time, `cuts` times a step. Images that fill no group are left out of that cut.
Mean over pairs of views and cuts, as in the paper and the authors' code.
Source: Ermolov et al. 2021, Whitening for Self-Supervised Representation Learning, eq. 5 to 7; GEDI 2024, appendix H.
Config: configs/pretraining/w_mse.yaml
"""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from gedi_nesy import Batch, ConfigError, Method, MethodContext, MethodOutput, Options, Term, whole_batch
from gedi_nesy.losses import mean_over_pairs, negative_cosine
from gedi_nesy.models.heads import Widths, mlp
from gedi_nesy.models.precision import full_precision
from gedi_nesy.models.views import embed_views, require_views


class WMse(Method):
    """Whitened mean squared error; offers embed."""

    TERMS = {"distance": "squared distance of the whitened, normalised projections of two views"}

    class Options(Options):
        group_size: Annotated[int, Field(gt=1)] = 128
        """Images that are whitened together; at least twice the projector's outputs."""
        cuts: Annotated[int, Field(gt=0)] = 1
        """Random divisions into groups at each step; 4 in the paper with two views."""
        projector: Widths = (1024, 64)
        """Neurons of the projector's layers."""

        @model_validator(mode="after")
        def _groups_have_full_rank(self) -> WMse.Options:
            if self.group_size < 2 * self.projector[-1]:
                raise ValueError(
                    f"group_size is {self.group_size}: whitening {self.projector[-1]} features is unstable with "
                    f"fewer than {2 * self.projector[-1]} images"
                )
            return self

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        require_views(context.num_views, 2, "w_mse")
        self.options, self.generator = options, context.generator
        self.projector = mlp(context.backbone.num_features, options.projector)

    def terms(self) -> dict[str, Term]:
        """The distance reaches 0."""
        return {name: Term(meaning, known_minimum=0.0) for name, meaning in self.TERMS.items()}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """The distance over pairs of views, for each random cut."""
        embeddings = embed_views(self.backbone, batch.images)
        projected = whole_batch(embed_views(self.projector, embeddings), dim=1)
        distances = [self._distance(projected) for _ in range(self.options.cuts)] if "distance" in active else []
        terms = {"distance": torch.stack(distances).mean()} if distances else {}
        return MethodOutput(terms, embeddings=embeddings[0])

    def _distance(self, projected: Float[Tensor, "views batch features"]) -> Float[Tensor, ""]:
        size, count = self.options.group_size, projected.shape[1]
        if count < size:
            raise ConfigError(
                f"method.group_size is {size} and a step has {count} images: make training.batch_size at least {size}",
                key="method.group_size",
            )
        order = torch.randperm(count, generator=self.generator, device=projected.device)[: count // size * size]
        whitened = torch.stack([torch.cat([whiten(group) for group in view[order].split(size)]) for view in projected])
        return 2 + 2 * mean_over_pairs(negative_cosine, whitened, whitened)

    def embed(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """The backbone's features."""
        features: Tensor = self.backbone(images)
        return features


@full_precision
def whiten(rows: Float[Tensor, "group features"]) -> Float[Tensor, "group features"]:
    """Rows with mean 0 and covariance I: L^-1 (row - mean), L the Cholesky factor of the unbiased covariance.

    Not numbers where the covariance has no such factor, as for features that have collapsed: to the engine, training has diverged.
    """
    centred = rows - rows.mean(dim=0)
    factor, failed = torch.linalg.cholesky_ex(centred.T @ centred / (len(rows) - 1))
    factor = torch.where(failed > 0, torch.nan, factor)
    whitened: Tensor = torch.linalg.solve_triangular(factor, centred.T, upper=False).T
    return whitened
