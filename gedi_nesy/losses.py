"""Loss terms shared by methods: pure functions of tensors, in float32 or more even under autocast.

Those that look across the batch (nt_xent, log_batch_mean, log_sinkhorn) want the whole one: where it is split over processes, a method
puts it together first, by `whole_batch`. The others are means over images, for which each process's own rows will do.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from .models.precision import full_precision

Rows = Float[Tensor, "batch features"]
Views = Float[Tensor, "views batch features"]
LogProbs = Float[Tensor, "batch classes"]
Scalar = Float[Tensor, ""]


@full_precision
def cross_entropy(target_log_probs: LogProbs, log_probs: LogProbs) -> Scalar:
    """CE(p, q) = -sum_y p(y) log q(y), mean over the batch; gradient flows into both.

    Its minimum over both is 0, reached by equal one-hot distributions: CE = H(p) + KL(p || q).
    Source: GEDI 2024 eq. 3 (L_INV, there a sum to be maximised with the opposite sign; ours is a mean).
    """
    return -(target_log_probs.exp() * log_probs).sum(dim=1).mean()


@full_precision
def label_cross_entropy(logits: Float[Tensor, "batch classes *cells"], labels: Int[Tensor, "*places"]) -> Scalar:
    """-log softmax(logits) at the label, mean over the batch; its minimum is 0."""
    return functional.cross_entropy(logits, labels)


@full_precision
def log_batch_mean(log_probs: LogProbs) -> Float[Tensor, " classes"]:
    """log of the batch mean of p(y|x), computed in log space."""
    return log_probs.logsumexp(dim=0) - math.log(len(log_probs))


@full_precision
def negative_entropy(log_probs: Float[Tensor, " classes"]) -> Scalar:
    """-H(p) = sum_y p(y) log p(y); minimum -ln c at the uniform distribution.

    Source: GEDI 2024 appendix N: "we maximize the entropy of the mean output distribution for each batch".
    """
    return (log_probs.exp() * log_probs).sum()


@full_precision
def negative_cosine(first: Rows, second: Rows) -> Scalar:
    """Minus the cosine of the angle between corresponding rows, mean over the batch; minimum -1.

    The squared distance of the rows scaled to length 1 is 2 + 2 * negative_cosine.
    Source: Chen and He 2021 (SimSiam) eq. 1; Grill et al. 2020 (BYOL) eq. 2.
    """
    return -functional.cosine_similarity(first, second, dim=1).mean()


@full_precision
def nt_xent(views: Views, temperature: float) -> Scalar:
    """The normalised, temperature-scaled cross-entropy: find the other view of an image among all other rows.

    For an anchor i with positive p this is -log(exp(s_ip / tau) / sum_{k != i} exp(s_ik / tau)), s the cosine similarity and k
    over the rows of all views; mean over every ordered pair (i, p) of two views of one image.

    Args:
        temperature: tau, above 0.

    Source: Chen et al. 2020 (SimCLR) eq. 1, for two views; more views as the outer sum of Khosla et al. 2020 eq. 2.
    """
    num_views, batch, _ = views.shape
    rows = functional.normalize(views, dim=2).flatten(0, 1)
    itself = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    log_probs = (rows @ rows.T / temperature).masked_fill(itself, -math.inf).log_softmax(dim=1)
    # (views, views, batch): anchor's view, other view, image. A boolean index instead would wait for a GPU to count.
    of_image = log_probs.view(num_views, batch, num_views, batch).diagonal(dim1=1, dim2=3)
    same_view = torch.eye(num_views, dtype=torch.bool, device=rows.device)
    return -of_image.masked_fill(same_view[..., None], 0.0).sum() / (num_views * (num_views - 1) * batch)


@full_precision
def off_diagonal_squares(matrix: Float[Tensor, "features features"]) -> Scalar:
    """Sum of the squares of all entries off the diagonal."""
    return (matrix - matrix.diagonal().diag()).square().sum()


@torch.no_grad()
@full_precision
def log_sinkhorn(scores: LogProbs, epsilon: float, iterations: int) -> LogProbs:
    """log of soft assignments that use every class equally often over the batch, without gradient.

    Alternately scales exp(scores / epsilon) so that the classes share the batch evenly and that each image's probabilities sum
    to 1, which holds exactly at the end; in log space, so no exponential overflows.

    Args:
        epsilon: strength of the entropy term; smaller is nearer to a hard assignment.

    Source: Caron et al. 2020 (SwAV) eq. 3 to 5 and appendix A; Cuturi 2013.
    """
    log_probs = scores / epsilon
    for _ in range(iterations):
        log_probs = log_probs.log_softmax(dim=0).log_softmax(dim=1)
    return log_probs


def mean_over_pairs(loss: Callable[[Tensor, Tensor], Scalar], targets: Tensor, predictions: Tensor) -> Scalar:
    """Mean of loss(targets[i], predictions[j]) over all views i != j.

    Args:
        targets: may have fewer views than `predictions`, then the first ones: multi-crop.
    """
    pairs = [(i, j) for i in range(len(targets)) for j in range(len(predictions)) if i != j]
    return torch.stack([loss(targets[i], predictions[j]) for i, j in pairs]).mean()
