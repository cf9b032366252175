"""CorInfoMax: spread the projections over the whole space, keep the views of an image together.

    volume       -ln det(R + epsilon I) over the number of features, added up over views
    invariance   mean squared difference of the views' projections, over batch and features; minimum 0

R is a running covariance of a view's projections, of length 1: mostly the batch's own, through which the gradient flows, and a
share `forgetting` of the past. The authors' code weighs volume by 1 and invariance by 250 to 1000.
Running averages move after the optimiser's step. Determinants are computed in float64.
Source: Ozsoy et al. 2022, Self-Supervised Learning with an Information Maximization Criterion, eq. 4 to 6 and algorithm 1, scaled as
in the authors' code; GEDI 2024, lemma 6.
Config: configs/pretraining/corinfomax.yaml
"""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from gedi_nesy import Batch, Method, MethodContext, MethodOutput, Options, Term, whole_batch
from gedi_nesy.losses import mean_over_pairs
from gedi_nesy.models.heads import Widths, mlp
from gedi_nesy.models.precision import full_precision, widened
from gedi_nesy.models.views import embed_views, require_views

Views = Float[Tensor, "views batch features"]
Means = Float[Tensor, "views features"]
Covariances = Float[Tensor, "views features features"]


class CorInfoMax(Method):
    """Correlative information maximisation; offers embed."""

    TERMS = {
        "volume": "minus the log-determinant of the projections' covariance, per feature",
        "invariance": "mean squared difference between the views of an image",
    }

    class Options(Options):
        forgetting: Annotated[float, Field(ge=0, lt=1)] = 0.01
        """Share of the past in running mean and covariance."""
        epsilon: Annotated[float, Field(gt=0)] = 1e-6
        """Added to the diagonal of the covariance."""
        projector: Widths = (2048, 2048, 64)
        """Neurons of the projector's layers."""

    mean: Means
    covariance: Covariances

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        require_views(context.num_views, 2, "corinfomax")
        self.options = options
        self.projector = mlp(context.backbone.num_features, options.projector)
        features = options.projector[-1]
        self.register_buffer("mean", torch.zeros(context.num_views, features))
        self.register_buffer("covariance", torch.eye(features).repeat(context.num_views, 1, 1))
        self.new_statistics: tuple[Means, Covariances] | None = None

    def terms(self) -> dict[str, Term]:
        """Views can be equal; the volume's minimum depends on epsilon and on the spread of the batches."""
        return {name: Term(self.TERMS[name], minimum) for name, minimum in (("volume", None), ("invariance", 0.0))}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """The active terms."""
        embeddings = embed_views(self.backbone, batch.images)
        projected = functional.normalize(whole_batch(embed_views(self.projector, embeddings), dim=1), dim=2)
        terms: dict[str, Tensor] = {}
        if "volume" in active:
            mean, covariance = running_statistics(projected, self.mean, self.covariance, self.options.forgetting)
            self.new_statistics = mean.detach(), covariance.detach()
            terms["volume"] = negative_log_volume(covariance, self.options.epsilon)
        if "invariance" in active:
            terms["invariance"] = mean_over_pairs(functional.mse_loss, widened(projected), widened(projected))
        return MethodOutput(terms, embeddings=embeddings[0])

    def updated(self) -> None:
        """Running mean and covariance move on."""
        if self.new_statistics is not None:
            self.mean.copy_(self.new_statistics[0])
            self.covariance.copy_(self.new_statistics[1])
        self.new_statistics = None

    def embed(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """The backbone's features."""
        features: Tensor = self.backbone(images)
        return features


@full_precision
def running_statistics(
    views: Views, mean: Means, covariance: Covariances, forgetting: float
) -> tuple[Means, Covariances]:
    """Mean and covariance of each view with a share of the past; gradient flows into the batch's own part."""
    mean = forgetting * mean + (1 - forgetting) * views.mean(dim=1)
    centred = views - mean[:, None]
    return mean, forgetting * covariance + (1 - forgetting) * centred.mT @ centred / views.shape[1]


@full_precision
def negative_log_volume(covariances: Covariances, epsilon: float) -> Float[Tensor, ""]:
    """-ln det(R + epsilon I) over the number of features, summed over views."""
    size = covariances.shape[-1]
    shifted = covariances.double() + epsilon * torch.eye(size, dtype=torch.float64, device=covariances.device)
    return -(torch.logdet(shifted).sum() / size).to(covariances.dtype)
