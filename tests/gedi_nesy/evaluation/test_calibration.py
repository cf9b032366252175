"""Calibration errors against a literal sum and against torchmetrics where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gedi_nesy.evaluation.calibration import expected_calibration_error, maximum_calibration_error, reliability


def drawn(count, seed=0):
    chance = np.random.default_rng(seed)
    confidence = chance.uniform(0.1, 1, count)
    return confidence, chance.uniform(size=count) < confidence**2


def literal(confidence, correct, bins):
    """|accuracy - confidence| of each bin that is not empty, with its share of the images, by looking at every image."""
    gaps = []
    for index in range(bins):
        inside = [
            (c, float(ok))
            for c, ok in zip(confidence, correct, strict=True)
            if index / bins <= c < (index + 1) / bins or (index == bins - 1 and c == 1)
        ]
        if inside:
            gap = abs(sum(ok for _, ok in inside) / len(inside) - sum(c for c, _ in inside) / len(inside))
            gaps.append((gap, len(inside) / len(confidence)))
    return sum(gap * share for gap, share in gaps), max(gap for gap, _ in gaps)


CASES = {
    "random": drawn(400),
    "one image": (np.array([0.7]), np.array([False])),
    "certain and right": (np.ones(5), np.ones(5, dtype=bool)),
    "certain and wrong": (np.ones(5), np.zeros(5, dtype=bool)),
    "on the edges of bins": (np.array([0.25, 0.5, 0.5, 0.75, 0.9]), np.array([True, False, True, True, False])),
    "no confidence": (np.zeros(5), np.array([True, False, False, False, False])),
}


@pytest.mark.parametrize("bins", [1, 4, 16])
@pytest.mark.parametrize("confidence, correct", CASES.values(), ids=CASES)
def test_errors_agree_with_a_literal_sum(confidence, correct, bins):
    table = reliability(confidence, correct, bins)
    expected, maximum = literal(confidence, correct, bins)
    assert expected_calibration_error(table) == pytest.approx(expected)
    assert maximum_calibration_error(table) == pytest.approx(maximum)
    assert sum(bin.count for bin in table) == len(confidence) and len(table) == bins


def test_errors_agree_with_torchmetrics():
    calibration = pytest.importorskip("torchmetrics.functional.classification")
    confidence, correct = drawn(500, seed=1)
    probabilities = torch.from_numpy(confidence)  # of class 1, so that the larger one is max(p, 1 - p)
    labels = torch.from_numpy(correct).long()
    largest = torch.maximum(probabilities, 1 - probabilities)
    table = reliability(largest.numpy(), ((probabilities > 0.5) == labels).numpy(), 15)
    for norm, ours in (("l1", expected_calibration_error(table)), ("max", maximum_calibration_error(table))):
        both = torch.stack([1 - probabilities, probabilities], dim=1)
        theirs = calibration.multiclass_calibration_error(both, labels, num_classes=2, n_bins=15, norm=norm)
        assert ours == pytest.approx(float(theirs), abs=1e-6)


def test_a_bin_states_its_ends_and_means():
    bins = reliability(np.array([0.6, 0.9, 1.0]), np.array([True, False, True]), 2)
    assert [(bin.low, bin.high, bin.count) for bin in bins] == [(0.0, 0.5, 0), (0.5, 1.0, 3)]
    assert bins[1].confidence == pytest.approx(2.5 / 3) and bins[1].accuracy == pytest.approx(2 / 3)
    assert bins[0].gap == 0
