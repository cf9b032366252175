"""Views and backbone tried on two images: what would otherwise fail in the first step, or go wrong in silence."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..config.schema import Component
from ..data.dataset import to_unit_range
from ..data.views import Pipeline
from ..errors import ConfigError
from .arithmetic import for_evaluation
from .run import Run
from .seeding import make_generator

IMAGES = 2


@torch.no_grad()
def try_out(run: Run) -> None:
    """Views have the size of the data, small views a size that the backbone can work with, and it gives as many features as it says.

    Raises:
        ConfigError: one of them does not.
    """
    images = to_unit_range(run.task.train_pixels[:IMAGES])
    generator = make_generator(run.config.seed, "check", run.device)
    for pipeline, components in zip(run.pipelines, run.config.pipelines(), strict=True):
        made = _viewed(images, pipeline, components, generator)
        if made.shape != images.shape:
            message = f"views are {_text(made)}, images {_text(images)}: that is for small_views"
            raise ConfigError(message, key="views")
    _check_backbone(run, images, "images", "backbone.name")
    if run.small_pipelines:
        if not run.method.USES_SMALL_VIEWS:
            raise ConfigError(f'method "{run.config.method.name}" does not look at small views', key="num_small_views")
        small = _viewed(images, run.small_pipelines[0], run.config.small_views, generator)
        _check_backbone(run, small, "small views", "small_views")


def _viewed(images: Tensor, pipeline: Pipeline, components: Sequence[Component], generator: torch.Generator) -> Tensor:
    """The images through a pipeline whose every view keeps to its interface."""
    for view, component in zip(pipeline, components, strict=True):
        before = images.clone()
        made = view(images, generator)
        if (made.shape[:2], made.ndim, made.dtype) != (images.shape[:2], images.ndim, images.dtype):
            fault = f"gives {made.dtype} of shape {tuple(made.shape)} for images of {images.dtype} and shape {tuple(images.shape)}"
            raise ConfigError(f'view "{component.name}" {fault}: only height and width may differ', key="views")
        if not torch.equal(images, before):
            raise ConfigError(
                f'view "{component.name}" changes the images that it is given: return new ones', key="views"
            )
        images = made
    return images


def _check_backbone(run: Run, images: Tensor, what: str, key: str) -> None:
    """It takes images of this size, whatever torch has to say when it does not comes along; and gives a row of features for each."""
    backbone, name = run.method.backbone, run.config.backbone.name
    try:
        with for_evaluation(run):
            found = tuple(backbone(images).shape)
    except RuntimeError as error:
        raise ConfigError(f'backbone "{name}" cannot take {what} of {_text(images)}: {error}', key=key) from error
    if found != (len(images), backbone.num_features):
        raise ConfigError(
            f'backbone "{name}" gives features of shape {found} for {len(images)} {what}, and its num_features is '
            f"{backbone.num_features}: the shape must be {(len(images), backbone.num_features)}",
            key="backbone.name",
        )


def _text(images: Tensor) -> str:
    return f"{images.shape[2]} by {images.shape[3]}"
