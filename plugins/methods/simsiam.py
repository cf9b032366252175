"""SimSiam: predict the other view's projection, which is held constant.

    prediction   minus the cosine of prediction and target, mean over ordered pairs of views; minimum -1, reached by collapse too

What keeps it from collapsing is the stop-gradient on the target together with the predictor. Difference: the predictor's learning rate
follows the schedule of all others, where the authors keep it constant.
Source: Chen and He 2021, Exploring Simple Siamese Representation Learning, eq. 1 to 4 and algorithm 1.
Config: configs/pretraining/simsiam.yaml
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from gedi_nesy import Batch, Method, MethodContext, MethodOutput, Options, Term
from gedi_nesy.losses import mean_over_pairs, negative_cosine
from gedi_nesy.models.heads import Widths, mlp
from gedi_nesy.models.views import embed_views, require_views


class SimSiam(Method):
    """Prediction with a stop-gradient; offers embed."""

    TERMS = {"prediction": "minus the cosine of the prediction and the other view's projection"}

    class Options(Options):
        projector: Widths = (2048, 2048, 2048)
        """Neurons of the projector's layers."""
        predictor: Widths = (512,)
        """Neurons of the predictor's hidden layers; its outputs are as many as the projector's."""

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        require_views(context.num_views, 2, "simsiam")
        self.projector = mlp(context.backbone.num_features, options.projector, output_norm=True)
        num_outputs = options.projector[-1]
        self.predictor = mlp(num_outputs, (*options.predictor, num_outputs))

    def terms(self) -> dict[str, Term]:
        """A cosine of 1 gives -1."""
        return {name: Term(meaning, known_minimum=-1.0) for name, meaning in self.TERMS.items()}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """The negative cosine, over ordered pairs of views."""
        embeddings = embed_views(self.backbone, batch.images)
        projected = embed_views(self.projector, embeddings)
        predictions = embed_views(self.predictor, projected)
        prediction = mean_over_pairs(negative_cosine, projected.detach(), predictions)
        return MethodOutput({"prediction": prediction} if "prediction" in active else {}, embeddings=embeddings[0])

    def embed(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """The backbone's features."""
        features: Tensor = self.backbone(images)
        return features
