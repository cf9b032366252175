"""Loss terms shared by methods: pure functions of tensors."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor


def cross_entropy(
    target_log_probs: Float[Tensor, "batch classes"], log_probs: Float[Tensor, "batch classes"]
) -> Float[Tensor, ""]:
    """CE(p, q) = -sum_y p(y) log q(y), mean over the batch; gradient flows into both.

    Its minimum over both is 0, reached by equal one-hot distributions: CE = H(p) + KL(p || q).
    Source: GEDI 2024 eq. 3 (L_INV, there a sum to be maximised with the opposite sign; ours is a mean).
    """
    return -(target_log_probs.exp() * log_probs).sum(dim=1).mean()


def log_batch_mean(log_probs: Float[Tensor, "batch classes"]) -> Float[Tensor, " classes"]:
    """log of the batch mean of p(y|x), computed in log space."""
    return log_probs.logsumexp(dim=0) - math.log(len(log_probs))


def negative_entropy(log_probs: Float[Tensor, " classes"]) -> Float[Tensor, ""]:
    """-H(p) = sum_y p(y) log p(y); minimum -ln c at the uniform distribution.

    Source: GEDI 2024 appendix N: "we maximize the entropy of the mean output distribution for each batch".
    """
    return (log_probs.exp() * log_probs).sum()
