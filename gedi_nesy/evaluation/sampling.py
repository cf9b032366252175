"""New images of a given class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from ..data.dataset import Images, to_pixels
from ..evaluators import CHUNK
from ..methods import ImageBatch
from ..samplers import sgld
from ..samplers.sgld import SgldOptions
from .features import known
from .likelihood import FullGaussian, fit_gaussian
from .reconstruction import all_latents

Source = Literal["sample", "class_conditional"]


def class_gaussians(method: Any, train: Images) -> dict[int, FullGaussian]:
    """A Gaussian of full covariance fitted to the latents of each class's training images; classes without any are left out.

    Source: Bizeul and Allen 2023, appendix A.4.5, where scikit-learn's mixture of one component adds 1e-6 to the variances.
    """
    latents = all_latents(method, train.pixels)
    classes = [int(label) for label in torch.unique(train.labels) if label >= 0]
    return {label: fit_gaussian(latents[train.labels == label]) for label in classes}


@torch.no_grad()
def decoded_samples(
    method: Any, gaussians: dict[int, FullGaussian], labels: Int[Tensor, " images"], generator: torch.Generator
) -> ImageBatch:
    """Images decoded from a draw of each label's Gaussian."""
    size = len(next(iter(gaussians.values())).mean)
    latents = torch.empty(len(labels), size, device=labels.device)
    for label in torch.unique(labels):
        rows = labels == label
        latents[rows] = gaussians[int(label)].sample(int(rows.sum()), generator)
    return torch.cat([method.decode(chunk) for chunk in torch.split(latents, CHUNK)])


def most_likely(gaussians: dict[int, FullGaussian], latents: Float[Tensor, "images latents"]) -> Int[Tensor, " images"]:
    """The class whose Gaussian gives each point the highest density."""
    densities = torch.stack([gaussian.log_density(latents) for gaussian in gaussians.values()])
    return torch.tensor(list(gaussians), device=latents.device)[densities.argmax(dim=0)]


def energy_samples(
    method: Any, labels: Int[Tensor, " images"], options: SgldOptions, generator: torch.Generator
) -> ImageBatch:
    """Samples of p(x|y): the method's own samples of p(x), moved by SGLD along the gradient of log p(x) + log p(y|x)."""
    start = method.sample(len(labels), generator)

    def log_density(images: ImageBatch) -> Float[Tensor, " batch"]:
        own: Tensor = method.class_log_probs(images).gather(1, labels[:, None]).squeeze(1)
        log_joint: Tensor = own + method.log_density(images)
        return log_joint

    return sgld.sample(log_density, start, options, generator)


def generated(
    method: Any, source: Source, train: Images, count: int, generator: torch.Generator
) -> Iterator[UInt8[Tensor, "images channels height width"]]:
    """New images in chunks of 500.

    Args:
        source: `sample` for the method's own samples; `class_conditional` for decoded draws of a Gaussian fitted to the latents of
            each class, with classes as frequent as among the training images.
    """
    gaussians = class_gaussians(method, train) if source == "class_conditional" else {}
    labels = known(train).labels
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        if source == "sample":
            images = method.sample(size, generator)
        else:
            drawn = torch.randint(len(labels), (size,), generator=generator, device=generator.device)
            images = decoded_samples(method, gaussians, labels[drawn], generator)
        yield to_pixels(images)
