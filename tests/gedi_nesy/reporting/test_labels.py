"""Labels name the keys that differ, as few as it takes, and no more than fit into a legend."""

from __future__ import annotations

import pytest

from gedi_nesy.reporting.labels import short_labels


def config(rate=0.1, method="gedi", seed=0, **more):
    return {"name": "toy", "seed": seed, "method": {"name": method}, "training": {"learning_rate": rate}, **more}


@pytest.mark.parametrize(
    ("configs", "labels"),
    [
        ([config(), config(0.004)], ["learning_rate 0.1", "learning_rate 0.004"]),
        ([config(), config(0.004, "simclr")], ["gedi", "simclr"]),
        ([config(), config(seed=1), config(method="simclr")], ["gedi, seed 0", "gedi, seed 1", "simclr, seed 0"]),
        ([config(data={"name": "mnist"}), config(data={"name": "kmnist"})], ["data mnist", "data kmnist"]),
        ([config(), config(views=[{"name": "flip"}])], ["flip \u2013", "flip present"]),
        ([config(), config(evaluators=[{"name": "knn"}])], ["", ""]),
        ([config(), config(note="a text that is too long to be in a label")], ["", ""]),
    ],
)
def test_labels(configs, labels):
    assert short_labels(configs) == labels
