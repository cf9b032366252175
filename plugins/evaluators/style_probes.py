"""Style: how much of slant, orientation, thickness and size of a drawn image its embedding tells."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from gedi_nesy import ConfigError, DivergenceError, Evaluation, Evaluator, Method, Task
from gedi_nesy.data.dataset import Images
from gedi_nesy.evaluation.features import Labelled, accuracy, need_labels, standardiser
from gedi_nesy.evaluation.probes import fit_network, train_probe
from gedi_nesy.evaluation.regression import explained, least_squares
from gedi_nesy.evaluation.strokes import ATTRIBUTES, measure_strokes

from .probes import TrainingOptions

Values = dict[str, Float[Tensor, "images parts"]]


class StyleProbes(Evaluator):
    """Slant, orientation, thickness, width and height of each image are measured from its pixels, and predicted from its embedding.

    They are what views of digits change and classes do not: methods that draw views together lose them (SimVAE 2024, section 7 and
    figures 3 and 4, which show it by reconstructions and, on CelebA, by attributes; the measures for digits are ours, defined in
    `gedi_nesy/evaluation/strokes.py`). Each has the R^2 of a linear regression (least squares, nothing to tune) and of a network with one
    hidden layer as wide as the features, trained on all of them at once as the MLP probe is, by SimVAE's protocol unless another is
    chosen; the accuracy of the class by the same kind of network stands beside them. Features and targets are standardised by the
    training split. Nothing is chosen.
    Chance: weights and order, drawn from the run's seed.
    """

    REQUIRES = ("embed",)

    class Options(TrainingOptions):
        """Those of a probe's training."""

    options: Options

    def check(self, method: Method, task: Task) -> None:
        """Images are grey, and some of both splits have classes."""
        if task.dataset.shape[0] != 1:
            raise ConfigError(
                f"the evaluator style_probes measures bright strokes in grey images, and these have {task.dataset.shape[0]} channels. "
                "Where the data set says what is in its images, take attribute_probes",
                key="evaluators",
            )
        need_labels(task.dataset, "the evaluator style_probes")

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """R^2 of each measure by both kinds of probe, and the accuracy of the class."""
        (train, train_values), (test, test_values) = (
            self._seen(method, images) for images in (task.dataset.train, task.dataset.test)
        )
        scale = standardiser(train)
        train, test = scale(train), scale(test)
        numbers: dict[str, float] = {}
        for kind, predicted in self._predictions(train.features, train_values, test.features):
            numbers |= {f"{name}_{kind}_r2": explained(predicted[name], test_values[name]) for name in ATTRIBUTES}
        numbers["class_mlp"] = self._class_accuracy(train, test, len(task.dataset.classes))
        return Evaluation(numbers, self._definitions(len(train), len(test)), {"style": _table(numbers)})

    def _seen(self, method: Method, images: Images) -> tuple[Labelled, Values]:
        """Embeddings and measures of the images that show anything."""
        values = measure_strokes(images.pixels)
        visible = torch.cat(list(values.values()), dim=1).isfinite().all(dim=1)
        features = self.context.embeddings.of(method, images.pixels)
        return Labelled(features, images.labels).at(visible), {name: value[visible] for name, value in values.items()}

    def _predictions(
        self, train: Float[Tensor, "images features"], values: Values, test: Float[Tensor, "other features"]
    ) -> Iterator[tuple[Literal["linear", "mlp"], Values]]:
        """The test images' measures as each kind of probe has them."""
        parts = [value.shape[1] for value in values.values()]
        targets = torch.cat(list(values.values()), dim=1)
        yield "linear", dict(zip(values, torch.split(least_squares(train, targets, test), parts, dim=1), strict=True))
        mean, deviation = targets.mean(dim=0), targets.std(dim=0, correction=0).clamp(min=1e-6)
        scaled = (targets - mean) / deviation
        try:
            network = fit_network(
                lambda: _network(train.shape[1], scaled.shape[1]),
                lambda: (train, scaled),
                functional.mse_loss,
                self.options.training,
                self.context.generator("style_probes"),
            )
            predicted = network(test).detach() * deviation + mean
        except DivergenceError:
            predicted = torch.full((len(test), sum(parts)), torch.nan, device=test.device)
        yield "mlp", dict(zip(values, torch.split(predicted, parts, dim=1), strict=True))

    def _class_accuracy(self, train: Labelled, test: Labelled, num_classes: int) -> float:
        train, test = (data.at(data.labels >= 0) for data in (train, test))
        chance = self.context.generator("class of style_probes")
        try:
            probe = train_probe(
                lambda: _network(train.features.shape[1], num_classes), train, self.options.training, chance
            )
        except DivergenceError:
            return math.nan
        return accuracy(probe(test.features).argmax(dim=1), test.labels)

    def _definitions(self, num_train: int, num_test: int) -> dict[str, str]:
        how = {
            "linear": f"least squares on {num_train} training images",
            "mlp": f"a network with a hidden layer trained on {num_train} training images, {self.options.training}",
        }
        definitions = {
            f"{name}_{kind}_r2": f"share of the variance over {num_test} test images that standardised embeddings explain "
            f"by {text}, of the {meaning}"
            for kind, text in how.items()
            for name, meaning in ATTRIBUTES.items()
        }
        definitions["class_mlp"] = f"accuracy of the class on test images by {how['mlp']}, features standardised"
        return definitions


def _network(num_features: int, num_outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(num_features, num_features), nn.ReLU(), nn.Linear(num_features, num_outputs))


def _table(numbers: dict[str, float]) -> list[dict[str, float | str]]:
    """A row for each measure."""
    return [
        {"measure": name} | {kind: numbers[f"{name}_{kind}_r2"] for kind in ("linear", "mlp")} for name in ATTRIBUTES
    ]
