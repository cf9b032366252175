"""Probes: a linear layer or a small network trained with labels on frozen embeddings."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import AfterValidator, Field
from torch import nn

from gedi_nesy import DivergenceError, Evaluation, Evaluator, Method, Options, Task
from gedi_nesy.data.dataset import ImageDataset, Images
from gedi_nesy.data.views import View, make_views
from gedi_nesy.evaluation.components import Named, OtherData, distinct
from gedi_nesy.evaluation.features import Labelled, accuracy, known, labelled, need_labels, standardiser
from gedi_nesy.evaluation.probes import ProbeTraining, train_probe
from gedi_nesy.evaluators import CHUNK

from .transfer import read_other

PROTOCOLS = {
    # Bizeul and Allen 2023, appendix A.4.
    "simvae": ProbeTraining(optimizer="adam", learning_rate=3e-4, epochs=200, batch_size=128),
    # Sansone and Manhaeve 2024, table 10; the paper does not give the momentum.
    "gedi": ProbeTraining(optimizer="sgd", learning_rate=1e-3, epochs=100, batch_size=100, momentum=0.9),
    # AAVAE 2022, appendix A.1: the rate is 0.1 * batch / 256. Momentum and cosine are those of its code and of Chen et al. 2020.
    "aavae": ProbeTraining(
        optimizer="sgd", learning_rate=0.1, epochs=90, batch_size=256, momentum=0.9, nesterov=True, schedule="cosine"
    ),
}
# AAVAE's code crops and flips: CIFAR's small images by padding, larger ones by cutting out boxes of random size.
FLIP = Named(name="horizontal_flip")
SMALL_VIEWS = (Named.model_validate({"name": "random_crop", "padding": 4, "border": "reflect"}), FLIP)
LARGE_VIEWS = (Named(name="random_resized_crop"), FLIP)
LARGE = 48
Positive = Annotated[int, Field(gt=0)]


class TrainingOptions(Options):
    """How probes are trained."""

    protocol: Literal["simvae", "gedi", "aavae"] = "simvae"
    """Whose optimiser, rate, epochs and batch; each can be set by itself below."""
    optimizer: Literal["adam", "sgd"] | None = None
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    epochs: Positive | None = None
    batch_size: Positive | None = None
    weight_decay: Annotated[float, Field(ge=0)] | None = None

    @property
    def training(self) -> ProbeTraining:
        """The protocol with what was set by itself."""
        own = {name: value for name in ProbeTraining.model_fields if (value := getattr(self, name, None)) is not None}
        return PROTOCOLS[self.protocol].model_copy(update=own)


class _Probe(Evaluator):
    """What both probes do."""

    REQUIRES = ("embed",)
    OTHER_DATA = {"transfer": "training"}
    NAME: ClassVar[str]

    class Options(TrainingOptions):
        views: tuple[Named, ...] | None = None
        """Random transformations that training images go through anew in each epoch; the protocol's by default, none with []."""
        transfer: Annotated[tuple[OtherData, ...], AfterValidator(distinct)] = ()
        """Other data sets, such as [{name: fashion_mnist}], each with a probe of its own on its own training split."""
        standardise: bool = False
        """Scale each feature to mean 0 and deviation 1 over the training images; none of the three papers says that it does."""

    options: Options

    @abstractmethod
    def network(self, num_features: int, num_classes: int) -> nn.Module:
        """What is trained on the features."""

    def check(self, method: Method, task: Task) -> None:
        """Some images of both splits have classes, and views and other data sets are there."""
        need_labels(task.dataset, f"the evaluator {self.NAME}")
        self._views(task)
        for data in self.options.transfer:
            need_labels(self._read(data, task), f"the evaluator {self.NAME} on {data.name}")

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Accuracy on test images, and on the training images to see how far it was learned by heart."""
        numbers, definitions = self._on(method, task, task.dataset, "")
        for data in self.options.transfer:
            more = self._on(method, task, self._read(data, task), f"_on_{data.name}")
            numbers, definitions = numbers | more[0], definitions | more[1]
        return Evaluation(numbers, definitions)

    def _read(self, data: OtherData, task: Task) -> ImageDataset:
        return read_other(data, self.context, task, f"the evaluator {self.NAME}")

    def _views(self, task: Task) -> list[View]:
        """What training images go through."""
        chosen = self.options.views
        if chosen is None and self.options.protocol == "aavae":
            chosen = LARGE_VIEWS if task.dataset.shape[1] > LARGE else SMALL_VIEWS
        return [view.make("view", self.context.registry, f"the evaluator {self.NAME}") for view in chosen or ()]

    def _on(
        self, method: Method, task: Task, dataset: ImageDataset, suffix: str
    ) -> tuple[dict[str, float], dict[str, str]]:
        """Numbers and definitions for one data set."""
        train, test = (labelled(method, images, self.context.embeddings) for images in (dataset.train, dataset.test))
        scale = standardiser(train) if self.options.standardise else lambda data: data
        views, name = self._views(task), self.NAME + suffix
        redraw = self._redraw(method, dataset.train, views, scale) if views else None
        scores, outcome = self._trained(scale(train), scale(test), len(dataset.classes), redraw)
        how = (
            f"a probe trained on {len(train)} labelled training images{suffix.replace('_on_', ' of ')}, "
            f"{'seen anew in each epoch, ' if views else ''}"
            f"features {'standardised' if self.options.standardise else 'as they are'}, {self.options.training}"
        )
        return {name: scores[0], f"{name}_train": scores[1]}, {
            name: f"accuracy on test images of {how}, weights of the last epoch{outcome}",
            f"{name}_train": f"accuracy on its own training images of {how}{outcome}",
        }

    def _redraw(
        self, method: Method, train: Images, views: list[View], scale: Callable[[Labelled], Labelled]
    ) -> Callable[[], Labelled]:
        """Embeddings of random views of the training images, others at each call."""
        images, generator = known(train), self.context.generator(f"views of {self.NAME}", train.pixels.device)

        @torch.no_grad()
        def draw() -> Labelled:
            chunks = torch.split(images.pixels, CHUNK)
            features = [method.embed(make_views(chunk, [views], generator)[0]).float() for chunk in chunks]  # type: ignore[operator]
            return scale(Labelled(torch.cat(features), images.labels))

        return draw

    def _trained(
        self, train: Labelled, test: Labelled, num_classes: int, redraw: Callable[[], Labelled] | None
    ) -> tuple[list[float], str]:
        """Accuracy on test and training images, and what to say about it; not a number where the probe diverged."""
        try:
            probe = train_probe(
                lambda: self.network(train.features.shape[1], num_classes),
                train,
                self.options.training,
                self.context.generator(self.NAME),
                redraw,
            )
        except DivergenceError as error:
            return [math.nan, math.nan], f"; {error}"
        return [accuracy(probe(data.features).argmax(dim=1), data.labels) for data in (test, train)], ""


class LinearProbe(_Probe):
    """One linear layer on the embeddings, trained with the labels of the training split.

    Protocol: one of three papers', see `PROTOCOLS`. Nothing is chosen: the weights of the last epoch count, where the code of
    SimVAE's authors reports the best epoch on the test split. Embeddings are those of the images as they are, made once in
    evaluation mode; with AAVAE's protocol those of training images that are cropped and flipped anew in each epoch.
    Chance: first weights and order of images, drawn from the run's seed.
    """

    NAME = "linear_probe"

    def network(self, num_features: int, num_classes: int) -> nn.Module:
        """The layer."""
        return nn.Linear(num_features, num_classes)


class MlpProbe(_Probe):
    """Two fully connected layers with ReLU between them on the embeddings, trained as the linear probe is.

    Source: Bizeul and Allen 2023, appendix A.4 ("two fully connected layers with a relu activation"). The paper does not give the
    hidden width; its code takes as many neurons as features. No batch norm, so there is no mode to forget.
    """

    NAME = "mlp_probe"

    class Options(_Probe.Options):
        hidden: Positive | None = None
        """Hidden neurons; as many as features by default."""

    options: Options

    def network(self, num_features: int, num_classes: int) -> nn.Module:
        """The layers."""
        hidden = self.options.hidden or num_features
        return nn.Sequential(nn.Linear(num_features, hidden), nn.ReLU(), nn.Linear(hidden, num_classes))
