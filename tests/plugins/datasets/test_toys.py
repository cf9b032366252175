"""Moons and circles are scikit-learn's points in [-1, 1], the same ones for every seed, and a method trains on them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from gedi_nesy_plugins.datasets.toys import Circles, Moons
from sklearn.datasets import make_circles, make_moons

TOYS = pytest.mark.parametrize("kind", [Moons, Circles])


@TOYS
def test_points_are_floats_in_the_unit_range_half_of_each_class(kind):
    dataset = kind(kind.Options()).read()
    assert dataset.shape == (2, 1, 1) and not dataset.is_pictures and len(dataset.classes) == 2
    for split, count in ((dataset.train, 2000), (dataset.test, 1000)):
        assert split.pixels.dtype == torch.float32 and split.pixels.shape == (count, 2, 1, 1)
        assert 0.5 < split.pixels.abs().max() < 1, "nothing is cut off"
        assert torch.bincount(split.labels).tolist() == [count // 2] * 2


@TOYS
def test_train_and_test_points_never_meet_and_another_draw_gives_others(kind):
    one, again, other = (kind(kind.Options(draw=draw)).read() for draw in (0, 0, 1))
    assert torch.equal(one.train.pixels, again.train.pixels)
    splits = [split.pixels.flatten(1).tolist() for data in (one, other) for split in (data.train, data.test)]
    points = [tuple(point) for split in splits for point in split]
    assert len(set(points)) == len(points) == 6000


def test_a_unit_of_the_network_is_two_of_scikit_learn():
    moons = Moons(Moons.Options(train=10, draw=3, noise=0.1)).read().train
    points, labels = make_moons(10, noise=0.1, random_state=2_032)
    np.testing.assert_allclose(2 * moons.pixels.flatten(1).numpy() + [0.5, 0.25], points, atol=1e-6)
    assert moons.labels.tolist() == labels.tolist()
    circles = Circles(Circles.Options(test=10, factor=0.3)).read().test
    points, labels = make_circles(10, noise=0.05, factor=0.3, random_state=2_027)
    np.testing.assert_allclose(2 * circles.pixels.flatten(1).numpy(), points, atol=1e-6)
    assert circles.labels.tolist() == labels.tolist()


@pytest.fixture
def run(cli, tmp_path, monkeypatch):
    """Two short epochs of GEDI on moons."""
    monkeypatch.chdir(tmp_path)
    few = ["data.train=400", "data.test=100", "method.sample_steps=1"]
    code, _, err = cli("train", "toys/moons", "--run-id", "r", "training.epochs=2", *few)
    assert code == 0, err
    return tmp_path / "runs" / "moons" / "r"


def test_a_run_on_points_has_numbers_and_a_report_but_no_pictures(run):
    results = json.loads((run / "results.json").read_text())
    assert 0 <= results["numbers"]["classification"]["nmi"] <= 1
    assert (run / "report.html").is_file() and not (run / "samples").exists()


def test_commands_about_pictures_say_that_there_are_none(run, cli, tmp_path):
    code, _, err = cli("sample", run)
    assert code and "points, not pictures" in err
    code, _, err = cli("predict", run, tmp_path / "image.png")
    assert code and "points, not pictures" in err
