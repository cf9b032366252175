"""log p(x|z) of images, with every constant: pure functions of images and of a decoder's outputs.

All of them are sums over pixels and channels, in nats, in float32 or more even under autocast. `negative_log_likelihood` works on
pixels in [0, 1], the range in which variances are published; a Gaussian there and one of four times the variance on pixels in
[-1, 1] differ by D ln 2, with D the number of pixels and channels.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional

from .config.options import Options
from .models.posterior import LOG_2_PI
from .models.precision import full_precision

ImageBatch = Float[Tensor, "batch channels height width"]
LOG_VARIANCE = -4.6


class LikelihoodOptions(Options):
    """p(x|z) of a pixel in [0, 1] around the sigmoid of the decoder's output."""

    kind: Literal["gaussian", "bernoulli"] = "gaussian"
    """bernoulli takes grey values as probabilities, for nearly binary images; it has no normaliser for values in between."""
    variance: Annotated[float, Field(gt=0)] | None = None
    """Of the Gaussian, in units of pixels in [0, 1]; exp(-4.6), about 0.01, by default."""

    @model_validator(mode="after")
    def _variance_is_of_the_gaussian(self) -> LikelihoodOptions:
        if self.kind == "bernoulli" and self.variance is not None:
            raise ValueError("variance has no effect on a bernoulli likelihood; weigh its term instead")
        return self

    @property
    def log_variance(self) -> float:
        """ln of the Gaussian's variance."""
        return LOG_VARIANCE if self.variance is None else math.log(self.variance)

    @property
    def lacks(self) -> frozenset[str]:
        """Capabilities that a method cannot have with it: grey values have no density under a Bernoulli distribution."""
        return frozenset({"log_likelihood"}) if self.kind == "bernoulli" else frozenset()

    def minimum(self, num_pixels: int) -> float:
        """The smallest negative log-likelihood: that of a perfect reconstruction (of a binary image, for bernoulli)."""
        return 0.0 if self.kind == "bernoulli" else 0.5 * num_pixels * (LOG_2_PI + self.log_variance)


@full_precision
def negative_log_likelihood(
    images: ImageBatch, outputs: ImageBatch, options: LikelihoodOptions
) -> Float[Tensor, " batch"]:
    """-log p(x|z).

    Args:
        images: pixels in [-1, 1]; those that a view has moved out of that range are clipped.
        outputs: what the decoder gave, unbounded: the logits of the pixels' means.
    """
    unit = ((images + 1) / 2).clamp(0, 1)
    if options.kind == "bernoulli":
        pixels = functional.binary_cross_entropy_with_logits(outputs, unit, reduction="none")
        return pixels.flatten(1).sum(dim=1)
    return gaussian_nll(unit, outputs.sigmoid(), options.log_variance)


@full_precision
def decoded_images(outputs: ImageBatch) -> ImageBatch:
    """The mean of p(x|z) under either likelihood, with pixels in [-1, 1]."""
    return outputs.sigmoid() * 2 - 1


@full_precision
def gaussian_nll(
    images: ImageBatch, means: ImageBatch, log_variance: Float[Tensor, ""] | float
) -> Float[Tensor, " batch"]:
    """-log N(images; means, exp(log_variance)) with its normaliser 1/2 ln(2 pi variance) for every pixel and channel."""
    # A number stays one: to make a tensor of it on a GPU is to wait for what the GPU is doing.
    variance = log_variance.exp() if isinstance(log_variance, Tensor) else math.exp(log_variance)
    squared = (images - means).square() / variance
    return 0.5 * (LOG_2_PI + log_variance + squared).flatten(1).sum(dim=1)
