"""SwAV: predict the cluster assignment of one view from another view.

    swap   cross-entropy of p(y|view) under the codes of another view, mean over pairs of views

p(y|x) is a softmax over tau of the cosine similarities with prototypes; codes are the same similarities made to use all prototypes
equally often over the batch (Sinkhorn-Knopp), without gradient. The first `code_views` views give codes, every view predicts, small
ones (`num_small_views`) too: multi-crop. With a queue, codes are found over the batch and the newest projections of earlier batches,
from when the queue is full.
With as many prototypes as the task has classes (the default; the paper has 3,000) the method gives class probabilities.
Differences: prototypes are never frozen (the paper freezes them in the first epoch); the queue takes part as soon as it is full (there
from epoch 15 on); each view passes the network by itself; see `Prototypes` for their scaling.
Source: Caron et al. 2020, Unsupervised Learning of Visual Features by Contrasting Cluster Assignments, eq. 1 to 5; GEDI 2024, lemma 9.
Config: configs/pretraining/swav.yaml
"""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from gedi_nesy import Batch, Method, MethodContext, MethodOutput, Options, whole_batch
from gedi_nesy.distributed import own_rows
from gedi_nesy.losses import cross_entropy, log_sinkhorn, mean_over_pairs
from gedi_nesy.models.heads import Prototypes, Widths, mlp
from gedi_nesy.models.precision import widened
from gedi_nesy.models.queue import Queue
from gedi_nesy.models.views import embed_views, require_views

ImageBatch = Float[Tensor, "batch channels height width"]


class Swav(Method):
    """Online clustering; offers embed, logits, and class_log_probs when there are as many prototypes as classes."""

    USES_SMALL_VIEWS = True
    TERMS = {"swap": "cross-entropy of a view's class probabilities under the codes of another view"}

    class Options(Options):
        temperature: Annotated[float, Field(gt=0)] = 0.1
        """tau of the predictions."""
        epsilon: Annotated[float, Field(gt=0)] = 0.05
        """Strength of the entropy term in the codes."""
        sinkhorn_iterations: Annotated[int, Field(gt=0)] = 3
        prototypes: Annotated[int, Field(gt=1)] | None = None
        """The task's number of classes by default."""
        queue_size: Annotated[int, Field(ge=0)] = 0
        """Projections of earlier batches for the codes; the paper uses 3,840 for small batches."""
        code_views: Annotated[int, Field(gt=0)] = 2
        """How many of the views give codes."""
        projector: Widths = (2048, 128)
        """Neurons of the projector's layers."""

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        require_views(context.num_views, max(2, options.code_views), "swav")
        self.options = options
        self.projector = mlp(context.backbone.num_features, options.projector)
        count = options.prototypes or context.num_classes
        self.prototypes = Prototypes(options.projector[-1], count)
        # A row holds the projections of all the views of an image that give codes.
        row_size = options.code_views * options.projector[-1]
        self.queue = Queue(options.queue_size, row_size) if options.queue_size else None
        self.new_rows: Tensor | None = None
        if count != context.num_classes:
            self.lacks = frozenset({"class_log_probs"})

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """Swapped prediction."""
        embeddings = embed_views(self.backbone, batch.crops)
        projected = whole_batch(embed_views(self.projector, embeddings), dim=1)
        scores = widened(embed_views(self.prototypes, projected))
        log_probs = (scores / self.options.temperature).log_softmax(dim=2)
        self.new_rows = projected[: self.options.code_views].detach().transpose(0, 1).flatten(1)
        codes = self._log_codes(scores.detach())
        terms = {"swap": mean_over_pairs(cross_entropy, codes, log_probs)} if "swap" in active else {}
        return MethodOutput(terms, None if self.lacks else own_rows(log_probs[0], embeddings.shape[1]), embeddings[0])

    @torch.no_grad()
    def _log_codes(self, scores: Float[Tensor, "views batch prototypes"]) -> Float[Tensor, "views batch prototypes"]:
        """Codes of the views that give some, over the batch and what the queue holds."""
        options, batch = self.options, scores.shape[1]
        scores = scores[: options.code_views]
        if self.queue is not None and self.queue.is_full:
            earlier = self.queue.rows.reshape(options.queue_size, options.code_views, -1).transpose(0, 1)
            scores = torch.cat([scores, embed_views(self.prototypes, earlier)], dim=1)
        codes = [log_sinkhorn(view, options.epsilon, options.sinkhorn_iterations) for view in scores]
        return torch.stack(codes)[:, :batch]

    def updated(self) -> None:
        """Projections join the queue."""
        if self.queue is not None and self.new_rows is not None:
            self.queue.push(self.new_rows)
        self.new_rows = None

    def embed(self, images: ImageBatch) -> Float[Tensor, "batch features"]:
        """The backbone's features."""
        features: Tensor = self.backbone(images)
        return features

    def class_log_probs(self, images: ImageBatch) -> Float[Tensor, "batch classes"]:
        """log softmax of the similarities with the prototypes over tau."""
        return self.logits(images).log_softmax(dim=1)

    def logits(self, images: ImageBatch) -> Float[Tensor, "batch prototypes"]:
        """Similarities with the prototypes over tau."""
        scores: Tensor = self.prototypes(self.projector(self.embed(images)))
        return widened(scores) / self.options.temperature
