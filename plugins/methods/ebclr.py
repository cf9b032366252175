"""EBCLR: contrastive learning and an energy-based model of the pairs of views.

    contrastive   NT-Xent with the negative squared distance of normalised projections over tau as similarity
    gen           mean log-density of samples minus that of data, the energy model's gradient; samples from SGLD on a replay buffer
    norm          mean squared length of the projections of data plus that of samples

log p(x) = logsumexp over references r of -|z(x) - z(r)|^2 / tau + const, z the projection scaled to length 1. In a training step the
references are the second views of the batch; afterwards the newest of them, kept in a queue. The authors' weights for batches of 128
are 1, 0.1 and 0.0128 (theirs is a sum over the batch times 0.0001).
On the sphere the squared distance is 2 - 2 cos, so `contrastive` is SimCLR's term at half the temperature.
Differences: plain SGLD from noise on a persistent buffer, where the authors start chains from augmented images, shrink the noise from
0.05 to 0.01 as a chain ages and clamp the gradient of a pixel to 1; their projector has leaky ReLU. Their `fresh_chains` is 0.4 on
MNIST, the default here, and 0.2 on CIFAR-10.
Source: Kim and Ye 2022, Energy-Based Contrastive Learning of Visual Representations, eq. 5 to 12; GEDI 2024, section 3.
Config: configs/pretraining/ebclr.yaml
"""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from gedi_nesy import Batch, ConfigError, Method, MethodContext, MethodOutput, Options, Term, whole_batch
from gedi_nesy.distributed import share
from gedi_nesy.losses import nt_xent
from gedi_nesy.models.heads import Widths, mlp
from gedi_nesy.models.mode import evaluating, frozen
from gedi_nesy.models.precision import full_precision
from gedi_nesy.models.queue import Queue
from gedi_nesy.models.views import embed_views, require_views
from gedi_nesy.samplers import sgld
from gedi_nesy.samplers.buffer import ReplayBuffer
from gedi_nesy.samplers.sgld import SgldOptions

Rows = Float[Tensor, "batch features"]
ImageBatch = Float[Tensor, "batch channels height width"]
Count = Annotated[int, Field(gt=0)]


class Ebclr(Method):
    """Contrastive energy model; offers embed, log_density and sample."""

    TERMS = {
        "contrastive": "cross-entropy of finding the other view of an image among all rows of the batch",
        "gen": "log-density of samples minus log-density of data",
        "norm": "mean squared length of projections of data and samples",
    }

    class Options(Options):
        temperature: Annotated[float, Field(gt=0)] = 0.1
        """tau."""
        projector: Widths = (512, 128)
        """Neurons of the projector's layers, without batch norm."""
        sgld: SgldOptions = SgldOptions(steps=10, step_size=0.05, noise_std=0.01)
        chains: Count | None = None
        """Samples a step; as many as images by default."""
        buffer_size: Annotated[int, Field(gt=0, le=1_000_000)] = 50_000
        """Persistent chains."""
        fresh_chains: Annotated[float, Field(ge=0, le=1)] = 0.4
        """Probability that a chain starts anew."""
        references: Count = 256
        """Projections kept for log_density."""
        sample_steps: Count = 500
        """Moves of a chain of the buffer before it is shown as a sample."""

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        require_views(context.num_views, 2, "ebclr")
        if "norm" in context.active and "gen" not in context.active:
            raise ConfigError("the term norm regularises gen, and the weight of gen is 0", key="weights.norm")
        self.options, self.generator = options, context.generator
        self.chains = options.chains and share(options.chains, "method.chains")
        self.projector = mlp(context.backbone.num_features, options.projector, batch_norm=False)
        self.references = Queue(options.references, options.projector[-1])
        self.new_references: Tensor | None = None
        self.buffer = (
            ReplayBuffer(options.buffer_size, context.shape, options.fresh_chains, context.generator)
            if "gen" in context.active
            else None
        )
        if self.buffer is None:
            self.lacks = frozenset({"log_density", "sample"})

    def terms(self) -> dict[str, Term]:
        """Only a squared length has a known minimum."""
        return {name: Term(meaning, 0.0 if name == "norm" else None) for name, meaning in self.TERMS.items()}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """The active terms."""
        embeddings = embed_views(self.backbone, batch.images[:2])
        projected = whole_batch(embed_views(self.projector, embeddings), dim=1)
        self.new_references = functional.normalize(projected[1].detach(), dim=1)
        terms: dict[str, Tensor] = {}
        if "contrastive" in active:
            terms["contrastive"] = nt_xent(projected, self.options.temperature / 2)
        if "gen" in active and self.buffer is not None:
            count = self.chains or embeddings.shape[1]
            chains = self._moved_chains(self.buffer, count, projected[1].detach())
            samples = self.projector(self.backbone(chains))
            data = self._log_density(projected[0], projected[1]).mean()
            terms["gen"] = self._log_density(samples, projected[1]).mean() - data
            if "norm" in active:
                terms["norm"] = mean_squared_length(projected[0]) + mean_squared_length(samples)
        return MethodOutput(terms, embeddings=embeddings[0])

    def _moved_chains(self, buffer: ReplayBuffer, count: int, references: Rows) -> ImageBatch:
        """Chains that started from the buffer and go back there."""
        rows, start = buffer.draw(count, self.generator)

        def log_density(images: ImageBatch) -> Float[Tensor, " chains"]:
            return self._log_density(self.projector(self.backbone(images)), references)

        with evaluating(self), frozen(self):
            chains = sgld.sample(log_density, start, self.options.sgld, self.generator)
        buffer.store(rows, chains)
        return chains

    def _log_density(self, projected: Rows, references: Rows) -> Float[Tensor, " batch"]:
        return log_density(projected, references, self.options.temperature)

    def updated(self) -> None:
        """Second views become references."""
        if self.new_references is not None:
            self.references.push(self.new_references)
        self.new_references = None

    def embed(self, images: ImageBatch) -> Float[Tensor, "batch features"]:
        """The backbone's features."""
        features: Tensor = self.backbone(images)
        return features

    def log_density(self, images: ImageBatch) -> Float[Tensor, " batch"]:
        """log p(x) up to a constant, with the newest references of training."""
        return self._log_density(self.projector(self.embed(images)), self.references.rows)

    def sample(self, count: int, generator: torch.Generator) -> ImageBatch:
        """Chains of the replay buffer, moved on by `sample_steps` more."""
        assert self.buffer is not None  # `lacks` says so otherwise
        rows = torch.randint(len(self.buffer.images), (count,), generator=generator, device=generator.device)
        with evaluating(self), frozen(self):
            options = self.options.sgld.model_copy(update={"steps": self.options.sample_steps})
            return sgld.sample(self.log_density, self.buffer.images[rows], options, generator)


@full_precision
def log_density(projected: Rows, references: Rows, temperature: float) -> Float[Tensor, " batch"]:
    """logsumexp_r(-|z - r|^2 / tau) with both scaled to length 1."""
    cosines = functional.normalize(projected, dim=1) @ functional.normalize(references, dim=1).T
    return ((2 * cosines - 2) / temperature).logsumexp(dim=1)


@full_precision
def mean_squared_length(rows: Rows) -> Float[Tensor, ""]:
    """Squared length of a row, mean over the batch."""
    return rows.square().sum(dim=1).mean()
