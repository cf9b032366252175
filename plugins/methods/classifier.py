"""Classifier: a backbone and a linear layer without any objective of their own, for a task that brings one.

With the task `classification` it is the fully supervised network, the upper bound of every comparison without labels; with the task
`constraint` it is the network that DeepProbLog itself would train.

Source: the "supervised" rows of SimVAE's tables (Bizeul et al. 2024).
Config: configs/pretraining/supervised.yaml
"""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from gedi_nesy import Batch, Method, MethodContext, MethodOutput, Options
from gedi_nesy.models.precision import widened

ImageBatch = Float[Tensor, "batch channels height width"]


class Classifier(Method):
    """Class probabilities and nothing else to say; offers class_log_probs, logits and embed."""

    TERMS: ClassVar[dict[str, str]] = {}

    class Options(Options):
        """None."""

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        self.layer = nn.Linear(context.backbone.num_features, context.num_classes)

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """No term; what the task builds its own on."""
        embeddings = self.embed(batch.images[0])
        return MethodOutput({}, self._logits(embeddings).log_softmax(dim=1), embeddings)

    def _logits(self, embeddings: Float[Tensor, "batch features"]) -> Float[Tensor, "batch classes"]:
        return widened(self.layer(embeddings))

    def embed(self, images: ImageBatch) -> Float[Tensor, "batch features"]:
        """The backbone's features."""
        features: Tensor = self.backbone(images)
        return features

    def class_log_probs(self, images: ImageBatch) -> Float[Tensor, "batch classes"]:
        """log softmax of the linear layer."""
        return self.logits(images).log_softmax(dim=1)

    def logits(self, images: ImageBatch) -> Float[Tensor, "batch classes"]:
        """The linear layer's outputs."""
        return self._logits(self.embed(images))
