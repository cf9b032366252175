"""GEDI: clustering and an energy-based model in one network.

A classifier p(y|x) = softmax(U^T g(x) / tau) with g = projector(backbone(x)) is also an energy-based model,
log p(x) = logsumexp_y(U_y^T g(x) / tau) + const. Four terms, all minimised, each switched by its weight:

    gen      mean log-density of samples minus that of data (gradient of eq. 7); samples from SGLD on a replay buffer
    energy   mean squared energy of data plus that of samples; not in the paper, see below
    inv      CE(p(y|x'), p(y|x)) of two views (eq. 3); minimum 0
    prior    CE(class prior, batch mean of p(y|x)) (eq. 3); minimum H(prior)
             or, with `prior_form: entropy`, the negative entropy of the batch mean (appendix N); minimum -ln c

gen alone is JEM; without one of gen, inv, prior these are the paper's ablations (configs/ablations).

`energy` comes along with gen at weight 0.1 unless the config sets another: without it the difference in gen is blind to a
common drift of both energies, and training of JEM-like models diverges (it is the remedy its users settled on, too).

Source: Sansone and Manhaeve 2024, Unifying Self-Supervised Clustering and Energy-Based Models, section 4, algorithm 1,
appendices L and N; the paper writes a lower bound to be maximised and sums over images, we minimise means.
Config: configs/mnist_addition.yaml
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor, nn

from gedi_nesy import Batch, ConfigError, Method, MethodContext, MethodOutput, Options, Term, whole_batch
from gedi_nesy.distributed import share
from gedi_nesy.losses import cross_entropy, log_batch_mean, negative_entropy
from gedi_nesy.models.heads import Projector
from gedi_nesy.models.mode import evaluating, frozen
from gedi_nesy.models.precision import full_precision
from gedi_nesy.samplers import sgld
from gedi_nesy.samplers.buffer import ReplayBuffer
from gedi_nesy.samplers.sgld import SgldOptions

ENERGY_WEIGHT = 0.1
ImageBatch = Float[Tensor, "batch channels height width"]


class Gedi(Method):
    """The classifier and energy model; offers class_log_probs, logits, embed, log_density and sample."""

    TERMS = {
        "gen": "log-density of samples minus log-density of data",
        "energy": "mean squared energy of data and samples, keeps gen stable",
        "inv": "cross-entropy between the class probabilities of two views",
        "prior": "distance of the batch's mean class probabilities from the class prior",
    }

    class Options(Options):
        temperature: Annotated[float, Field(gt=0)] = 1.0
        """tau, the divisor of the logits."""
        prior_form: Literal["cross_entropy", "entropy"] = "cross_entropy"
        """eq. 3, or appendix N's form for training with a constraint (uniform prior only)."""
        class_prior: tuple[Annotated[float, Field(gt=0)], ...] | None = None
        """p(y), one number a class; uniform by default."""
        sgld: SgldOptions = SgldOptions()
        chains: Annotated[int, Field(gt=0)] | None = None
        """Samples a step; as many as images by default."""
        buffer_size: Annotated[int, Field(gt=0, le=1_000_000)] = 10_000
        """Persistent chains."""
        fresh_chains: Annotated[float, Field(ge=0, le=1)] = 0.05
        """Probability that a chain starts anew from uniform noise."""
        sample_steps: Annotated[int, Field(gt=0)] = 500
        """Moves of a chain of the buffer before it is shown as a sample (figures 9 and 10 of the paper: 500)."""

        @model_validator(mode="after")
        def _prior_is_a_distribution(self) -> Gedi.Options:
            if self.class_prior is not None and abs(sum(self.class_prior) - 1) > 1e-6:
                raise ValueError(f"class_prior sums to {sum(self.class_prior):g}, not to 1")
            if self.class_prior is not None and self.prior_form == "entropy":
                raise ValueError('class_prior has no effect with prior_form "entropy", which assumes a uniform prior')
            return self

    @classmethod
    def default_weights(cls, weights: dict[str, float]) -> dict[str, float]:
        """The energy term keeps the generative one stable."""
        return {"energy": ENERGY_WEIGHT} if weights.get("gen") else {}

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        self._check(options, context)
        self.options, self.active, self.generator = options, context.active, context.generator
        self.chains = options.chains and share(options.chains, "method.chains")
        num_features = context.backbone.num_features
        self.projector = Projector(num_features, num_features)
        self.clusters = nn.Linear(num_features, context.num_classes, bias=False)  # U
        uniform = [1 / context.num_classes] * context.num_classes
        self.log_prior: Float[Tensor, " classes"]
        self.register_buffer("log_prior", torch.tensor(options.class_prior or uniform).log())
        self.buffer = (
            ReplayBuffer(options.buffer_size, context.shape, options.fresh_chains, context.generator)
            if "gen" in context.active
            else None
        )
        if self.buffer is None:
            self.lacks = frozenset({"log_density", "sample"})

    @staticmethod
    def _check(options: Options, context: MethodContext) -> None:
        if options.class_prior is not None and len(options.class_prior) != context.num_classes:
            raise ConfigError(
                f"method.class_prior has {len(options.class_prior)} numbers and the task {context.num_classes} classes",
                key="method.class_prior",
            )
        if "energy" in context.active and "gen" not in context.active:
            raise ConfigError("the term energy regularises gen, and the weight of gen is 0", key="weights.energy")
        if "inv" in context.active and context.num_views < 2:
            raise ConfigError(
                f"the term inv compares two views of an image: num_views is {context.num_views}, set it to 2",
                key="num_views",
            )

    def terms(self) -> dict[str, Term]:
        """The terms with their known minima (the paper's figure 4)."""
        entropy = -float((self.log_prior.exp() * self.log_prior).sum())
        prior = -math.log(len(self.log_prior)) if self.options.prior_form == "entropy" else entropy
        minima = {"inv": 0.0, "prior": prior, "energy": 0.0}
        return {name: Term(meaning, minima.get(name)) for name, meaning in self.TERMS.items() if name in self.active}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """The active terms. Both views are random versions of the image; gen and prior look at the first."""
        images = batch.images[0]
        embeddings = self.embed(images)
        logits = self._logits(embeddings)
        log_probs = logits.log_softmax(dim=1)
        terms: dict[str, Tensor] = {}
        if "gen" in active and self.buffer is not None:
            gen, energy = self._generative_terms(logits.logsumexp(dim=1), self.buffer)
            terms |= {"gen": gen} | ({"energy": energy} if "energy" in active else {})
        if "inv" in active:
            terms["inv"] = cross_entropy(self.class_log_probs(batch.images[1]), log_probs)
        if "prior" in active:
            terms["prior"] = self._prior_term(log_probs)
        return MethodOutput(terms, log_probs, embeddings)

    def _generative_terms(
        self, data_log_density: Float[Tensor, " batch"], buffer: ReplayBuffer
    ) -> tuple[Tensor, Tensor]:
        """gen and energy, on samples that start from the buffer and go back there."""
        rows, start = buffer.draw(self.chains or len(data_log_density), self.generator)
        with evaluating(self), frozen(self):
            samples = sgld.sample(self.log_density, start, self.options.sgld, self.generator)
        buffer.store(rows, samples)
        sample_log_density = self.log_density(samples)
        gen = sample_log_density.mean() - data_log_density.mean()
        return gen, data_log_density.square().mean() + sample_log_density.square().mean()

    def _prior_term(self, log_probs: Float[Tensor, "batch classes"]) -> Float[Tensor, ""]:
        mean = log_batch_mean(whole_batch(log_probs))
        if self.options.prior_form == "entropy":
            return negative_entropy(mean)
        return -(self.log_prior.exp() * mean).sum()

    @full_precision
    def _logits(self, embeddings: Float[Tensor, "batch features"]) -> Float[Tensor, "batch classes"]:
        logits: Tensor = self.clusters(embeddings)
        return logits / self.options.temperature

    def embed(self, images: ImageBatch) -> Float[Tensor, "batch features"]:
        """g(x)."""
        embeddings: Tensor = self.projector(self.backbone(images))
        return embeddings

    def class_log_probs(self, images: ImageBatch) -> Float[Tensor, "batch classes"]:
        """log p(y|x) = log softmax(U^T g(x) / tau)."""
        return self.logits(images).log_softmax(dim=1)

    def logits(self, images: ImageBatch) -> Float[Tensor, "batch classes"]:
        """U^T g(x) / tau."""
        return self._logits(self.embed(images))

    def log_density(self, images: ImageBatch) -> Float[Tensor, " batch"]:
        """-E(x) = logsumexp_y(U_y^T g(x) / tau), that is log p(x) up to a constant (eq. 6)."""
        return self.logits(images).logsumexp(dim=1)

    def sample(self, count: int, generator: torch.Generator) -> ImageBatch:
        """Chains of the replay buffer, moved on by `sample_steps` more."""
        assert self.buffer is not None  # `lacks` says so otherwise
        rows = torch.randint(len(self.buffer.images), (count,), generator=generator, device=generator.device)
        with evaluating(self), frozen(self):
            options = self.options.sgld.model_copy(update={"steps": self.options.sample_steps})
            return sgld.sample(self.log_density, self.buffer.images[rows], options, generator)
