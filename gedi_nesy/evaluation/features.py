"""Embeddings beside the classes of their images, and how they are split and scaled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..data.dataset import ImageDataset, Images
from ..errors import ConfigError, DataError
from ..evaluators import Embeddings, embed


@dataclass(frozen=True)
class Labelled:
    """Features of images whose class is known, and those classes; or a column of labels for each of several attributes."""

    features: Float[Tensor, "images features"]
    labels: Int[Tensor, "images ..."]

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, rows: Int[Tensor, " rows"] | Bool[Tensor, " images"]) -> Labelled:
        """The images at these places."""
        return Labelled(self.features[rows], self.labels[rows])

    def batches(self, size: int) -> Iterator[tuple[Float[Tensor, "batch features"], Int[Tensor, " batch"]]]:
        """Features and labels in this order, the last batch being what is left."""
        return zip(torch.split(self.features, size), torch.split(self.labels, size), strict=True)


def need_labels(dataset: ImageDataset, wanted_by: str, training: int = 1) -> None:
    """ConfigError unless so many training images and some test image have a class."""
    for split, images, least in (("training", dataset.train, training), ("test", dataset.test, 1)):
        if (count := int((images.labels >= 0).sum())) < least:
            raise ConfigError(
                f"{wanted_by} needs classes of {f'at least {least} ' if count else ''}{split} images, "
                f"and {count or 'none'} is known. Choose data with classes, or leave the evaluator out",
                key="evaluators",
            )


def need_two(images: Images, split: str, wanted_by: str) -> None:
    """ConfigError unless the split has two images."""
    if len(images) < 2:
        raise ConfigError(
            f"{wanted_by} needs at least 2 {split} images, and there is {len(images) or 'none'}. "
            "Choose data with more images, or leave the evaluator out",
            key="evaluators",
        )


def known(images: Images) -> Images:
    """The images whose class is known, themselves if it is of all; label -1 means that it is not."""
    is_known = images.labels >= 0
    if is_known.all():
        return images
    return images.at(is_known)


def labelled(method: Any, images: Images, embeddings: Embeddings | None = None) -> Labelled:
    """The method's embeddings of the images whose class is known.

    Args:
        embeddings: where they may be found or left for others; a part of the images is not left there.
    """
    some = known(images)
    make = embeddings.of if embeddings is not None and some is images else embed
    return Labelled(make(method, some.pixels), some.labels)


def hold_out(data: Labelled, share: float, generator: torch.Generator) -> tuple[Labelled, Labelled]:
    """A random split into the rest and a held-out share of at least one image.

    Raises:
        DataError: there are fewer than two images.
    """
    if len(data) < 2:
        raise DataError(
            f"{len(data)} training image with a known class cannot be split for validation: give at least 2"
        )
    order = torch.randperm(len(data), generator=generator).to(data.labels.device)
    count = min(max(round(share * len(data)), 1), len(data) - 1)
    return data.at(order[count:]), data.at(order[:count])


def few_of_each_class(labels: Int[Tensor, " images"], share: float, generator: torch.Generator) -> Int[Tensor, " few"]:
    """Places of a random share of each known class's images, one of each class at least."""
    chosen = []
    for label in torch.unique(labels[labels >= 0]):
        places = torch.nonzero(labels == label).flatten()
        order = torch.randperm(len(places), generator=generator).to(labels.device)
        chosen.append(places[order[: max(round(share * len(places)), 1)]])
    return torch.cat(chosen)


def standardiser(train: Labelled) -> Callable[[Labelled], Labelled]:
    """Takes the training features' mean off any others and divides them by their deviation; a constant feature becomes 0."""
    mean, deviation = train.features.mean(dim=0), train.features.std(dim=0, correction=0)
    # Rounding leaves a constant feature a deviation of about 1e-8 times its value.
    deviation = torch.where(deviation > 1e-6 * mean.abs(), deviation, torch.inf)
    return lambda data: Labelled((data.features - mean) / deviation, data.labels)


def accuracy(predicted: Int[Tensor, " images"], labels: Int[Tensor, " images"]) -> float:
    """Share of images whose predicted class is the label."""
    return float((predicted == labels).double().mean())
