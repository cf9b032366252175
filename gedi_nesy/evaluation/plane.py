"""Embeddings laid out on a plane, to be looked at."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

Features = Float[Tensor, "images features"]
Places = Float[Tensor, "images 2"]

PERPLEXITY = 30.0
NEIGHBOURS = 10  # of the trustworthiness


def principal_plane(features: Features) -> Places:
    """The two directions of largest variance, in float64; a direction that the features lack is 0.

    Signs are fixed by making the largest coefficient of a direction positive, so that the same features give the same picture.
    """
    centred = features.double() - features.double().mean(dim=0)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    kept = directions[:2]
    signs = torch.sign(kept.gather(1, kept.abs().argmax(dim=1, keepdim=True)))
    places = centred @ (kept * signs).T
    return torch.nn.functional.pad(places, (0, 2 - places.shape[1]))


def neighbour_plane(features: Features, seed: int) -> Places:
    """t-SNE, beginning with the principal plane, so that neighbours stay neighbours.

    Source: van der Maaten and Hinton 2008; begun as in Kobak and Berens 2019, with a deviation of 1e-4 along the first direction.
    The perplexity is 30, or a third of the images where there are few.
    """
    from sklearn.manifold import TSNE  # slow to import

    if len(features) < 4:
        return principal_plane(features)
    start = principal_plane(features)
    deviation = start[:, 0].std(correction=0)
    # Embeddings that are all one point have no plane to begin with.
    noise = torch.randn(start.shape, generator=torch.Generator().manual_seed(seed), dtype=start.dtype)
    start = start / deviation * 1e-4 if deviation > 0 else noise * 1e-4
    perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
    layout = TSNE(init=start.float().numpy(), perplexity=perplexity, random_state=seed % 2**32, n_jobs=1)
    return torch.from_numpy(layout.fit_transform(features.float().numpy())).double()


def trustworthiness(features: Features, places: Places) -> float:
    """Whether the ten nearest on the plane are near in the embedding too: 1 if all are, about 0.5 for a random layout.

    Source: Venna and Kaski 2001, Neighborhood preservation in nonlinear projection methods; scikit-learn's implementation.
    """
    from sklearn.manifold import trustworthiness as score

    neighbours = min(NEIGHBOURS, (len(features) - 1) // 2)
    if neighbours < 1:
        return 1.0
    return float(score(features.double().numpy(), places.numpy(), n_neighbors=neighbours))
