"""The failures of clustering are named when they are there and not when they are not."""

from __future__ import annotations

import pytest
import torch

from gedi_nesy.config.loader import load_tree
from gedi_nesy.config.validate import validate
from gedi_nesy.engine.build import build_run
from gedi_nesy.engine.diagnosis import Health, diagnose, find_failures
from gedi_nesy.engine.run_folder import RunFolder
from gedi_nesy.models.mode import evaluating
from gedi_nesy.plugin_manager import load_plugins


@pytest.fixture
def run(tiny_config):
    plugins = load_plugins()
    return build_run(validate(load_tree(str(tiny_config)), plugins), plugins, RunFolder(tiny_config.parent / "r"))


class Fixed(torch.nn.Module):
    """A method whose outputs are given as functions of the images."""

    def __init__(self, embed, class_log_probs):
        super().__init__()
        self.embed, self.class_log_probs = embed, class_log_probs

    def terms(self):
        return {}


def look(run, embed, probabilities, terms=None):
    run.method = Fixed(embed, lambda images: probabilities(images).clamp_min(1e-9).log())
    with evaluating(run.method):
        return diagnose(run, terms or {})


def bars(images):
    """The right class of every image of the test data set, as one-hot probabilities."""
    rows, columns = images[:, 0].mean(dim=2), images[:, 0].mean(dim=1)
    scores = torch.cat(
        [rows, columns[:, :2].mean(dim=1, keepdim=True), columns[:, 4:6].mean(dim=1, keepdim=True)], dim=1
    )
    return torch.nn.functional.one_hot(scores.argmax(dim=1), 10).float()


def test_a_good_clustering_has_no_failure(run):
    diagnosis = look(run, lambda images: images.flatten(1), bars)
    assert diagnosis.failures == () and diagnosis.disagreement == 0 and diagnosis.used_classes > 8


def test_one_point_for_all_images_is_a_representation_collapse(run):
    diagnosis = look(run, lambda images: torch.ones(len(images), 4), bars)
    assert [failure.split(":")[0] for failure in diagnosis.failures] == ["representation collapse"]
    assert diagnosis.spread == 0


def test_one_class_for_all_images_is_a_cluster_collapse(run):
    diagnosis = look(run, lambda images: images.flatten(1), lambda images: torch.eye(10)[:1].expand(len(images), -1))
    assert diagnosis.failures == ("cluster collapse: 1.0 of 10 classes in use",)


def test_classes_that_change_with_the_view_are_label_inconsistent(run):
    def by_noise(images):
        return torch.nn.functional.one_hot((images.sum(dim=(1, 2, 3)) * 1e4).long() % 10, 10).float()

    diagnosis = look(run, lambda images: images.flatten(1), by_noise)
    assert len(diagnosis.failures) == 1 and diagnosis.failures[0].startswith("label inconsistency: two views")


def test_a_confident_inv_far_above_its_minimum_is_label_inconsistent(run):
    run.minima = {"inv": 0.0}
    diagnosis = look(run, lambda images: images.flatten(1), bars, {"inv": 2.0})
    assert diagnosis.distances == {"inv": 2.0}
    assert diagnosis.failures == ("label inconsistency: inv is 2.00 above its minimum while predictions are confident",)


def test_the_images_looked_at_are_of_all_classes_and_always_the_same(run):
    seen = []

    def embed(images):
        seen.append(images)
        return images.flatten(1)

    look(run, embed, bars)
    look(run, embed, bars)
    assert torch.equal(seen[0], seen[1]) and bars(seen[0]).sum(dim=0).min() > 0


def test_distances_are_measured_from_the_known_minima(run):
    diagnosis = diagnose(run, {"nesy": 0.5, "prior": -2.0, "gen": 3.0})
    assert diagnosis.distances == {"nesy": 0.5, "prior": pytest.approx(-2.0 + 2.302585)}


@pytest.mark.parametrize(("used", "fails"), [(1.0, True), (1.4, True), (1.6, False), (2.0, False)])
def test_of_two_classes_one_can_collapse(used, fails):
    found = find_failures(Health(spread=1.0, used_classes=used, confidence=1.0, disagreement=0.0), {}, 2)
    assert found == ({"cluster collapse": f"cluster collapse: {used} of 2 classes in use"} if fails else {})


@pytest.mark.parametrize(("confidence", "classes", "fails"), [(0.51, 2, True), (0.6, 2, False), (0.15, 10, True)])
def test_predictions_that_are_a_guess_are_label_inconsistent(confidence, classes, fails):
    found = find_failures(Health(1.0, float(classes), confidence, disagreement=0.2), {}, classes)
    text = f"label inconsistency: class probabilities are a guess, {confidence} for the best of {classes} classes"
    assert found == ({"label inconsistency": text} if fails else {})
