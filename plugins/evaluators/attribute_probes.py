"""Attributes: how much of what a data set says about its images, beside the class, their embeddings tell."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from jaxtyping import Int
from pydantic import Field
from torch import Tensor

from gedi_nesy import ConfigError, DivergenceError, Evaluation, Evaluator, Method, Task
from gedi_nesy.data.dataset import Images
from gedi_nesy.errors import did_you_mean
from gedi_nesy.evaluation.features import Labelled, standardiser
from gedi_nesy.evaluation.many_probes import ManyProbes, accuracies, sum_of_losses
from gedi_nesy.evaluation.probes import fit_network

from .probes import TrainingOptions

BINARY = 2


class AttributeProbes(Evaluator):
    """A probe for each attribute of the data set on frozen embeddings, trained side by side with labels of the training split.

    Protocol: SimVAE 2024, section 7 and figure 5: MLP probes (Adam 3e-4, 200 epochs, batch 128) for hair colour and for 20 of CelebA's 40
    attributes, "removing those with high-class imbalance". The paper does not name them; ours are the 20 whose values are nearest to
    half and half on the training split, and every attribute with more than two values. Weights of the last epoch count.
    Beside each accuracy stands that of always guessing the training split's commonest value.
    Chance: weights and order, drawn from the run's seed.
    """

    REQUIRES = ("embed",)

    class Options(TrainingOptions):
        attributes: tuple[str, ...] | None = None
        """Their names; by default the `balanced` most balanced ones with two values, and all with more."""
        balanced: Annotated[int, Field(gt=0)] = 20
        """How many attributes with two values."""
        probe: Literal["mlp", "linear"] = "mlp"
        """mlp: a hidden layer as wide as the features."""
        standardise: bool = False
        """As in linear_probe."""

    options: Options

    def check(self, method: Method, task: Task) -> None:
        """The data set has the attributes, and one to tell anything of."""
        known = task.dataset.train.attributes
        if not known:
            raise ConfigError(
                "the evaluator attribute_probes needs a data set with attributes, such as celeba, and this one has none. "
                "For drawn digits take style_probes, which measures them",
                key="evaluators",
            )
        for name in self.options.attributes or ():
            if name not in known:
                raise ConfigError(
                    f'the evaluator attribute_probes: no attribute "{name}".{did_you_mean(name, known)} Known: {", ".join(known)}',
                    key="evaluators",
                )
        if not self._names(task):
            raise ConfigError(
                f"the evaluator attribute_probes: no attribute has two values among the training images: {', '.join(known)}. "
                "Choose data with more, or leave the evaluator out",
                key="evaluators",
            )

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Accuracy of each attribute, and its mean over those with two values."""
        dataset = task.dataset
        names = self._names(task)
        labels = _table(dataset.train, names)
        num_values = [max(int(column.max()) + 1, 1) for column in labels.unbind(dim=1)]
        found = self._accuracies(method, dataset.train, dataset.test, names, num_values)
        guesses = _guesses(labels, _table(dataset.test, names))
        how = f"a {self.options.probe} probe trained on {len(labels)} training images, {self.options.training}, last epoch"
        numbers = dict(zip(names, found, strict=True))
        definitions = {name: f"accuracy of the attribute on test images by {how}" for name in names}
        binary = [value for value, count in zip(found, num_values, strict=True) if count == BINARY]
        if binary:
            numbers["mean_of_binary"] = sum(binary) / len(binary)
            definitions["mean_of_binary"] = f"mean of those of the {len(binary)} attributes with two values"
        rows = zip(names, num_values, found, guesses, strict=True)
        table = [
            {"attribute": name, "values": count, "accuracy": value, "guessing": guess}
            for name, count, value, guess in rows
        ]
        return Evaluation(numbers, definitions, {"attributes": table})

    def _names(self, task: Task) -> tuple[str, ...]:
        """The attributes to learn."""
        return self.options.attributes or _most_balanced(task.dataset.train, self.options.balanced)

    def _accuracies(
        self, method: Method, train: Images, test: Images, names: tuple[str, ...], num_values: list[int]
    ) -> list[float]:
        seen, other = (
            Labelled(self.context.embeddings.of(method, images.pixels), _table(images, names))
            for images in (train, test)
        )
        if self.options.standardise:
            scale = standardiser(seen)
            seen, other = scale(seen), scale(other)
        num_features = seen.features.shape[1]
        hidden = num_features if self.options.probe == "mlp" else None
        try:
            probes = fit_network(
                lambda: ManyProbes(num_features, num_values, hidden),
                lambda: (seen.features, seen.labels),
                sum_of_losses,
                self.options.training,
                self.context.generator("attribute_probes"),
            )
        except DivergenceError:
            return [math.nan] * len(names)
        logits = torch.cat([probes(features) for features, _ in other.batches(self.options.training.batch_size)])
        return [float(value) for value in accuracies(logits, other.labels)]


def _table(images: Images, names: tuple[str, ...]) -> Int[Tensor, "images attributes"]:
    return torch.stack([images.attributes[name] for name in names], dim=1)


def _most_balanced(train: Images, count: int) -> tuple[str, ...]:
    """The binary attributes nearest to half and half, in the data set's order, and all others with more values."""
    means = {
        name: float(values[values >= 0].double().mean())
        for name, values in train.attributes.items()
        if int(values.max()) == BINARY - 1
    }
    nearest = sorted(means, key=lambda name: abs(means[name] - 0.5))[:count]
    return tuple(name for name, values in train.attributes.items() if name in nearest or int(values.max()) >= BINARY)


def _guesses(train: Int[Tensor, "images attributes"], test: Int[Tensor, "other attributes"]) -> list[float]:
    """Accuracy on test images of the training images' commonest value."""
    pairs = zip(train.unbind(dim=1), test.unbind(dim=1), strict=True)
    return [
        float((other[other >= 0] == torch.bincount(own[own >= 0], minlength=1).argmax()).double().mean())
        for own, other in pairs
    ]
