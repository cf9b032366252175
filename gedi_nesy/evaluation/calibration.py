"""How far confidence is what it claims to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True)
class Bin:
    """Predictions of about the same confidence; accuracy and confidence are means, 0 in an empty bin."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float

    @property
    def gap(self) -> float:
        """How far confidence and accuracy differ."""
        return abs(self.confidence - self.accuracy)


def reliability(confidence: Float[np.ndarray, " images"], correct: Bool[np.ndarray, " images"], bins: int) -> list[Bin]:
    """Bins of equal width over [0, 1]; each has its lower end, the last one 1 too.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, section 2 (theirs have the upper end instead).
    """
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    sums = [np.bincount(place, values, minlength=bins) for values in (confidence, correct.astype(float))]
    means = [total / np.maximum(count, 1) for total in sums]
    rows = zip(edges[:-1], edges[1:], count, *means, strict=True)
    return [Bin(float(low), float(high), int(n), float(conf), float(acc)) for low, high, n, conf, acc in rows]


def expected_calibration_error(bins: list[Bin]) -> float:
    """Mean gap between confidence and accuracy, weighted by the number of images in a bin (Guo et al. 2017, equation 3)."""
    return sum(bin.count * bin.gap for bin in bins) / sum(bin.count for bin in bins)


def maximum_calibration_error(bins: list[Bin]) -> float:
    """The largest gap of a bin that is not empty (Guo et al. 2017, equation 5)."""
    return max(bin.gap for bin in bins if bin.count)
