"""SimVAE: a variational autoencoder whose prior pinches the latents of an image's views together.

J views x^j of an image have latents z^j ~ p(z|y) = N(psi, sigma^2 I) around a centre psi of their own, which is integrated out:
p(z^1..J|y) is proportional to exp(-sum_j |z^j - mean_j z^j|^2 / (2 sigma^2)). The terms, all minimised, each a mean over images
*and* views, so that with weights of 1 they add up to -ELBO_SSL / J (up to the constant of the prior):

    reconstruction   -log p(x^j|z^j), z^j drawn once from q(z|x^j), summed over pixels
    entropy          -H(q(z|x^j)) = -1/2 sum log(2 pi e variance), summed over latents
    similarity       |z^j - mean_j z^j|^2 / (2 sigma^2), summed over latents; minimum 0
    prior            |mean_j z^j|^2 / 2, once an image and so divided by J; minimum 0

Source: Bizeul, Schoelkopf and Allen 2024, A Probabilistic Model behind Self-Supervised Learning, eqs. 5 and 6 (appendix A.2);
Bizeul and Allen 2023 (workshop), eq. 3 and algorithm 1. Constants of p(z|y) are left out: no gradient flows through them.

| where they differ | papers | released code | here |
|---|---|---|---|
| entropy | 1/2 sum log variance | 2 pi times that | weight of entropy: 1, or 6.283 for the code's |
| prior of the centre | uniform | standard normal by default | weight of prior: none, or 1 for the code's |
| sigma^2 (`prior_variance`) | 0.003 to 0.005 (2023) | 0.15 | 0.15 |
| variance of p(x|z), on pixels in [0, 1] | 1.0 (2023) | exp(-4.6) | exp(-4.6), see `gedi_nesy/likelihoods.py` |
| p(x|z) of MNIST | Gaussian | Bernoulli, divided by exp(-4.6) | an option; weight of reconstruction 99.5 for the code's |
| views J | 6 (2023), 10 (2024) | 2 by default | num_views |

With J = 1 similarity vanishes: the plain autoencoder with a posterior as wide as reconstruction lets it be.
`embed` is the mean of q(z|x).
Config: configs/pretraining/simvae.yaml
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

Sets = Float[Tensor, "views batch latents"]


class SimVae(Method):
    """Encoder, decoder and a prior that ties views together.

    Offers embed, posterior, decode and log_likelihood, with prior also log_prior and sample.
    """

    TERMS = {
        "reconstruction": "negative log-likelihood of a view under the decoder, in nats",
        "entropy": "negative entropy of a view's posterior, in nats",
        "similarity": "squared distance of a view's latent from the mean over views, over twice the prior variance",
        "prior": "half the squared length of the mean latent, shared by the views",
    }

    class Options(Options):
        latents: Annotated[int, Field(gt=0)] = 10
        """Dimensions of z: 10 for MNIST and FashionMNIST, 64 for CIFAR-10 and CelebA in the papers."""
        prior_variance: Annotated[float, Field(gt=0)] = 0.15
        """sigma^2 of p(z|y)."""
        likelihood: LikelihoodOptions = LikelihoodOptions()

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        self.options, self.active, self.generator = options, context.active, context.generator
        self.num_pixels = math.prod(context.shape)
        self.posterior_head = GaussianHead(context.backbone.num_features, options.latents)
        self.decoder = make_decoder(context.backbone, options.latents, context.shape)
        # A uniform prior of the centres is no density and cannot be drawn from.
        self.lacks = options.likelihood.lacks | (set() if "prior" in context.active else {"log_prior", "sample"})

    def terms(self) -> dict[str, Term]:
        """The terms with their known minima; the negative entropy has none."""
        minima = {"reconstruction": self.options.likelihood.minimum(self.num_pixels), "similarity": 0.0, "prior": 0.0}
        return {name: Term(meaning, minima.get(name)) for name, meaning in self.TERMS.items() if name in self.active}

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """The active terms over all views of each image."""
        num_views, num_images = batch.images.shape[:2]
        images = batch.images.flatten(0, 1)
        posterior = self.posterior(images)
        latents = posterior.sample(self.generator)
        sets = latents.view(num_views, num_images, -1)
        terms: dict[str, Tensor] = {}
        if "reconstruction" in active:
            outputs = self.decoder(latents)
            terms["reconstruction"] = negative_log_likelihood(images, outputs, self.options.likelihood).mean()
        if "entropy" in active:
            terms["entropy"] = -posterior.entropy().mean()
        if "similarity" in active:
            terms["similarity"] = similarity(sets, self.options.prior_variance)
        if "prior" in active:
            terms["prior"] = 0.5 * sets.mean(dim=0).square().sum(dim=1).mean() / num_views
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
        """log N(z; 0, (1 + sigma^2) I): p(z|y) with its centre drawn from N(0, I), where training compares the views of an image."""
        return Gaussian.isotropic(latents, 1 + self.options.prior_variance).log_density(latents)

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> ImageBatch:
        """Means of p(x|z) for z from N(0, (1 + sigma^2) I): a centre from its prior and a view's latent around it."""
        scale = math.sqrt(1 + self.options.prior_variance)
        noise = torch.randn(count, self.options.latents, generator=generator, device=generator.device)
        with evaluating(self):
            return self.decode(scale * noise)


def similarity(sets: Sets, prior_variance: float) -> Float[Tensor, ""]:
    """|z^j - mean_j z^j|^2 / (2 variance), summed over latents, mean over images and views (eq. 6)."""
    distances = (sets - sets.mean(dim=0)).square().sum(dim=2)
    return distances.mean() / (2 * prior_variance)
