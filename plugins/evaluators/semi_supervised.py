"""Semi-supervised learning: the whole network fine-tuned on a few labels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import deepcopy
from typing import Annotated, Any

import torch
from jaxtyping import Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from gedi_nesy import ConfigError, DivergenceError, Evaluation, Evaluator, Method, Options, Task
from gedi_nesy.data.dataset import Images
from gedi_nesy.data.views import make_views
from gedi_nesy.evaluation.features import accuracy, few_of_each_class, labelled, need_labels

Rate = Annotated[float, Field(gt=0)]


class Share(Options):
    """How many labels, and the rates to train with."""

    labels: Annotated[float, Field(gt=0, le=1)]
    """Share of the training images of each class; one image of each at least."""
    network_rate: Rate
    layer_rate: Rate


class SemiSupervised(Evaluator):
    """A linear layer on the embeddings and the network under it, trained together on 1% and on 10% of the labels.

    Protocol: AAVAE 2022, appendix A.1: 20 epochs, batches of 256, SGD with momentum 0.9 and no weight decay; rates 0.02 (network) and
    0.5 (layer) for 1%, 0.01 and 0.2 for 10%. The paper gives no schedule: ours is constant (those that it follows crop, flip and divide
    the rates by 5 after epochs 12 and 16). Images are seen through the run's views,
    batch norm goes on learning, the weights of the last epoch count. A copy is trained: the run's own weights stay as they are.
    Chance: which labels, first weights of the layer, order and views, drawn from the run's seed; dropout if the network has some.
    """

    REQUIRES = ("embed",)

    class Options(Options):
        shares: Annotated[tuple[Share, ...], Field(min_length=1)] = (
            Share(labels=0.01, network_rate=0.02, layer_rate=0.5),
            Share(labels=0.1, network_rate=0.01, layer_rate=0.2),
        )
        epochs: Annotated[int, Field(gt=0)] = 20
        batch_size: Annotated[int, Field(gt=1)] = 256
        """Images a step; all at once where there are fewer, so take less on small data: 1% of 4,000 is one step an epoch."""

    options: Options

    def check(self, method: Method, task: Task) -> None:
        """Some images of both splits have classes, and each share is more than one image."""
        need_labels(task.dataset, "the evaluator semi_supervised", training=2)
        for share in self.options.shares:
            if len(self._few(task.dataset.train, share)) < 2:
                raise ConfigError(
                    f"the evaluator semi_supervised: {share.labels:g} of the labels is one training image, which cannot be "
                    "trained on. Choose larger shares or data with more images, or leave the evaluator out",
                    key="evaluators",
                )

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Test accuracy for each share of the labels."""
        numbers: dict[str, float] = {}
        definitions: dict[str, str] = {}
        for share in self.options.shares:
            few = task.dataset.train.at(self._few(task.dataset.train, share))
            name = f"semi_supervised_{share.labels * 100:g}_percent"
            numbers[name] = self._accuracy(method, task, few, share)
            definitions[name] = (
                f"accuracy on test images after fine-tuning network and linear layer on {len(few)} labelled training images, "
                f"{self.options.epochs} epochs, sgd {share.network_rate:g} and {share.layer_rate:g}; not a number if it diverged"
            )
        return Evaluation(numbers, definitions)

    def _accuracy(self, method: Method, task: Task, few: Images, share: Share) -> float:
        try:
            network, layer = self._fine_tuned(method, few, share, len(task.dataset.classes))
            test = labelled(network, task.dataset.test)
        except DivergenceError:
            return math.nan
        return accuracy(layer(test.features).argmax(dim=1), test.labels)

    def _few(self, train: Images, share: Share) -> Int[Tensor, " few"]:
        """Places of the training images whose labels are used."""
        return few_of_each_class(train.labels, share.labels, self.context.generator(f"labels {share.labels}"))

    def _fine_tuned(self, method: Method, few: Images, share: Share, num_classes: int) -> tuple[nn.Module, nn.Module]:
        """A copy of the method and a linear layer, trained on these images, in evaluation mode."""
        network: Any = deepcopy(method).train().requires_grad_()
        layer = self._layer(method, few, num_classes)
        groups = [
            {"params": network.parameters(), "lr": share.network_rate},
            {"params": layer.parameters(), "lr": share.layer_rate},
        ]
        optimizer = torch.optim.SGD(groups, momentum=0.9)
        with torch.enable_grad():
            for images, labels in self._batches(few, share):
                loss = functional.cross_entropy(layer(network.embed(images).float()), labels)
                if not torch.isfinite(loss):
                    raise DivergenceError("fine-tuning diverged: lower its rates")
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
        return network.eval(), layer

    def _layer(self, method: Any, few: Images, num_classes: int) -> nn.Module:
        """The linear layer at its start."""
        num_features = labelled(method, few.at(slice(1))).features.shape[1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.context.generator("layer").initial_seed())
            return nn.Linear(num_features, num_classes).to(few.pixels.device)

    def _batches(self, few: Images, share: Share) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Views and labels for all epochs; whole batches only, as a last one of a single image breaks batch norm."""
        order = self.context.generator(f"order {share.labels}")
        chance = self.context.generator(f"views {share.labels}", few.pixels.device)
        pipeline = next(iter(self.context.pipelines), ())
        size = min(self.options.batch_size, len(few))
        for _ in range(self.options.epochs):
            shuffled = torch.randperm(len(few), generator=order).to(few.pixels.device)
            for rows in torch.split(shuffled[: len(few) // size * size], size):
                yield make_views(few.pixels[rows], [pipeline], chance)[0], few.labels[rows]
