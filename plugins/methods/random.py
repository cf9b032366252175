"""Random: a network that stays as it was drawn, the lower bound of every comparison.

    nothing   always 0

Source: the "random" rows of SimVAE's tables (Bizeul et al. 2024).
Config: configs/pretraining/random.yaml
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gedi_nesy import Batch, Method, MethodContext, MethodOutput, Options, Term


class Random(Method):
    """An untrained backbone; offers embed."""

    TERMS = {"nothing": "always 0: no weight of the backbone changes"}

    class Options(Options):
        """None."""

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        self.backbone.requires_grad_(False)
        # Training needs something to differentiate: a number that no output depends on.
        self.idle = nn.Parameter(torch.zeros(()))

    def terms(self) -> dict[str, Term]:
        """0 from the start."""
        return {name: Term(meaning, known_minimum=0.0) for name, meaning in self.TERMS.items()}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """The term that is always 0; the network sees no image, so even running statistics stay."""
        return MethodOutput({"nothing": self.idle.square()} if "nothing" in active else {})

    def embed(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """The backbone's features."""
        features: Tensor = self.backbone(images)
        return features
