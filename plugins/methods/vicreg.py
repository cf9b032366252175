"""VICReg: equal views, features of standard deviation 1, no two features correlated.

    invariance   mean squared difference of the views' projections, over batch and features; minimum 0
    variance     mean over features and views of max(0, 1 - sqrt(Var + 1e-4)); minimum 0
    covariance   per view the sum of squared off-diagonal covariances over the number of features, added up over views; minimum 0

The paper's weights are 25, 25, 1. Scales are those of the authors' code, which differ from the paper's text (eq. 6): the variance
term is a mean over views (the paper adds the views up), covariance is a sum over views. Variances are unbiased.
Source: Bardes et al. 2022, VICReg, eq. 1 to 6; GEDI 2024, appendix H.
Config: configs/pretraining/vicreg.yaml
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gedi_nesy import Batch, Method, MethodContext, MethodOutput, Options, Term, whole_batch
from gedi_nesy.losses import mean_over_pairs, off_diagonal_squares
from gedi_nesy.models.heads import Widths, mlp
from gedi_nesy.models.precision import full_precision
from gedi_nesy.models.views import embed_views, require_views

EPSILON = 1e-4
Views = Float[Tensor, "views batch features"]


class VicReg(Method):
    """Variance, invariance and covariance regularisation; offers embed."""

    TERMS = {
        "invariance": "mean squared difference between the views of an image",
        "variance": "shortfall of each feature's standard deviation from 1",
        "covariance": "squared covariances of different features",
    }

    class Options(Options):
        projector: Widths = (8192, 8192, 8192)
        """Neurons of the layers of the expander."""

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        require_views(context.num_views, 2, "vicreg")
        self.projector = mlp(context.backbone.num_features, options.projector)

    def terms(self) -> dict[str, Term]:
        """All terms reach 0."""
        return {name: Term(meaning, known_minimum=0.0) for name, meaning in self.TERMS.items()}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """The active terms."""
        embeddings = embed_views(self.backbone, batch.images)
        projected = whole_batch(embed_views(self.projector, embeddings), dim=1)
        measures = {"invariance": invariance, "variance": variance, "covariance": covariance}
        terms = {name: measures[name](projected) for name in measures if name in active}
        return MethodOutput(terms, embeddings=embeddings[0])

    def embed(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """The backbone's features."""
        features: Tensor = self.backbone(images)
        return features


@full_precision
def invariance(views: Views) -> Float[Tensor, ""]:
    """s(Z, Z') of eq. 5, divided by the number of features as well; mean over pairs of views."""
    return mean_over_pairs(functional.mse_loss, views, views)


@full_precision
def variance(views: Views) -> Float[Tensor, ""]:
    """v(Z) of eq. 1, mean over views."""
    return functional.relu(1 - (views.var(dim=1) + EPSILON).sqrt()).mean()


@full_precision
def covariance(views: Views) -> Float[Tensor, ""]:
    """c(Z) of eq. 4, summed over views."""
    centred = views - views.mean(dim=1, keepdim=True)
    matrices = centred.mT @ centred / (views.shape[1] - 1)
    total: Tensor = sum((off_diagonal_squares(matrix) for matrix in matrices), start=views.new_zeros(()))
    return total / views.shape[2]
