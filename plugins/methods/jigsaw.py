"""Jigsaw: tell how the tiles of an image were shuffled.

    permutation   cross-entropy of the permutation among a fixed set; minimum 0, guessing gives ln of their number

The image is cut into grid x grid tiles; each goes through the backbone on its own, so that no tile sees another, and an MLP reads all
features in shuffled order. The permutations are chosen far apart in Hamming distance.
Rows and columns of pixels that fill no tile are left out.
Differences: tiles are enlarged to the size of the image, so that any backbone takes them; they are cut edge to edge, where the paper
leaves random gaps and normalises each tile, so edges that continue give something away. The next permutation is the one whose nearest
chosen one is farthest, where the paper takes the largest mean distance from all; the MLP has batch norm.
Source: Noroozi and Favaro 2016, Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles, section 3 and algorithm 1
(the greedy choice here looks at 10,000 random candidates instead of all permutations).
Config: configs/pretraining/jigsaw.yaml
"""

from __future__ import annotations

import math
from itertools import permutations
from typing import Annotated

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional

from gedi_nesy import Batch, ConfigError, Method, MethodContext, MethodOutput, Options, Term
from gedi_nesy.losses import label_cross_entropy
from gedi_nesy.models.heads import Widths, mlp

ImageBatch = Float[Tensor, "batch channels height width"]
CANDIDATES = 10_000
# The set of permutations defines the task; it is the same for every run.
SEED = 2016


class Jigsaw(Method):
    """Predict permutations of tiles; offers embed."""

    TERMS = {"permutation": "cross-entropy of the permutation of the tiles"}

    class Options(Options):
        grid: Annotated[int, Field(ge=2, le=4)] = 3
        """Tiles along a side."""
        permutations: Annotated[int, Field(gt=1, le=CANDIDATES)] = 1000
        """How many permutations are told apart."""
        hidden: Widths = (4096,)
        """Neurons of the hidden layers that read all tiles."""

        @model_validator(mode="after")
        def _there_are_as_many(self) -> Jigsaw.Options:
            if self.permutations > math.factorial(self.grid**2):
                raise ValueError(
                    f"permutations is {self.permutations}, and {self.grid**2} tiles have {math.factorial(self.grid**2)}"
                )
            return self

    orders: Int[Tensor, "permutations tiles"]

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        _, height, width = context.shape
        if min(height, width) < options.grid:
            raise ConfigError(
                f"method.grid is {options.grid}: images of {height} by {width} have no pixels for so many tiles",
                key="method.grid",
            )
        self.options, self.generator = options, context.generator
        tiles = options.grid**2
        self.register_buffer("orders", distant_permutations(tiles, options.permutations))
        self.classifier = mlp(tiles * context.backbone.num_features, (*options.hidden, options.permutations))

    def terms(self) -> dict[str, Term]:
        """All permutations are equally likely."""
        return {name: Term(meaning, 0.0, math.log(self.options.permutations)) for name, meaning in self.TERMS.items()}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """Classification of the first view's tiles in a random order of the set."""
        if "permutation" not in active:
            return MethodOutput({}, embeddings=self.embed(batch.images[0]))
        features = self._tile_features(batch.images[0])
        count, device = len(features), features.device
        label = torch.randint(len(self.orders), (count,), generator=self.generator, device=device)
        shuffled = features[torch.arange(count, device=device)[:, None], self.orders[label]]
        return MethodOutput({"permutation": label_cross_entropy(self.classifier(shuffled.flatten(1)), label)})

    def _tile_features(self, images: ImageBatch) -> Float[Tensor, "batch tiles features"]:
        features: Tensor = self.backbone(tiles(images, self.options.grid).flatten(0, 1))
        return features.reshape(len(images), self.options.grid**2, -1)

    def embed(self, images: ImageBatch) -> Float[Tensor, "batch features"]:
        """The backbone's features of the whole image."""
        features: Tensor = self.backbone(images)
        return features


def tiles(images: ImageBatch, grid: int) -> Float[Tensor, "batch tiles channels height width"]:
    """The tiles of each image, row by row, each enlarged to the image's size (bilinear)."""
    count, channels, height, width = images.shape
    size = height // grid, width // grid
    whole = images[..., : grid * size[0], : grid * size[1]]
    cut = whole.reshape(count, channels, grid, size[0], grid, size[1]).permute(0, 2, 4, 1, 3, 5)
    enlarged = functional.interpolate(cut.reshape(-1, channels, *size), size=(height, width), mode="bilinear")
    return enlarged.reshape(count, grid**2, channels, height, width)


def distant_permutations(num_tiles: int, count: int) -> Int[Tensor, "permutations tiles"]:
    """Permutations far from each other: each next one has the largest smallest Hamming distance from those before."""
    if math.factorial(num_tiles) <= CANDIDATES:
        candidates = torch.tensor(list(permutations(range(num_tiles))))
    else:
        generator = torch.Generator().manual_seed(SEED)
        candidates = torch.rand(CANDIDATES, num_tiles, generator=generator).argsort(dim=1)
    chosen = [candidates[0]]
    nearest = (candidates != chosen[0]).sum(dim=1)
    for _ in range(count - 1):
        chosen.append(candidates[nearest.argmax()])
        nearest = torch.minimum(nearest, (candidates != chosen[-1]).sum(dim=1))
    return torch.stack(chosen)
