"""The interface of methods, and the capabilities a trained method can offer.

Evaluators and tasks ask for capabilities, never for a method by name, so that every method gets every evaluation that makes
sense for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .config.options import Options
from .errors import ConfigError
from .models.backbone import Backbone
from .models.posterior import Gaussian, Latents
from .types import Batch, MethodOutput, Term

ImageBatch = Float[Tensor, "batch channels height width"]


@dataclass(frozen=True)
class MethodContext:
    """What the engine gives a method to build itself from.

    Attributes:
        backbone: the feature extractor that the config chose, to be owned by the method.
        shape: channels, height and width of an image.
        num_classes: how many classes the task wants to tell apart.
        active: the loss terms whose weight is not 0; no other term is ever asked for.
        num_views: views of each image in a batch.
        generator: randomness of the method's own sampling, on the training device; saved in checkpoints.
    """

    backbone: Backbone
    shape: tuple[int, int, int]
    num_classes: int
    active: frozenset[str]
    num_views: int
    generator: torch.Generator


class Method(nn.Module, ABC):
    """An objective and its modules.

    Class attributes:
        TERMS: each loss term the method can compute, with one line about it; a config weighs them by these names.
        USES_SMALL_VIEWS: whether `losses` looks at the batch's small images; where it does not, a config cannot ask for any.
        NEEDS_LABELS: whether `losses` reads the batch's labels; where it does, the task has to be one that tells them.

    Attributes:
        backbone: the context's; other trainings can start with its weights.
        lacks: capabilities that the class has and this object, as configured, does not.
    """

    TERMS: ClassVar[dict[str, str]]
    USES_SMALL_VIEWS: ClassVar[bool] = False
    NEEDS_LABELS: ClassVar[bool] = False
    lacks: frozenset[str] = frozenset()

    class Options(Options):
        """Options beside `name` in the config's method section."""

    @abstractmethod
    def __init__(self, options: Any, context: MethodContext) -> None:
        """ConfigError when the options do not fit the context."""
        super().__init__()
        self.backbone = context.backbone

    @classmethod
    def default_weights(cls, weights: dict[str, float]) -> dict[str, float]:
        """Weights of terms that come along with those of the config, unless the config sets them itself."""
        return {}

    @abstractmethod
    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """The active terms and what was computed for them: a pure function of batch, weights and generator.

        Of several processes each has its share of the batch. Terms are means over its images, or look across the batch and take
        `gedi_nesy.whole_batch` of what they look at; embeddings and class_log_probs are of its images.

        Args:
            active: the terms wanted in this step, a subset of the context's; a config can let a term start later.
        """

    def updated(self) -> None:
        """Called after each optimiser step: momentum encoders, queues and the like move here, never in `losses`."""

    def terms(self) -> dict[str, Term]:
        """The active terms with their known minima, for displays and for the detection of failures."""
        return {name: Term(meaning) for name, meaning in self.TERMS.items()}


@runtime_checkable
class Embeds(Protocol):
    """A representation of images."""

    def embed(self, images: ImageBatch) -> Float[Tensor, "batch features"]:
        """Embeddings of images with pixels in [-1, 1]."""


@runtime_checkable
class Classifies(Protocol):
    """Class probabilities: what neural predicates need."""

    def class_log_probs(self, images: ImageBatch) -> Float[Tensor, "batch classes"]:
        """Normalised log p(y|x)."""


@runtime_checkable
class HasLogits(Protocol):
    """What a softmax turns into class probabilities; of clusters too, where there are more of them than classes."""

    def logits(self, images: ImageBatch) -> Float[Tensor, "batch outputs"]:
        """log p(y|x) up to a constant of each image, which is log p(x) when the classifier is read as an energy-based model."""


@runtime_checkable
class HasLogDensity(Protocol):
    """An unnormalised density."""

    def log_density(self, images: ImageBatch) -> Float[Tensor, " batch"]:
        """log p(x) up to a constant."""


@runtime_checkable
class Samples(Protocol):
    """New images from the model."""

    def sample(self, count: int, generator: torch.Generator) -> ImageBatch:
        """Samples with pixels in [-1, 1]; the method's own state stays as it is."""


@runtime_checkable
class HasPosterior(Protocol):
    """A distribution over latents for each image."""

    def posterior(self, images: ImageBatch) -> Gaussian:
        """q(z|x) of images with pixels in [-1, 1]."""


@runtime_checkable
class Encodes(Protocol):
    """One point in the space that `decode` starts from, for methods without a posterior."""

    def encode(self, images: ImageBatch) -> Latents:
        """Latents of images with pixels in [-1, 1]."""


@runtime_checkable
class Decodes(Protocol):
    """Images from latents."""

    def decode(self, latents: Latents) -> ImageBatch:
        """The mean of p(x|z), with pixels in [-1, 1]."""


@runtime_checkable
class HasLikelihood(Protocol):
    """A normalised density of images given latents."""

    def log_likelihood(self, images: ImageBatch, latents: Latents) -> Float[Tensor, " batch"]:
        """log p(x|z) in nats with every constant, a density over pixels in [0, 1] whatever range the method works in.

        Args:
            images: pixels in [-1, 1], as everywhere.
        """


@runtime_checkable
class HasPrior(Protocol):
    """A normalised density of latents."""

    def log_prior(self, latents: Latents) -> Float[Tensor, " batch"]:
        """log p(z) in nats with every constant."""


CAPABILITIES: dict[str, Any] = {
    "class_log_probs": Classifies,
    "decode": Decodes,
    "embed": Embeds,
    "encode": Encodes,
    "log_density": HasLogDensity,
    "log_likelihood": HasLikelihood,
    "log_prior": HasPrior,
    "logits": HasLogits,
    "posterior": HasPosterior,
    "sample": Samples,
}


def capabilities(method: object) -> list[str]:
    """Names of the capabilities that a method (class or object) offers."""
    lacks: frozenset[str] = getattr(method, "lacks", frozenset())
    return [name for name in CAPABILITIES if name not in lacks and callable(getattr(method, name, None))]


def require(method: Method, name: str, capability: str, wanted_by: str) -> Any:
    """The method, registered under a name, itself; ConfigError when it lacks the capability."""
    if capability not in capabilities(method):
        offers = ", ".join(capabilities(method)) or "nothing"
        raise ConfigError(
            f'{wanted_by} needs {capability}, and method "{name}" offers {offers}. Train a method that offers {capability}.'
        )
    return method
