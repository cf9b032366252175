"""Fréchet distances between generated images and test images: the published FID, and one on a classifier of the run's own data."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float, UInt8
from pydantic import Field, field_validator
from torch import Tensor

from gedi_nesy import ConfigError, Evaluation, Evaluator, Method, Options, Task
from gedi_nesy.evaluation.features import need_labels, need_two
from gedi_nesy.evaluation.frechet import Moments, frechet_distance, moments
from gedi_nesy.evaluation.reconstruction import require_latents
from gedi_nesy.evaluation.sampling import Source, generated
from gedi_nesy.evaluation.small_classifier import SmallClassifier, train_classifier
from gedi_nesy.evaluators import CHUNK
from gedi_nesy.models.fid_inception import find_weights, inception_features, load_inception

Pixels = UInt8[Tensor, "images channels height width"]
Features = Callable[[Pixels], Float[Tensor, "images features"]]
SOURCES: dict[Source, str] = {
    "sample": "samples of the method",
    "class_conditional": "images decoded from Gaussians fitted to the training latents of each class",
}


class _Frechet(Evaluator):
    """What both distances do."""

    NAME: ClassVar[str]

    class Options(Options):
        count: Annotated[int, Field(gt=1)] = 10_000
        """Images to generate; the distance falls with their number, so compare equal ones only."""
        source: Source = "sample"
        """class_conditional: as SimVAE 2023 generates them, appendix A.4.5."""

    options: Options

    @abstractmethod
    def _measure(self, task: Task) -> tuple[Features, str, dict[str, tuple[float, str]]]:
        """Features of images, what they are, and further numbers with their definitions."""

    def needs(self) -> tuple[str, ...]:
        """Samples, unless images are decoded."""
        return ("sample",) if self.options.source == "sample" else ()

    def check(self, method: Method, task: Task) -> None:
        """The method can generate images, and there are enough of both splits for a covariance."""
        need_two(task.dataset.train, "training", f"the evaluator {self.NAME}")
        need_two(task.dataset.test, "test", f"the evaluator {self.NAME}")
        if self.options.source != "sample":
            require_latents(method, f"the evaluator {self.NAME} with source: class_conditional")
            need_labels(task.dataset, f"the evaluator {self.NAME} with source: class_conditional")

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """The distance of generated images from test images, and that of training images beside it."""
        features, what, others = self._measure(task)
        train, test = task.dataset.train, task.dataset.test
        chance = self.context.generator(self.NAME, test.pixels.device)
        real = _moments(features, test.pixels)
        made = moments(features, generated(method, self.options.source, train, self.options.count, chance))
        numbers = {
            self.NAME: frechet_distance(real, made),
            f"{self.NAME}_of_training_images": frechet_distance(real, _moments(features, train.pixels)),
        }
        definitions = {
            self.NAME: f"Fréchet distance between {self.options.count} {SOURCES[self.options.source]} and {len(test)} test images "
            f"on {what}",
            f"{self.NAME}_of_training_images": f"the same between {len(train)} training images and the test images: what real "
            "images have",
        }
        numbers |= {name: value for name, (value, _) in others.items()}
        return Evaluation(numbers, definitions | {name: text for name, (_, text) in others.items()})


class Fid(_Frechet):
    """The Fréchet Inception distance, on the features of the one network that published numbers use.

    Protocol: Heusel et al. 2017, with the weights that pytorch-fid and torch-fidelity use, no others: see
    `gedi_nesy/models/fid_inception.py`. Images are resized as pytorch-fid does; TensorFlow's own resizing differs by half a pixel.
    Grey images are repeated to three channels. Statistics of the images beside it are those of the test split, all of it.
    Chance: the samples, drawn from the run's seed.
    """

    NAME = "fid"

    class Options(_Frechet.Options):
        weights: str | None = None
        """File of the Inception weights; looked for in torch's cache folder by default."""

        @field_validator("weights")
        @classmethod
        def _absolute(cls, weights: str | None) -> str | None:
            # A run folder must find it from any working folder.
            return None if weights is None else str(Path(weights).expanduser().resolve())

    options: Options

    def lacking(self) -> str | None:
        """The weights, where they are not."""
        try:
            find_weights(self.options.weights)
        except ConfigError as error:
            return error.message
        return None

    def check(self, method: Method, task: Task) -> None:
        """The weights are there, and they are the right ones."""
        super().check(method, task)
        find_weights(self.options.weights)

    def _measure(self, task: Task) -> tuple[Features, str, dict[str, tuple[float, str]]]:
        network = load_inception(find_weights(self.options.weights)).to(task.dataset.test.pixels.device)
        return partial(inception_features, network), "2048 features of TensorFlow's Inception v3 (FID)", {}


class FrechetClassifier(_Frechet):
    """The same distance on the features of a small classifier trained on the labels of the run's training split. It is no FID.

    For digits and other small images, which Inception was never meant for, and where its weights are not at hand. The classifier
    depends on the data and on `classifier_seed` alone, so runs on the same data can be compared.
    Chance: the samples, drawn from the run's seed; the classifier, from its own.
    """

    NAME = "frechet_classifier"

    class Options(_Frechet.Options):
        classifier_seed: int = 0
        """Of its weights and its order of images."""
        classifier_epochs: Annotated[int, Field(gt=0)] = 5

    options: Options

    def check(self, method: Method, task: Task) -> None:
        """The classifier has labels to learn from."""
        super().check(method, task)
        need_labels(task.dataset, f"the evaluator {self.NAME}", training=2)

    def _measure(self, task: Task) -> tuple[Features, str, dict[str, tuple[float, str]]]:
        dataset = task.dataset
        classifier, accuracy = train_classifier(
            dataset.train, len(dataset.classes), self.options.classifier_epochs, self.options.classifier_seed
        )
        what = (
            f"the {SmallClassifier.FEATURES} features of a classifier of the training images, "
            f"seed {self.options.classifier_seed}; no FID"
        )
        meaning = "accuracy of that classifier on a tenth of the training images that it has not seen"
        return classifier.features, what, {f"{self.NAME}_accuracy": (accuracy, meaning)}


def _moments(features: Features, pixels: Pixels) -> Moments:
    return moments(features, torch.split(pixels, CHUNK))
