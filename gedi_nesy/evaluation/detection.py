"""Telling images of the training distribution (inside) from others (outside) by a score that is higher inside."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

BINS = 40
TAIL = 0.005

Scores = Float[np.ndarray, " images"]


def detection_scores(inside: Scores, outside: Scores) -> dict[str, float]:
    """AUROC, AUPR and FPR95 of a score.

    auroc    probability that an image from inside scores higher than one from outside, ties counting half
    aupr     average precision with inside as the positive class; chance is the share of images from inside
    fpr95    share of images from outside at or above the threshold that lets through at least 95% of those from inside

    Source: Hendrycks and Gimpel 2017, section 2; Liang et al. 2018 (ODIN), section 3 for FPR95.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score  # slow to import

    scores = np.concatenate([inside, outside])
    is_inside = np.concatenate([np.ones(len(inside)), np.zeros(len(outside))])
    return {
        "auroc": float(roc_auc_score(is_inside, scores)),
        "aupr": float(average_precision_score(is_inside, scores)),
        "fpr95": false_positive_rate(inside, outside, 0.95),
    }


def false_positive_rate(inside: Scores, outside: Scores, true_positive_rate: float) -> float:
    """Share of outside let through by the highest threshold that lets through this share of inside."""
    # Rounding must not demand one image more than the share: 0.95 * 20 is 19.
    wanted = int(np.ceil(round(true_positive_rate * len(inside), 9)))
    threshold = np.sort(inside)[::-1][max(wanted, 1) - 1]
    return float((outside >= threshold).mean())


def histograms(scores: dict[str, Scores]) -> dict[str, object]:
    """Shares of each set's images in 40 bins of equal width, the same for all sets.

    The bins cover all but the outermost half percent on either side of the sets together: a few extreme scores would leave
    one bin for all others. What lies beyond counts in the first or last bin.

    Returns:
        `edges` of the bins, one more than there are bins, and `shares` of each set.
    """
    together = np.concatenate(list(scores.values()))
    low, high = np.quantile(together, [TAIL, 1 - TAIL])
    edges = np.linspace(low, high, BINS + 1) if high > low else np.linspace(low - 0.5, low + 0.5, BINS + 1)
    shares = {
        name: np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0] / len(values)
        for name, values in scores.items()
    }
    return {"edges": edges.tolist(), "shares": {name: share.tolist() for name, share in shares.items()}}
