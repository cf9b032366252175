"""Variational autoencoders: VAE, beta-VAE and CR-VAE, told apart by the weights of their terms.

An encoder gives q(z|x) = N(mean, diag(variance)), a decoder p(x|z), the prior is p(z) = N(0, I). All terms are minimised:

    reconstruction   -log p(x|z), z drawn once from q(z|x): summed over pixels, mean over images and views
    kl               KL(q(z|x) || N(0, I)) in closed form, mean over images and views; minimum 0
    consistency      KL(q(z|x') || q(z|x)), x the first view and x' each other one, mean; minimum 0

With weights of 1, reconstruction + kl is the negative ELBO of Kingma and Welling 2014 (eq. 3). The weight of kl is the beta of
beta-VAE (Higgins et al. 2017). The weight of consistency is half the lambda of CR-VAE (Sinha and Dieng 2021), which adds up the
ELBOs of x and x' where we take their mean; its x is the image without any augmentation, ours is a random view like x'.

`embed` is the mean of q(z|x). The likelihood's constants are in `gedi_nesy/likelihoods.py`; SimVAE's authors publish a variance
of 1.0 (2023, appendix A.4.3) and release exp(-4.6), the default here, and for MNIST a Bernoulli likelihood divided by exp(-4.6):
that is a weight of 99.5 on reconstruction. Their released code estimates log p(z) with the sample and multiplies the log-variances
of the entropy by 2 pi; here the divergence is the closed form.
Config: configs/pretraining/vae.yaml, beta_vae.yaml, cr_vae.yaml
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from gedi_nesy import Batch, Method, MethodContext, MethodOutput, Options, Term
from gedi_nesy.likelihoods import LikelihoodOptions, decoded_images, negative_log_likelihood
from gedi_nesy.methods import ImageBatch
from gedi_nesy.models.decoders import make_decoder
from gedi_nesy.models.mode import evaluating
from gedi_nesy.models.posterior import Gaussian, GaussianHead, Latents
from gedi_nesy.models.views import require_views


class Vae(Method):
    """Encoder, decoder and a standard normal prior; offers embed, posterior, decode, log_likelihood, with kl also log_prior, sample."""

    TERMS = {
        "reconstruction": "negative log-likelihood of the images under the decoder, in nats an image",
        "kl": "KL divergence of the posterior from the standard normal prior, in nats an image",
        "consistency": "KL divergence between the posteriors of two views",
    }

    class Options(Options):
        latents: Annotated[int, Field(gt=0)] = 10
        """Dimensions of z."""
        likelihood: LikelihoodOptions = LikelihoodOptions()

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        if "consistency" in context.active:
            require_views(context.num_views, 2, "the term consistency")
        self.options, self.active, self.generator = options, context.active, context.generator
        self.num_pixels = math.prod(context.shape)
        self.posterior_head = GaussianHead(context.backbone.num_features, options.latents)
        self.decoder = make_decoder(context.backbone, options.latents, context.shape)
        # Without kl nothing makes the latents look like the prior.
        self.lacks = options.likelihood.lacks | (set() if "kl" in context.active else {"log_prior", "sample"})

    def terms(self) -> dict[str, Term]:
        """The terms with their known minima."""
        minima = {"reconstruction": self.options.likelihood.minimum(self.num_pixels), "kl": 0.0, "consistency": 0.0}
        return {name: Term(meaning, minima[name]) for name, meaning in self.TERMS.items() if name in self.active}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """The active terms, each view encoded and decoded for itself."""
        images, num_images = batch.images.flatten(0, 1), batch.images.shape[1]
        posterior = self.posterior(images)
        terms: dict[str, Tensor] = {}
        if "reconstruction" in active:
            outputs = self.decoder(posterior.sample(self.generator))
            terms["reconstruction"] = negative_log_likelihood(images, outputs, self.options.likelihood).mean()
        if "kl" in active:
            terms["kl"] = posterior.kl(posterior.standard()).mean()
        if "consistency" in active:
            terms["consistency"] = _consistency(posterior, num_images)
        return MethodOutput(terms, embeddings=posterior.mean[:num_images])

    def posterior(self, images: ImageBatch) -> Gaussian:
        """q(z|x)."""
        posterior: Gaussian = self.posterior_head(self.backbone(images))
        return posterior

    def embed(self, images: ImageBatch) -> Latents:
        """The mean of q(z|x)."""
        return self.posterior(images).mean

    def decode(self, latents: Latents) -> ImageBatch:
        """The mean of p(x|z)."""
        return decoded_images(self.decoder(latents))

    def log_likelihood(self, images: ImageBatch, latents: Latents) -> Float[Tensor, " batch"]:
        """log p(x|z) of pixels in [0, 1]."""
        return -negative_log_likelihood(images, self.decoder(latents), self.options.likelihood)

    def log_prior(self, latents: Latents) -> Float[Tensor, " batch"]:
        """log N(z; 0, I)."""
        return Gaussian.isotropic(latents, 1.0).log_density(latents)

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> ImageBatch:
        """Means of p(x|z) for z from the prior."""
        with evaluating(self):
            return self.decode(torch.randn(count, self.options.latents, generator=generator, device=generator.device))


def _consistency(posterior: Gaussian, num_images: int) -> Tensor:
    """Mean KL(q(z|x') || q(z|x)) of each later view x' to the first view x, of posteriors in the order of views."""
    others = len(posterior.mean) // num_images - 1
    first = Gaussian(
        posterior.mean[:num_images].repeat(others, 1), posterior.log_variance[:num_images].repeat(others, 1)
    )
    return Gaussian(posterior.mean[num_images:], posterior.log_variance[num_images:]).kl(first).mean()
