"""Instance discrimination: every image of the batch is a class of its own.

    instance   -log p(i | view of i) - sum_{j != i} log(1 - p(i | image j)), mean over the batch

p(i | x) is a softmax over tau of the cosine similarities of x with the images of the batch: a view must be recognised as its image
(invariance), and no other image may be taken for it (spread).
This is the batch-wise form of Ye et al. The memory bank of Wu et al. 2018 (the NPID of AAVAE's table 1) keeps a row for each image
of the training set and needs to know which images a step sees, which a batch does not say.
The first view stands for the image itself.
Source: Ye et al. 2019, Unsupervised Embedding Learning via Invariant and Spreading Instance Feature, eq. 3 to 8.
Config: configs/pretraining/instance_discrimination.yaml
"""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from gedi_nesy import Batch, Method, MethodContext, MethodOutput, Options, Term, whole_batch
from gedi_nesy.models.heads import Widths, mlp
from gedi_nesy.models.precision import full_precision
from gedi_nesy.models.views import embed_views, require_views


class InstanceDiscrimination(Method):
    """Softmax over instances; offers embed."""

    TERMS = {"instance": "cross-entropy of recognising a view, and of not taking another image for it"}

    class Options(Options):
        temperature: Annotated[float, Field(gt=0)] = 0.1
        """tau."""
        projector: Widths = (128,)
        """Neurons of the layers behind the backbone; a single linear one in the paper."""

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        require_views(context.num_views, 2, "instance_discrimination")
        self.options = options
        self.projector = mlp(context.backbone.num_features, options.projector)

    def terms(self) -> dict[str, Term]:
        """Both parts are sums of negative logs of probabilities."""
        return {name: Term(meaning, known_minimum=0.0) for name, meaning in self.TERMS.items()}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """Invariance and spread of the first two views."""
        embeddings = embed_views(self.backbone, batch.images[:2])
        images, views = whole_batch(embed_views(self.projector, embeddings), dim=1)
        terms = {"instance": instance_loss(images, views, self.options.temperature)} if "instance" in active else {}
        return MethodOutput(terms, embeddings=embeddings[0])

    def embed(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """The backbone's features."""
        features: Tensor = self.backbone(images)
        return features


@full_precision
def instance_loss(
    images: Float[Tensor, "batch features"], views: Float[Tensor, "batch features"], temperature: float
) -> Float[Tensor, ""]:
    """Negative log-likelihood of eq. 7 over the number of images; rows of any length."""
    images, views = functional.normalize(images, dim=1), functional.normalize(views, dim=1)
    log_recognised = (views @ images.T / temperature).log_softmax(dim=1).diagonal()
    # p(i | x_j) for i != j is below 1/2, since x_j is most similar to itself: the logarithm is finite.
    taken = (images @ images.T / temperature).softmax(dim=1)
    itself = torch.eye(len(images), dtype=torch.bool, device=images.device)
    return -(log_recognised.sum() + torch.log1p(-taken.masked_fill(itself, 0.0)).sum()) / len(images)
