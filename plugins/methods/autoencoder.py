"""Autoencoders: plain (AE), and augmentation-augmented (AAAE), the two baselines of AAVAE without a posterior.

    reconstruction   mean squared error over images, views, pixels and channels; minimum 0

AE is this without views in the config: the image in, the image out. With views it is AAAE: a random view in, the image it was
made of out. Source: AAVAE (under review at ICLR 2022), table 1 and appendix A.1. The released code reconstructs the view itself
(`target: view`) where the paper says the original input; the default is the paper's. As in that code, the representation is the
backbone's output, and a head of linear, BN, ReLU, linear stands between it and the code that the decoder sees; pixels are in
[-1, 1] where the authors standardise them.
Config: configs/pretraining/autoencoder.yaml, aaae.yaml
"""

from __future__ import annotations

from typing import Annotated, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from gedi_nesy import Batch, Method, MethodContext, MethodOutput, Options, Term
from gedi_nesy.methods import ImageBatch
from gedi_nesy.models.decoders import make_decoder
from gedi_nesy.models.posterior import Latents


class Autoencoder(Method):
    """Encoder, code, decoder; offers embed, encode and decode."""

    TERMS = {"reconstruction": "mean squared error of a pixel in [-1, 1]"}

    class Options(Options):
        latents: Annotated[int, Field(gt=0)] = 128
        """Dimensions of the code."""
        target: Literal["original", "view"] = "original"
        """What a view has to become: the image it was made of (AAAE as published) or itself (as released)."""

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        self.options = options
        num_features = context.backbone.num_features
        self.projection = nn.Sequential(
            nn.Linear(num_features, num_features),
            nn.BatchNorm1d(num_features),
            nn.ReLU(),
            nn.Linear(num_features, options.latents, bias=False),
        )
        self.decoder = make_decoder(context.backbone, options.latents, context.shape)

    def terms(self) -> dict[str, Term]:
        """Perfect reconstruction has no error."""
        return {name: Term(meaning, 0.0) for name, meaning in self.TERMS.items()}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """The error of every view's reconstruction."""
        num_views, num_images = batch.images.shape[:2]
        images = batch.images.flatten(0, 1)
        features = self.backbone(images)
        if self.options.target == "original":
            assert batch.originals is not None  # the engine gives them
            images = batch.originals.repeat(num_views, 1, 1, 1)
        outputs = self.decoder(self.projection(features))
        return MethodOutput({"reconstruction": functional.mse_loss(outputs, images)}, embeddings=features[:num_images])

    def embed(self, images: ImageBatch) -> Float[Tensor, "batch features"]:
        """The backbone's output."""
        features: Tensor = self.backbone(images)
        return features

    def encode(self, images: ImageBatch) -> Latents:
        """The code that the decoder starts from."""
        latents: Tensor = self.projection(self.backbone(images))
        return latents

    def decode(self, latents: Latents) -> ImageBatch:
        """The decoder's output, clipped to [-1, 1]."""
        outputs: Tensor = self.decoder(latents)
        return outputs.clamp(-1, 1)
