"""Detection scores against counting pairs and thresholds by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gedi_nesy.evaluation.detection import detection_scores, false_positive_rate, histograms


def literal(inside, outside):
    """AUROC from all pairs; average precision and FPR95 from all thresholds."""
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in inside for b in outside]
    precision_sum, recall = 0.0, 0.0
    thresholds = sorted(set([*inside, *outside]), reverse=True)
    fpr95 = None
    for threshold in thresholds:
        hits, alarms = sum(s >= threshold for s in inside), sum(s >= threshold for s in outside)
        precision_sum += (hits / len(inside) - recall) * hits / (hits + alarms)
        recall = hits / len(inside)
        if fpr95 is None and hits >= 0.95 * len(inside) - 1e-9:
            fpr95 = alarms / len(outside)
    return {"auroc": np.mean(pairs), "aupr": precision_sum, "fpr95": fpr95}


def normal(mean, count, seed):
    return np.random.default_rng(seed).normal(mean, 1, count)


CASES = {
    "overlapping": (normal(1, 60, 0), normal(0, 45, 1)),
    "reversed": (normal(-1, 30, 0), normal(0, 30, 1)),
    "with ties": (np.round(normal(0.5, 50, 0)), np.round(normal(0, 40, 1))),
    "apart": (normal(50, 20, 0), normal(0, 20, 1)),
    "constant": (np.zeros(7), np.zeros(5)),
    "one image each": (np.array([1.0]), np.array([0.0])),
}


@pytest.mark.parametrize("inside, outside", CASES.values(), ids=CASES)
def test_scores_agree_with_counting(inside, outside):
    assert detection_scores(inside, outside) == pytest.approx(literal(inside, outside))


def test_a_score_that_tells_all_apart_is_perfect_and_its_negative_the_worst():
    inside, outside = np.arange(10.0) + 100, np.arange(10.0)
    assert detection_scores(inside, outside) == {"auroc": 1.0, "aupr": pytest.approx(1.0), "fpr95": 0.0}
    worst = detection_scores(-inside, -outside)
    assert (worst["auroc"], worst["fpr95"]) == (0.0, 1.0)


def test_a_constant_score_is_chance():
    assert detection_scores(np.ones(30), np.ones(10)) == {"auroc": 0.5, "aupr": pytest.approx(0.75), "fpr95": 1.0}


@pytest.mark.parametrize("count, passed", [(20, 19), (21, 20), (100, 95), (1, 1)])
def test_the_threshold_lets_95_percent_through_and_no_more_than_needed(count, passed):
    """Outside lies between every two of inside: as many of it pass as thresholds were lowered."""
    inside = np.arange(count, dtype=float)
    outside = inside - 0.5
    assert false_positive_rate(inside, outside, 0.95) * count == pytest.approx(passed - 1)


def test_histograms_share_their_bins_and_count_what_lies_beyond_in_the_last():
    inside = np.concatenate([np.linspace(0, 1, 999), [1e6]])
    table = histograms({"inside": inside, "outside": np.full(10, 0.5)})
    edges, shares = np.array(table["edges"]), table["shares"]
    assert len(edges) == 41 and edges[-1] < 2
    assert np.array(shares["inside"]).sum() == pytest.approx(1) and shares["inside"][-1] > 0
    place = np.flatnonzero(shares["outside"])
    assert len(place) == 1 and edges[place[0]] <= 0.5 <= edges[place[0] + 1]


def test_scores_that_are_all_alike_have_a_histogram():
    table = histograms({"inside": np.ones(3)})
    assert table["edges"][0] == 0.5 and max(table["shares"]["inside"]) == 1
