"""BYOL: predict a slowly moving copy's projection of the other view.

    prediction   squared distance of prediction and target, both scaled to length 1: 2 - 2 cos; minimum 0, reached by collapse too

What keeps it from collapsing is not in the loss: the target network is a moving average of the trained one, and only the trained
one has a predictor. Mean over ordered pairs of views, where the paper adds both directions (twice ours); the paper's momentum rises
to 1 along a cosine, ours stays.
Source: Grill et al. 2020, Bootstrap Your Own Latent, eq. 1 to 3.
Config: configs/pretraining/byol.yaml
"""

from __future__ import annotations

from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from gedi_nesy import Batch, Method, MethodContext, MethodOutput, Options, Term
from gedi_nesy.losses import mean_over_pairs, negative_cosine
from gedi_nesy.models.heads import Widths, mlp
from gedi_nesy.models.momentum import MomentumCopy
from gedi_nesy.models.views import embed_views, require_views


class Byol(Method):
    """Prediction of a momentum encoder; offers embed."""

    TERMS = {
        "prediction": "squared distance of the normalised prediction from the momentum copy's normalised projection"
    }

    class Options(Options):
        momentum: Annotated[float, Field(ge=0, le=1)] = 0.996
        """tau_base: share of the target network's weights that stays at each step."""
        projector: Widths = (4096, 256)
        """Neurons of the projector's layers."""
        predictor: Widths = (4096,)
        """Neurons of the predictor's hidden layers; its outputs are as many as the projector's."""

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        require_views(context.num_views, 2, "byol")
        self.projector = mlp(context.backbone.num_features, options.projector)
        num_outputs = options.projector[-1]
        self.predictor = mlp(num_outputs, (*options.predictor, num_outputs))
        self.target = MomentumCopy(options.momentum, self.backbone, self.projector)

    def terms(self) -> dict[str, Term]:
        """The distance reaches 0."""
        return {name: Term(meaning, known_minimum=0.0) for name, meaning in self.TERMS.items()}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """The distance, over ordered pairs of views."""
        embeddings = embed_views(self.backbone, batch.images)
        predictions = embed_views(self.predictor, embed_views(self.projector, embeddings))
        targets = embed_views(self.target, batch.images)
        distance = 2 + 2 * mean_over_pairs(negative_cosine, targets, predictions)
        return MethodOutput({"prediction": distance} if "prediction" in active else {}, embeddings=embeddings[0])

    def updated(self) -> None:
        """The target network follows."""
        self.target.follow(self.backbone, self.projector)

    def embed(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """The backbone's features."""
        features: Tensor = self.backbone(images)
        return features
