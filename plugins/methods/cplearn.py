"""CPLearn: classify against a fixed dictionary of random codes, which leaves no room to collapse.

    inv     CE(p(y|x'), p(y|x)) of two views, mean over ordered pairs; minimum 0
    prior   negative entropy of the batch mean of p(y|x), mean over views; minimum -ln c

p(y|x) = softmax(W^T h / tau) with h = tanh(BN(linear(features))) and a dictionary W of c random codes in {-1, 1}^f that is never
trained; tau = f / (sqrt(n) ln((1 - epsilon (c - 1)) / epsilon)) makes probabilities as sharp as 1 - epsilon (c - 1) possible.
The authors' code weighs inv by beta = 1 (CIFAR) and prior by 1, uses f = 2048 and c = 16,384 codes.
We follow that code, since it differs from the paper's text: tanh where the first version of the paper scales to length sqrt(f / n);
symmetric in the views; the prior as KL(batch mean || uniform), which is ours plus ln c. n is the batch size there and an option here,
so that the probabilities of an image do not depend on how many are asked for at a time.
With as many codes as the task has classes (the default) the method gives class probabilities.
Source: Sansone, Lebailly and Tuytelaars 2025, Collapse-Proof Non-Contrastive Self-Supervised Learning (arXiv 2410.04959).
Config: configs/pretraining/cplearn.yaml
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from gedi_nesy import Batch, ConfigError, Method, MethodContext, MethodOutput, Options, Term, whole_batch
from gedi_nesy.losses import cross_entropy, log_batch_mean, mean_over_pairs, negative_entropy
from gedi_nesy.models.precision import full_precision
from gedi_nesy.models.views import embed_views, require_views

ImageBatch = Float[Tensor, "batch channels height width"]


class CpLearn(Method):
    """Clustering against random codes; offers embed, logits, and class_log_probs when there are as many codes as classes."""

    TERMS = {
        "inv": "cross-entropy between the class probabilities of two views",
        "prior": "negative entropy of the batch's mean class probabilities",
    }

    class Options(Options):
        features: Annotated[int, Field(gt=0)] = 2048
        """f, the length of a code."""
        codes: Annotated[int, Field(gt=1)] | None = None
        """c; the task's number of classes by default."""
        epsilon: Annotated[float, Field(gt=0, lt=1)] = 1e-8
        """The least probability of a class when another one has all the rest."""
        batch_size: Annotated[int, Field(gt=0)] = 64
        """n in tau; the authors' CIFAR config trains with batches of 64."""

    codes: Float[Tensor, "features codes"]

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        if "inv" in context.active:
            require_views(context.num_views, 2, "the term inv of cplearn")
        self.projector = nn.Sequential(
            nn.Linear(context.backbone.num_features, options.features, bias=False),
            nn.BatchNorm1d(options.features),
            nn.Tanh(),
        )
        count = options.codes or context.num_classes
        self.register_buffer("codes", torch.randint(2, (options.features, count)) * 2.0 - 1.0)
        self.temperature = temperature(options, count)
        if count != context.num_classes:
            self.lacks = frozenset({"class_log_probs"})

    def terms(self) -> dict[str, Term]:
        """The terms with their known minima."""
        minima = {"inv": 0.0, "prior": -math.log(self.codes.shape[1])}
        return {name: Term(meaning, minima[name]) for name, meaning in self.TERMS.items()}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """The active terms."""
        embeddings = embed_views(self.backbone, batch.images)
        log_probs = self._logits(embed_views(self.projector, embeddings)).log_softmax(dim=2)
        terms: dict[str, Tensor] = {}
        if "inv" in active:
            terms["inv"] = mean_over_pairs(cross_entropy, log_probs, log_probs)
        if "prior" in active:
            whole = whole_batch(log_probs, dim=1)
            terms["prior"] = torch.stack([negative_entropy(log_batch_mean(view)) for view in whole]).mean()
        return MethodOutput(terms, None if self.lacks else log_probs[0], embeddings[0])

    @full_precision
    def _logits(self, projected: Float[Tensor, "*axes features"]) -> Float[Tensor, "*axes codes"]:
        return projected @ self.codes / self.temperature

    def embed(self, images: ImageBatch) -> Float[Tensor, "batch features"]:
        """The backbone's features."""
        features: Tensor = self.backbone(images)
        return features

    def class_log_probs(self, images: ImageBatch) -> Float[Tensor, "batch classes"]:
        """log softmax(W^T h / tau)."""
        return self.logits(images).log_softmax(dim=1)

    def logits(self, images: ImageBatch) -> Float[Tensor, "batch codes"]:
        """W^T h / tau."""
        return self._logits(self.projector(self.embed(images)))


def temperature(options: CpLearn.Options, num_codes: int) -> float:
    """tau = f / (sqrt(n) ln((1 - epsilon (c - 1)) / epsilon)); ConfigError when epsilon leaves no probability for a class."""
    most = 1 - options.epsilon * (num_codes - 1)
    if most <= options.epsilon:
        raise ConfigError(
            f"method.epsilon is {options.epsilon:g}: with {num_codes} codes it must be below 1 / {num_codes}",
            key="method.epsilon",
        )
    return options.features / (math.sqrt(options.batch_size) * math.log(most / options.epsilon))
