"""MoCo v2: tell the momentum copy's projection of the other view from those of earlier batches.

    contrastive   cross-entropy of finding an image's key among the keys of a queue, cosine similarities over tau

Queries come from the first view and the trained network, keys from the second view and its momentum copy; keys join the queue after
the optimiser's step.
Differences: batches are not shuffled, nor split for batch norm. A query and its key are then normalised by statistics of the same
images, which the keys of the queue are not, and a network with batch norm may cheat by them (He et al. 2020, section 3.3).
Source: He et al. 2020, Momentum Contrast, eq. 1 and algorithm 1; Chen et al. 2020, Improved Baselines (v2: MLP projector, tau 0.2).
Config: configs/pretraining/moco.yaml
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
from gedi_nesy.models.momentum import MomentumCopy
from gedi_nesy.models.precision import full_precision
from gedi_nesy.models.queue import Queue
from gedi_nesy.models.views import embed_views, require_views


class MoCo(Method):
    """Contrastive learning against a queue; offers embed."""

    TERMS = {"contrastive": "cross-entropy of finding the other view of an image among the queue's keys"}

    class Options(Options):
        temperature: Annotated[float, Field(gt=0)] = 0.2
        """tau."""
        momentum: Annotated[float, Field(ge=0, le=1)] = 0.999
        """Share of the key network's weights that stays at each step."""
        queue_size: Annotated[int, Field(gt=0)] = 65_536
        """Keys kept as negatives."""
        projector: Widths = (2048, 128)
        """Neurons of the projector's layers."""
        batch_norm: bool = False
        """Normalise inside the projector, for backbones without batch norm; the paper's ResNet has it, and its projector not."""

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        require_views(context.num_views, 2, "moco")
        self.options = options
        self.projector = mlp(context.backbone.num_features, options.projector, batch_norm=options.batch_norm)
        self.key_network = MomentumCopy(options.momentum, self.backbone, self.projector)
        self.queue = Queue(options.queue_size, options.projector[-1])
        self.new_keys: Tensor | None = None

    def terms(self) -> dict[str, Term]:
        """Equal similarities to all keys are chance."""
        chance = float(torch.tensor(self.options.queue_size + 1.0).log())
        return {name: Term(meaning, known_minimum=0.0, chance=chance) for name, meaning in self.TERMS.items()}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """InfoNCE of the first view against the second view's keys and the queue."""
        embeddings = embed_views(self.backbone, batch.images[:1])
        queries = embed_views(self.projector, embeddings)[0]
        keys = functional.normalize(embed_views(self.key_network, batch.images[1:2])[0], dim=1)
        self.new_keys = whole_batch(keys)
        terms = {}
        if "contrastive" in active:
            terms["contrastive"] = info_nce(queries, keys, self.queue.rows, self.options.temperature)
        return MethodOutput(terms, embeddings=embeddings[0])

    def updated(self) -> None:
        """The key network follows, its keys join the queue."""
        self.key_network.follow(self.backbone, self.projector)
        if self.new_keys is not None:
            self.queue.push(self.new_keys)
        self.new_keys = None

    def embed(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """The backbone's features."""
        features: Tensor = self.backbone(images)
        return features


@full_precision
def info_nce(
    queries: Float[Tensor, "batch features"],
    keys: Float[Tensor, "batch features"],
    negatives: Float[Tensor, "size features"],
    temperature: float,
) -> Float[Tensor, ""]:
    """-log(exp(q.k / tau) / (exp(q.k / tau) + sum_n exp(q.n / tau))), mean over the batch.

    Args:
        queries: of any length; keys and negatives have length 1 and take no gradient.
    """
    queries = functional.normalize(queries, dim=1)
    positive = (queries * keys).sum(dim=1, keepdim=True)
    logits = torch.cat([positive, queries @ negatives.T], dim=1) / temperature
    return -logits.log_softmax(dim=1)[:, 0].mean()
