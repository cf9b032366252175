"""DeepCluster: cluster the embeddings, take the clusters as labels, again and again.

    pseudo_label   cross-entropy of a view's class probabilities with the cluster of another view

p(y|x) is a softmax over tau of the cosine similarities with centroids, which no gradient moves: each time `memory` images have gone
by, spherical k-means starts from the old centroids on their embeddings. Set `memory` to the number of training images and that is
once an epoch, as in the paper. This is DeepCluster-v2, where the centroids are the classifier; the first version trains a linear
classifier anew after each clustering.
A step does not know which images it sees, so that no list of labels can be kept. Instead a copy of the network as it was at the last
clustering labels the views: each image keeps its label until the next one, up to the randomness of views.
Differences: clusters keep their numbers from one clustering to the next; an empty cluster takes the row that fits its own centroid
worst; embeddings are standardised over the batch where the paper whitens them over the data set. Until `memory` images have gone by the
labels come from random centroids, where the authors cluster before the first epoch, and views of one image may get different labels.
With as many clusters as the task has classes (the default; the paper has 3,000 to 10,000) the method gives class probabilities.
Source: Caron et al. 2018, Deep Clustering for Unsupervised Learning of Visual Features, eq. 1 and 2; Caron et al. 2020, appendix D (v2).
Config: configs/pretraining/deepcluster.yaml
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
from gedi_nesy.models.momentum import MomentumCopy
from gedi_nesy.models.precision import full_precision, widened
from gedi_nesy.models.queue import Queue
from gedi_nesy.models.views import embed_views, require_views

ImageBatch = Float[Tensor, "batch channels height width"]
Rows = Float[Tensor, "batch features"]


class DeepCluster(Method):
    """Alternating clustering and classification; offers embed, and class_log_probs with as many clusters as classes."""

    TERMS = {"pseudo_label": "cross-entropy of a view's class probabilities with the cluster of another view"}

    class Options(Options):
        temperature: Annotated[float, Field(gt=0)] = 0.1
        """tau."""
        clusters: Annotated[int, Field(gt=1)] | None = None
        """The task's number of classes by default."""
        memory: Annotated[int, Field(gt=0)] = 10_000
        """Embeddings kept for clustering, and images between two clusterings."""
        iterations: Annotated[int, Field(gt=0)] = 10
        """Rounds of k-means."""
        projector: Widths = (2048, 128)
        """Neurons of the projector's layers."""

    centroids: Float[Tensor, "clusters features"]

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        require_views(context.num_views, 2, "deepcluster")
        self.options = options
        self.projector = mlp(context.backbone.num_features, options.projector, output_norm=True)
        self.labeller = MomentumCopy(0.0, self.backbone, self.projector)
        self.memory = Queue(options.memory, options.projector[-1])
        count = options.clusters or context.num_classes
        self.register_buffer("centroids", functional.normalize(torch.randn(count, options.projector[-1]), dim=1))
        self.new_rows: Tensor | None = None
        if count != context.num_classes:
            self.lacks = frozenset({"class_log_probs"})

    def terms(self) -> dict[str, Term]:
        """Equal probabilities are chance."""
        chance = float(torch.tensor(float(len(self.centroids))).log())
        return {name: Term(meaning, known_minimum=0.0, chance=chance) for name, meaning in self.TERMS.items()}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """Each view against the clusters of the others."""
        embeddings = embed_views(self.backbone, batch.images)
        projected = functional.normalize(widened(embed_views(self.projector, embeddings)), dim=2)
        log_probs = self._logits(projected).log_softmax(dim=2)
        self.new_rows = whole_batch(projected[0].detach())
        terms = {}
        if "pseudo_label" in active:
            labels = (widened(embed_views(self.labeller, batch.images)) @ self.centroids.T).argmax(dim=2)
            terms["pseudo_label"] = mean_over_pairs(_classification, labels, log_probs)
        return MethodOutput(terms, None if self.lacks else log_probs[0], embeddings[0])

    @full_precision
    def _logits(self, projected: Float[Tensor, "*axes features"]) -> Float[Tensor, "*axes clusters"]:
        scores: Tensor = projected @ self.centroids.T
        return scores / self.options.temperature

    def updated(self) -> None:
        """Embeddings join the memory; when all of it is new, cluster again."""
        if self.new_rows is None:
            return
        rounds = self.memory.seen // self.options.memory
        self.memory.push(self.new_rows)
        self.new_rows = None
        if self.memory.seen // self.options.memory > rounds:
            self.centroids.copy_(spherical_kmeans(self.memory.rows, self.centroids, self.options.iterations))
            self.labeller.follow(self.backbone, self.projector)

    def embed(self, images: ImageBatch) -> Float[Tensor, "batch features"]:
        """The backbone's features."""
        features: Tensor = self.backbone(images)
        return features

    def class_log_probs(self, images: ImageBatch) -> Float[Tensor, "batch classes"]:
        """log softmax of the similarities with the centroids over tau."""
        return self.logits(images).log_softmax(dim=1)

    def logits(self, images: ImageBatch) -> Float[Tensor, "batch clusters"]:
        """Similarities with the centroids over tau."""
        return self._logits(functional.normalize(widened(self.projector(self.embed(images))), dim=1))


def _classification(labels: Tensor, log_probs: Tensor) -> Tensor:
    return functional.nll_loss(log_probs, labels)


@torch.no_grad()
def spherical_kmeans(
    rows: Rows, start: Float[Tensor, "clusters features"], iterations: int
) -> Float[Tensor, "clusters features"]:
    """Directions of length 1 that rows of length 1 gather around: k-means with the cosine as similarity.

    Args:
        start: where the centroids begin.
    """
    centroids = start
    for _ in range(iterations):
        similarity, cluster = (rows @ centroids.T).max(dim=1)
        sums = torch.zeros_like(centroids).index_add_(0, cluster, rows)
        empty = torch.bincount(cluster, minlength=len(centroids)) == 0
        worst = similarity.argsort()[: int(empty.sum())]
        sums[torch.nonzero(empty).flatten()[: len(worst)]] = rows[worst]
        centroids = functional.normalize(sums, dim=1)
    return centroids
