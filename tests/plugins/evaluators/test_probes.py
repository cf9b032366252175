"""Probes follow the papers' protocols and are trained on training images alone."""

from __future__ import annotations

import math

import pytest
import torch
from gedi_nesy_plugins.evaluators.probes import PROTOCOLS, LinearProbe, MlpProbe
from torch import nn

from gedi_nesy import ConfigError, Options, PluginError, View
from gedi_nesy.data.dataset import ImageDataset, Images
from gedi_nesy.evaluation.components import Named
from gedi_nesy.evaluators import EvaluatorContext
from gedi_nesy.registry import Registrar, Registry

QUICK = {"optimizer": "adam", "learning_rate": 0.05, "epochs": 30, "batch_size": 10}


def evaluate(kind, method, task, seed=0, **options):
    evaluator = kind(kind.Options(**options), EvaluatorContext(seed=seed))
    evaluator.check(method, task)
    return evaluator.evaluate(method, task)


@pytest.mark.parametrize(
    "protocol, text",
    [
        ("simvae", "adam 0.0003, 200 epochs, batch 128"),
        ("gedi", "sgd 0.001, momentum 0.9, 100 epochs, batch 100"),
        ("aavae", "sgd 0.1, cosine, momentum 0.9 (Nesterov), 90 epochs, batch 256"),
    ],
)
def test_protocols_are_those_of_the_papers(protocol, text):
    assert str(LinearProbe.Options(protocol=protocol).training) == text


def test_an_option_changes_its_part_of_the_protocol_only():
    training = LinearProbe.Options(protocol="aavae", epochs=3, weight_decay=0.1).training
    assert training == PROTOCOLS["aavae"].model_copy(update={"epochs": 3, "weight_decay": 0.1})


@pytest.mark.parametrize(
    "kind, name, options", [(LinearProbe, "linear_probe", {}), (MlpProbe, "mlp_probe", {"hidden": 16})]
)
def test_separable_features_are_learned(kind, name, options, flat, forty):
    found = evaluate(kind, flat(), forty, **options, **QUICK)
    assert found.numbers == {name: 1.0, f"{name}_train": 1.0}
    assert (
        "40 labelled training images" in found.definitions[name] and "adam 0.05, 30 epochs" in found.definitions[name]
    )


def test_the_hidden_layer_learns_what_a_line_cannot(labelled_task):
    """Two classes that are each other's mirror image: the sign of a product."""

    class Product(nn.Module):
        def embed(self, images):
            return images.flatten(start_dim=1)[:, :2] * 4

    task = labelled_task([0, 1], [0, 1])
    pixels = torch.randint(0, 256, (400, 1, 2, 2), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    corners = pixels.flatten(start_dim=1)[:, :2] > 127
    images = Images(pixels, (corners[:, 0] ^ corners[:, 1]).long())
    task.dataset = ImageDataset(images, images, ("a", "b"))
    line = evaluate(LinearProbe, Product(), task, **QUICK).numbers["linear_probe"]
    assert line < 0.7 < 0.95 < evaluate(MlpProbe, Product(), task, hidden=16, **QUICK).numbers["mlp_probe"]


def test_hidden_neurons_are_as_many_as_features_by_default(flat):
    widths = [
        [
            layer.out_features
            for layer in MlpProbe(MlpProbe.Options(hidden=hidden)).network(7, 3)
            if hasattr(layer, "bias")
        ]
        for hidden in (None, 5)
    ]
    assert widths == [[7, 3], [5, 3]]


def test_features_are_scaled_only_when_asked(flat, forty):
    """Features of a millionth of the size: out of reach of the rate as they are."""
    small = flat(1e-6)
    assert evaluate(LinearProbe, small, forty, **QUICK).numbers["linear_probe"] < 0.9
    found = evaluate(LinearProbe, small, forty, standardise=True, **QUICK)
    assert found.numbers["linear_probe"] == 1.0 and "features standardised" in found.definitions["linear_probe"]


def test_a_probe_that_diverges_is_not_a_number_and_says_why(flat, forty):
    found = evaluate(LinearProbe, flat(1e10), forty, optimizer="sgd", learning_rate=1e30)
    assert math.isnan(found.numbers["linear_probe"]) and math.isnan(found.numbers["linear_probe_train"])
    assert "a probe diverged" in found.definitions["linear_probe"]


def test_test_labels_change_nothing_but_the_accuracy(flat, forty):
    right = evaluate(LinearProbe, flat(), forty, **QUICK).numbers
    data = forty.dataset
    forty.dataset = ImageDataset(data.train, Images(data.test.pixels, (data.test.labels + 1) % 4), data.classes)
    wrong = evaluate(LinearProbe, flat(), forty, **QUICK).numbers
    assert wrong["linear_probe"] == 0.0 and wrong["linear_probe_train"] == right["linear_probe_train"]


def test_the_method_stays_as_it_is(forty):
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Flatten(), nn.Linear(4, 6), nn.BatchNorm1d(6))

        def embed(self, images):
            return self.layers(images)

    method = Network().eval()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    evaluate(LinearProbe, method, forty, **QUICK)
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
    assert not any(parameter.grad is not None for parameter in method.parameters())


def test_a_run_s_seed_gives_the_same_probe(flat, labelled_task):
    task = labelled_task(torch.arange(80) % 4, torch.arange(200) % 4, noise=100)
    first, again, other = (
        evaluate(LinearProbe, flat(), task, seed, epochs=2, batch_size=8).numbers for seed in (0, 0, 1)
    )
    assert first == again != other


@pytest.mark.parametrize("kind", [LinearProbe, MlpProbe])
def test_without_labels_it_says_so(kind, flat, labelled_task):
    with pytest.raises(ConfigError, match=f"the evaluator {kind.NAME} needs classes of test images"):
        evaluate(kind, flat(), labelled_task([0, 1], [-1, -1]))


class Noted(View):
    """Does nothing, and notes how many images it saw."""

    seen = []

    class Options(Options):
        padding: int = 0
        border: str = "black"

    def __call__(self, images, generator):
        self.seen.append(len(images))
        return images


@pytest.mark.parametrize(
    "options, times",
    [({"protocol": "aavae"}, 2 * 3), ({"protocol": "aavae", "views": ()}, 0), ({"protocol": "simvae"}, 0)],
)
def test_aavae_s_protocol_sees_training_images_anew_in_each_epoch(options, times, flat, forty):
    registry = Registry()
    for name in ("random_crop", "horizontal_flip"):
        Registrar(registry, "test").add_view(name, Noted)
    Noted.seen.clear()
    evaluator = LinearProbe(LinearProbe.Options(epochs=3, **options), EvaluatorContext(registry))
    evaluator.check(flat(), forty)
    found = evaluator.evaluate(flat(), forty)
    assert Noted.seen == [40] * times
    assert ("seen anew in each epoch" in found.definitions["linear_probe"]) == bool(times)


def test_a_view_that_is_not_registered_is_an_error_before_training(flat, forty):
    evaluator = LinearProbe(LinearProbe.Options(views=(Named(name="shake"),)), EvaluatorContext())
    with pytest.raises(PluginError, match="shake"):
        evaluator.check(flat(), forty)
