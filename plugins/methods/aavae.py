"""AAVAE: a variational autoencoder that sees a random view and reconstructs the image it was made of.

Augmentation takes the place of the KL divergence. Terms, all minimised, means over images and views:

    reconstruction   -log N(x; decoder(z), s I) with its normaliser, summed over pixels, z drawn once from q(z|x'), x' a view of x
    kl               KL(q(z|x') || N(0, I)) in closed form; minimum 0; weight beta of the paper's figure 3, none in its AAVAE

Source: AAVAE (under review at ICLR 2022), eq. 3 and section 4.3; set-up in appendix A.1. As in the authors' code, s = exp(log_scale)
is one variance for all pixels, the representation is the backbone's output, and a linear-BN-ReLU layer stands between it and
q(z|x'). Where they differ: the paper's AAVAE has no kl, the released code gives it a weight of 0.1 by default. Where we differ:
the authors standardise pixels by the data set's own mean and deviation, ours are in [-1, 1], as if both were 0.5; their log_scale
of 0 is 2 ln(deviation / 0.5) here, -1.41 for CIFAR-10. A learned scale has no minimum: it can shrink for ever (figure 2).
Config: configs/pretraining/aavae.yaml
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from gedi_nesy import Batch, Method, MethodContext, MethodOutput, Options, Term
from gedi_nesy.likelihoods import gaussian_nll
from gedi_nesy.methods import ImageBatch
from gedi_nesy.models.decoders import make_decoder
from gedi_nesy.models.mode import evaluating
from gedi_nesy.models.posterior import LOG_2_PI, Gaussian, GaussianHead, Latents


class AaVae(Method):
    """Encoder with a projection head, decoder; offers embed, posterior, decode, log_likelihood, with kl also log_prior, sample."""

    TERMS = {
        "reconstruction": "negative log-likelihood of the image given a view of it, in nats",
        "kl": "KL divergence of a view's posterior from the standard normal prior, in nats",
    }

    class Options(Options):
        latents: Annotated[int, Field(gt=0)] = 128
        """Dimensions of z."""
        log_scale: float = 0.0
        """ln of the variance of a pixel in [-1, 1] around the decoder's output; where learning starts if it is learned."""
        learn_scale: bool = False
        """Whether the scale is a parameter (figure 2a of the paper) or fixed (figure 2b)."""

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        self.options, self.active, self.generator = options, context.active, context.generator
        self.num_pixels = math.prod(context.shape)
        num_features = context.backbone.num_features
        self.projection = nn.Sequential(nn.Linear(num_features, num_features), nn.BatchNorm1d(num_features), nn.ReLU())
        self.posterior_head = GaussianHead(num_features, options.latents, bias=False)
        self.decoder = make_decoder(context.backbone, options.latents, context.shape)
        self.log_scale: Tensor
        if options.learn_scale:
            self.log_scale = nn.Parameter(torch.tensor(options.log_scale))
        else:
            self.register_buffer("log_scale", torch.tensor(options.log_scale))
        self.lacks = frozenset() if "kl" in context.active else frozenset({"log_prior", "sample"})

    def terms(self) -> dict[str, Term]:
        """The terms with their known minima; none while the scale is learned."""
        perfect = 0.5 * self.num_pixels * (LOG_2_PI + self.options.log_scale)
        minima = {} if self.options.learn_scale else {"reconstruction": perfect, "kl": 0.0}
        return {name: Term(meaning, minima.get(name)) for name, meaning in self.TERMS.items() if name in self.active}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """The active terms; every view of an image reconstructs the image itself."""
        assert batch.originals is not None  # the engine gives them
        num_views, num_images = batch.images.shape[:2]
        features = self.backbone(batch.images.flatten(0, 1))
        posterior = self._posterior(features)
        terms: dict[str, Tensor] = {}
        if "reconstruction" in active:
            outputs = self.decoder(posterior.sample(self.generator))
            images = batch.originals.repeat(num_views, 1, 1, 1)
            terms["reconstruction"] = gaussian_nll(images, outputs, self.log_scale).mean()
        if "kl" in active:
            terms["kl"] = posterior.kl(posterior.standard()).mean()
        return MethodOutput(terms, embeddings=features[:num_images])

    def _posterior(self, features: Float[Tensor, "batch features"]) -> Gaussian:
        posterior: Gaussian = self.posterior_head(self.projection(features))
        return posterior

    def posterior(self, images: ImageBatch) -> Gaussian:
        """q(z|x)."""
        return self._posterior(self.backbone(images))

    def embed(self, images: ImageBatch) -> Float[Tensor, "batch features"]:
        """The backbone's output."""
        features: Tensor = self.backbone(images)
        return features

    def decode(self, latents: Latents) -> ImageBatch:
        """The mean of p(x|z), clipped to [-1, 1]."""
        outputs: Tensor = self.decoder(latents)
        return outputs.clamp(-1, 1)

    def log_likelihood(self, images: ImageBatch, latents: Latents) -> Float[Tensor, " batch"]:
        """log p(x|z) of pixels in [0, 1], where a density is twice as high for each pixel as in [-1, 1]."""
        return self.num_pixels * math.log(2) - gaussian_nll(images, self.decoder(latents), self.log_scale)

    def log_prior(self, latents: Latents) -> Float[Tensor, " batch"]:
        """log N(z; 0, I)."""
        return Gaussian.isotropic(latents, 1.0).log_density(latents)

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> ImageBatch:
        """Means of p(x|z) for z from the prior."""
        with evaluating(self):
            return self.decode(torch.randn(count, self.options.latents, generator=generator, device=generator.device))
