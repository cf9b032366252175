"""Probes: a linear layer or a small network trained with labels on frozen embeddings."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import nn

from gedi_nesy import DivergenceError, Evaluation, Evaluator, Method, Options, Task
from gedi_nesy.evaluation.features import Labelled, accuracy, labelled, need_labels, standardised
from gedi_nesy.evaluation.probes import ProbeTraining, train_probe

PROTOCOLS = {
    # Bizeul and Allen 2023, appendix A.4.
    "simvae": ProbeTraining(optimizer="adam", learning_rate=3e-4, epochs=200, batch_size=128),
    # Sansone and Manhaeve 2024, table 10; the paper does not give the momentum.
    "gedi": ProbeTraining(optimizer="sgd", learning_rate=1e-3, epochs=100, batch_size=100, momentum=0.9),
    # AAVAE 2022, appendix A.2: the rate is 0.1 * batch / 256. Momentum and cosine are those of its source, Chen et al. 2020.
    "aavae": ProbeTraining(
        optimizer="sgd", learning_rate=0.1, epochs=90, batch_size=256, momentum=0.9, nesterov=True, schedule="cosine"
    ),
}
Positive = Annotated[int, Field(gt=0)]


class _Probe(Evaluator):
    """What both probes do."""

    REQUIRES = ("embed",)
    NAME: ClassVar[str]

    class Options(Options):
        protocol: Literal["simvae", "gedi", "aavae"] = "simvae"
        """Whose optimiser, rate, epochs and batch; each can be set by itself below."""
        optimizer: Literal["adam", "sgd"] | None = None
        learning_rate: Annotated[float, Field(gt=0)] | None = None
        epochs: Positive | None = None
        batch_size: Positive | None = None
        weight_decay: Annotated[float, Field(ge=0)] | None = None
        standardise: bool = False
        """Scale each feature to mean 0 and deviation 1 over the training images; none of the three papers says that it does."""

        @property
        def training(self) -> ProbeTraining:
            """The protocol with what was set by itself."""
            own = {
                name: value for name in ProbeTraining.model_fields if (value := getattr(self, name, None)) is not None
            }
            return PROTOCOLS[self.protocol].model_copy(update=own)

    options: Options

    @abstractmethod
    def network(self, num_features: int, num_classes: int) -> nn.Module:
        """What is trained on the features."""

    def check(self, method: Method, task: Task) -> None:
        """Some images of both splits have classes."""
        super().check(method, task)
        need_labels(task.dataset, f"the evaluator {self.NAME}")

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Accuracy on test images, and on the training images to see how far it was learned by heart."""
        train, test = (
            labelled(method, images, self.context.embeddings) for images in (task.dataset.train, task.dataset.test)
        )
        if self.options.standardise:
            train, test = standardised(train, test)
        scores, outcome = self._trained(train, test, len(task.dataset.classes))
        scale = "standardised" if self.options.standardise else "as they are"
        how = f"a probe trained on {len(train)} labelled training images, features {scale}, {self.options.training}"
        return Evaluation(
            {self.NAME: scores[0], f"{self.NAME}_train": scores[1]},
            {
                self.NAME: f"accuracy on test images of {how}, weights of the last epoch{outcome}",
                f"{self.NAME}_train": f"accuracy on its own training images of {how}{outcome}",
            },
        )

    def _trained(self, train: Labelled, test: Labelled, num_classes: int) -> tuple[list[float], str]:
        """Accuracy on test and training images, and what to say about it; not a number where the probe diverged."""
        try:
            probe = train_probe(
                lambda: self.network(train.features.shape[1], num_classes),
                train,
                self.options.training,
                self.context.generator(self.NAME),
            )
        except DivergenceError as error:
            return [math.nan, math.nan], f"; {error}"
        return [accuracy(probe(data.features).argmax(dim=1), data.labels) for data in (test, train)], ""


class LinearProbe(_Probe):
    """One linear layer on the embeddings, trained with the labels of the training split.

    Protocol: one of three papers', see `PROTOCOLS`. Nothing is chosen: the weights of the last epoch count, where the code of
    SimVAE's authors reports the best epoch on the test split. Embeddings are those of the images as they are, made once in
    evaluation mode; the code of AAVAE's authors crops and flips them anew in each epoch.
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
