"""Rotation: tell by how many quarter turns an image was rotated.

    rotation   cross-entropy of the four turns, for all four of every image; minimum 0, guessing gives ln 4

Classes that differ by a half turn only (a 6 and a 9) are told apart by nothing else than this task sees.
Source: Gidaris et al. 2018, Unsupervised Representation Learning by Predicting Image Rotations, eq. 2 and 3.
Config: configs/pretraining/rotation.yaml
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gedi_nesy import Batch, ConfigError, Method, MethodContext, MethodOutput, Options, Term
from gedi_nesy.losses import label_cross_entropy

TURNS = 4


class Rotation(Method):
    """Predict rotations; offers embed."""

    TERMS = {"rotation": "cross-entropy of the number of quarter turns"}

    class Options(Options):
        """None."""

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        _, height, width = context.shape
        if height != width:
            raise ConfigError(f"rotation needs square images, these are {height} by {width}", key="method.name")
        self.classifier = nn.Linear(context.backbone.num_features, TURNS)

    def terms(self) -> dict[str, Term]:
        """Four equally likely turns."""
        return {name: Term(meaning, 0.0, math.log(TURNS)) for name, meaning in self.TERMS.items()}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """Classification of the first view in its four orientations."""
        images = batch.images[0]
        turned = torch.cat([images.rot90(turns, dims=(2, 3)) for turns in range(TURNS)])
        features = self.backbone(turned)
        turns = torch.arange(TURNS, device=images.device).repeat_interleave(len(images))
        terms = {"rotation": label_cross_entropy(self.classifier(features), turns)} if "rotation" in active else {}
        return MethodOutput(terms, embeddings=features[: len(images)])

    def embed(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """The backbone's features."""
        features: Tensor = self.backbone(images)
        return features
