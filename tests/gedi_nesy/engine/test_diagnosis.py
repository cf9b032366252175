"""The failures of clustering are named when they are there and not when they are not."""

from __future__ import annotations

import math

import pytest
import torch

from gedi_nesy.config.loader import load_tree
from gedi_nesy.config.validate import validate
from gedi_nesy.engine.build import build_run
from gedi_nesy.engine.diagnosis import Health, diagnose, examine, find_failures
from gedi_nesy.engine.run_folder import RunFolder
from gedi_nesy.models.mode import evaluating
from gedi_nesy.plugin_manager import load_plugins
from gedi_nesy.types import Term


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


@pytest.mark.parametrize("value", [1.0, 0.0])
def test_one_point_for_all_images_is_a_representation_collapse(run, value):
    diagnosis = look(run, lambda images: torch.full((len(images), 4), value), bars)
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


def health(embed, probabilities, pixels, last=()):
    """Views as the images are; those of the last pipeline transformed."""
    method = Fixed(embed, lambda images: probabilities(images).log())
    return examine(method, pixels, [(), (), last], torch.Generator())


def two_kinds(images):
    """Certain of class 0 for dark images; torn between 0 and 1, a little more for 1, for bright ones."""
    is_bright = (images.mean(dim=(1, 2, 3)) > 0)[:, None]
    return torch.where(is_bright, torch.tensor([0.4, 0.6, 1e-9]), torch.tensor([1.0, 1e-9, 1e-9]))


def test_the_spread_is_the_deviation_of_each_feature_over_the_size_of_all():
    pixels = torch.randint(0, 256, (40, 1, 2, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    scales = torch.tensor([1.0, 5.0, 0.1, 2.0, 3.0, 0.0])
    found = health(lambda images: images.flatten(1) * scales + 3, two_kinds, pixels).spread
    rows = (pixels.flatten(1).double() / 127.5 - 1) * scales + 3
    variances = [sum((rows[i, j] - rows[:, j].mean()) ** 2 for i in range(40)) / 40 for j in range(6)]
    assert found == pytest.approx(math.sqrt(sum(variances) / 6 / float(rows.square().mean())), rel=1e-5)


def test_classes_in_use_are_those_of_the_mean_probabilities_or_of_the_chosen_classes_if_fewer():
    half = torch.tensor([0, 255], dtype=torch.uint8).repeat(10)[:, None, None, None].expand(-1, 1, 2, 2)
    found = health(lambda images: images.flatten(1), two_kinds, half)
    # Each class is chosen for half of the images, and the mean is (0.7, 0.3).
    assert found.used_classes == pytest.approx(math.exp(-0.7 * math.log(0.7) - 0.3 * math.log(0.3)), rel=1e-5)
    assert found.confidence == pytest.approx((1.0 + 0.6) / 2)
    bright = health(lambda images: images.flatten(1), two_kinds, half[1::2])
    assert bright.used_classes == pytest.approx(1.0), "0.4 and 0.6 are nearly balanced, and class 1 is always chosen"


def test_views_of_the_first_and_the_last_pipeline_are_compared():
    dark = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
    same, other = (
        health(lambda images: images.flatten(1), two_kinds, dark, last)
        for last in ((), (lambda images, generator: -images,))
    )
    assert (same.disagreement, other.disagreement) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("health", "distances", "failure"),
    [
        (Health(0.011, 3.0, 0.8, 0.24), {}, None),
        (Health(0.009, 3.0, 0.8, 0.24), {}, "representation collapse"),
        (Health(0.011, 3.0, 0.8, 0.26), {}, "label inconsistency"),
        (Health(0.011, 3.0, 0.91, 0.0), {"inv": 0.51 * math.log(4)}, "label inconsistency"),
        (Health(0.011, 3.0, 0.89, 0.0), {"inv": 0.51 * math.log(4)}, None),
        (Health(0.011, 3.0, 0.91, 0.0), {"inv": 0.49 * math.log(4)}, None),
        (Health(None, None, None, None), {"inv": 9.0}, None),
    ],
)
def test_failures_begin_at_their_thresholds(health, distances, failure):
    assert list(find_failures(health, distances, 4)) == ([failure] if failure else [])


def test_a_term_that_is_hardly_better_than_guessing_is_not_learned(run):
    """A third of the way from guessing to the minimum is at 2.33."""
    run.terms = {"nesy": Term("", 1.0, chance=3.0), "prior": Term("", 0.0)}
    learned, guessed = (
        look(run, lambda images: images.flatten(1), bars, {"nesy": value, "prior": 9.0}) for value in (2.3, 2.4)
    )
    assert learned.failures == ()
    assert guessed.failures == ("not learned: nesy is 2.40, guessing gives 3.00",)
