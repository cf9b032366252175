"""SimCLR: tell the other view of an image from all other images of the batch.

    contrastive   NT-Xent of the projected views: cosine similarities over tau, cross-entropy over the 2n - 1 other rows

Source: Chen et al. 2020, A Simple Framework for Contrastive Learning of Visual Representations, eq. 1. It is InfoNCE (van den Oord
et al. 2018) with both views as anchors; GEDI 2024, lemma 3, reads it as the discriminative part of a likelihood. Differences: the
projector has batch norm on hidden layers, the authors' code on its outputs too; each view passes the network by itself, there all
together, so batch norm sees a view at a time; any number of views takes part (the paper has two).
Config: configs/pretraining/simclr.yaml
"""

from __future__ import annotations

from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from gedi_nesy import Batch, Method, MethodContext, MethodOutput, Options, whole_batch
from gedi_nesy.losses import nt_xent
from gedi_nesy.models.heads import Widths, mlp
from gedi_nesy.models.views import embed_views, require_views


class SimClr(Method):
    """Contrastive learning within the batch; offers embed."""

    TERMS = {"contrastive": "cross-entropy of finding the other view of an image among all rows of the batch"}

    class Options(Options):
        temperature: Annotated[float, Field(gt=0)] = 0.5
        """tau; 0.5 is best on CIFAR-10 (appendix B.9)."""
        projector: Widths = (2048, 128)
        """Neurons of the projector's layers."""

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        require_views(context.num_views, 2, "simclr")
        self.options = options
        self.projector = mlp(context.backbone.num_features, options.projector)

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """NT-Xent over all views."""
        embeddings = embed_views(self.backbone, batch.images)
        projected = whole_batch(embed_views(self.projector, embeddings), dim=1)
        terms = {"contrastive": nt_xent(projected, self.options.temperature)} if "contrastive" in active else {}
        return MethodOutput(terms, embeddings=embeddings[0])

    def embed(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """The backbone's features."""
        features: Tensor = self.backbone(images)
        return features
