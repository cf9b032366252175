"""Fréchet distances of generated images: small for images like the test images, large for others."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.evaluators.frechet import Fid, FrechetClassifier
from torch import nn

from gedi_nesy import ConfigError
from gedi_nesy.data.dataset import to_unit_range
from gedi_nesy.models import fid_inception


class Replay(nn.Module):
    """Samples are images of a data set, moved towards grey by a factor."""

    def __init__(self, pixels, factor=1.0):
        super().__init__()
        self.pixels, self.factor = pixels, factor

    def sample(self, count, generator):
        rows = torch.randint(len(self.pixels), (count,), generator=generator)
        return to_unit_range(self.pixels[rows]) * self.factor

    def encode(self, images):
        return images.flatten(1)

    def decode(self, latents):
        return latents.view(-1, 1, 2, 2).clamp(-1, 1)


def evaluate(method, task, **options):
    evaluator = FrechetClassifier(FrechetClassifier.Options(**({"count": 600, "classifier_epochs": 40} | options)))
    evaluator.check(method, task)
    return evaluator.evaluate(method, task)


@pytest.fixture
def many(labelled_task):
    return labelled_task(torch.arange(400) % 4, torch.arange(400) % 4)


def test_images_like_the_test_images_are_near_and_others_far(many):
    good, bad = (evaluate(Replay(many.dataset.train.pixels, factor), many) for factor in (1.0, 0.2))
    assert good.numbers["frechet_classifier"] < 0.1 * bad.numbers["frechet_classifier"]
    of_training = "frechet_classifier_of_training_images"
    assert good.numbers[of_training] == bad.numbers[of_training] < good.numbers["frechet_classifier"] * 5 + 0.1
    assert good.numbers["frechet_classifier_accuracy"] > 0.8
    assert set(good.definitions) == set(good.numbers)
    assert "no FID" in good.definitions["frechet_classifier"]


def test_images_of_fitted_gaussians_are_a_source(many):
    found = evaluate(Replay(many.dataset.train.pixels), many, source="class_conditional")
    assert "600 images decoded from Gaussians fitted" in found.definitions["frechet_classifier"]


def test_what_cannot_be_generated_is_said_before_training(flat, forty):
    assert FrechetClassifier(FrechetClassifier.Options()).needs() == ("sample",)
    assert FrechetClassifier(FrechetClassifier.Options(source="class_conditional")).needs() == ()
    with pytest.raises(ConfigError, match="with source: class_conditional needs decode"):
        evaluate(flat(), forty, source="class_conditional")


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ([0], [0, 1], "needs at least 2 training images, and there is 1"),
        ([0, 1], [0], "needs at least 2 test images, and there is 1"),
        ([0, -1], [0, 1], "needs classes of at least 2 training images, and 1 is known"),
    ],
)
def test_too_few_images_are_said_before_training(labelled_task, train, test, message):
    task = labelled_task(train, test)
    with pytest.raises(ConfigError, match=f"the evaluator frechet_classifier {message}"):
        evaluate(Replay(task.dataset.train.pixels), task)


def test_fid_without_its_weights_is_an_error_before_training(forty, tmp_path):
    evaluator = Fid(Fid.Options(weights=str(tmp_path / "none.pth")))
    with pytest.raises(ConfigError, match=r"none\.pth\. FID needs pt_inception-2015-12-05-6726825d\.pth"):
        evaluator.check(Replay(forty.dataset.train.pixels), forty)


def test_fid_is_the_distance_on_inception_features(forty, tmp_path, monkeypatch):
    monkeypatch.setattr("gedi_nesy_plugins.evaluators.frechet.find_weights", lambda weights: tmp_path / weights)
    monkeypatch.setattr(
        "gedi_nesy_plugins.evaluators.frechet.load_inception", lambda file: nn.Sequential(nn.Flatten(), nn.Identity())
    )
    monkeypatch.setattr(fid_inception, "SIZE", 2)
    evaluator = Fid(Fid.Options(weights="any", count=50))
    evaluator.check(method := Replay(forty.dataset.test.pixels), forty)
    found = evaluator.evaluate(method, forty)
    assert set(found.numbers) == {"fid", "fid_of_training_images"} and found.numbers["fid"] < 1
    assert "Inception v3 (FID)" in found.definitions["fid"]
