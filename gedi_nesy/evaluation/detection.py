"""Telling images of the training distribution (inside) from others (outside) by a score that is higher inside."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

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
