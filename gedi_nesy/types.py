"""What flows through a training step, and the words used for the axes of tensors.

| word | axis |
|---|---|
| views | random versions of one image |
| batch | images of a step |
| channels, height, width | of an image; pixels are floats in [-1, 1] |
| classes | outputs of the classifier; also the domain of a neural predicate |
| features | the embedding |
| examples | constraint instances of a step |
| slots | image places of a query template |
| chains | samples that a sampler moves at once |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jaxtyping import Float, Int
from torch import Tensor

if TYPE_CHECKING:
    from .logic.examples import Examples


@dataclass(frozen=True)
class Batch:
    """The input of one training step.

    Attributes:
        images: pixels in [-1, 1].
        small_images: further views of the same images, of a size of their own (multi-crop); None unless the config wants some.
        examples: instances of the constraint over these images; their slots are positions on the batch axis.
        originals: the images that the views were made of, pixels in [-1, 1]; training always gives them.
        labels: classes of the images, -1 where unknown; only from a task whose supervision they are, and for its own terms.
    """

    images: Float[Tensor, "views batch channels height width"]
    examples: Examples | None = None
    small_images: Float[Tensor, "small_views batch channels small_height small_width"] | None = None
    originals: Float[Tensor, "batch channels original_height original_width"] | None = None
    labels: Int[Tensor, " batch"] | None = None

    @property
    def crops(self) -> list[Float[Tensor, "batch channels _height _width"]]:
        """Every view, the small ones last."""
        return [*self.images, *(() if self.small_images is None else self.small_images)]


@dataclass(frozen=True)
class MethodOutput:
    """What a method computed on a batch: its loss terms, and what a task may build on without a second forward pass.

    Attributes:
        terms: unweighted scalar loss terms by name, to be minimised.
        class_log_probs: normalised log p(y|x) of the first view, with gradient; None for methods without a classifier.
        embeddings: representation of the first view, with gradient.
    """

    terms: dict[str, Float[Tensor, ""]]
    class_log_probs: Float[Tensor, "batch classes"] | None = None
    embeddings: Float[Tensor, "batch features"] | None = None


@dataclass(frozen=True)
class Term:
    """What is known about a loss term.

    Attributes:
        meaning: one line for the report.
        known_minimum: the smallest value it can take, where theory gives one.
        chance: its value for a method that has learned nothing, where that is known.
    """

    meaning: str
    known_minimum: float | None = None
    chance: float | None = None
