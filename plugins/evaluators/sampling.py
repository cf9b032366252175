"""Sampling: new images of each class."""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Int
from pydantic import Field
from torch import Tensor

from gedi_nesy import ConfigError, Evaluation, Evaluator, ImageGrid, Method, Options, Task
from gedi_nesy.data.dataset import to_pixels
from gedi_nesy.evaluation.features import need_labels
from gedi_nesy.evaluation.reconstruction import all_latents
from gedi_nesy.evaluation.sampling import class_gaussians, decoded_samples, energy_samples, most_likely
from gedi_nesy.evaluators import output_names, predict
from gedi_nesy.methods import ImageBatch, capabilities
from gedi_nesy.samplers.sgld import SgldOptions

ENERGY = frozenset({"class_log_probs", "log_density", "sample"})
FITTED = "decoded from draws of a Gaussian of full covariance fitted to the latents of the class's training images"


class Sampling(Evaluator):
    """Images of each class, and how many of them the method itself takes for that class.

    Methods with a decoder: a Gaussian of full covariance is fitted to the latents of each class's training images, drawn from and
    decoded. Source: SimVAE 2023, appendix A.4.5 and figure 5.
    Classifiers with an energy: the method's samples of p(x) are moved on along the gradient of log p(x, y) = log p(x) + log p(y|x).
    Source: Grathwohl et al. 2020 (JEM), section 5.1, which samples p(x, y) from the buffer. Without knowledge of the names of
    classes y is the number of a cluster.
    Chance: the draws, from the run's seed.
    """

    class Options(Options):
        shown: Annotated[int, Field(gt=0)] = 8
        """Images of each class to look at."""
        count: Annotated[int, Field(gt=0)] = 100
        """Images of each class that the number is about; of an energy model, those that are shown."""
        sgld: SgldOptions = SgldOptions(steps=100)
        """Moves towards the class, for energy models; the settings of JEM's and GEDI's training chains by default, but more of them."""

    options: Options

    def check(self, method: Method, task: Task) -> None:
        """There is a decoder or an energy to sample with."""
        offers = set(capabilities(method))
        if _decodes(method):
            need_labels(task.dataset, "the evaluator sampling")
        elif not offers >= ENERGY:
            raise ConfigError(
                "the evaluator sampling needs decode with posterior or encode, or else class_log_probs, log_density and sample; "
                f"method {type(method).__name__} offers {', '.join(sorted(offers)) or 'nothing'}",
                key="evaluators",
            )

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """The share of samples that are recognised, and images with a row for each class."""
        return self._decoded(method, task) if _decodes(method) else self._moved(method, task)

    def _decoded(self, method: Method, task: Task) -> Evaluation:
        device, count = task.dataset.train.pixels.device, max(self.options.count, self.options.shown)
        gaussians = class_gaussians(method, task.dataset.train)
        labels = torch.tensor(list(gaussians), device=device).repeat_interleave(count)
        images = decoded_samples(method, gaussians, labels, self.context.generator("sampling", device))
        back = most_likely(gaussians, all_latents(method, to_pixels(images)))
        of = f"{count} images of each class, {FITTED}"
        return self._evaluation(
            images,
            labels == back,
            [task.dataset.classes[label] for label in gaussians],
            f"share of {of}, whose own latents are again most likely under that class's Gaussian; "
            "it says whether classes keep apart, not whether images look real",
            f"Samples of each class, {FITTED}",
        )

    def _moved(self, method: Method, task: Task) -> Evaluation:
        device, shown = task.dataset.train.pixels.device, self.options.shown
        labels = torch.arange(task.num_classes, device=device).repeat_interleave(shown)
        images = energy_samples(method, labels, self.options.sgld, self.context.generator("sampling", device))
        how = (
            f"samples of the energy model after {self.options.sgld.steps} more moves along the gradient of log p(x, y)"
        )
        return self._evaluation(
            images,
            predict(method, to_pixels(images)).argmax(dim=1) == labels,
            output_names(task, self.context.terms),
            f"share of {shown} images of each class, {how}, whose most probable class is y",
            f"One row for each class y: {how}",
        )

    def _evaluation(
        self, images: ImageBatch, right: Int[Tensor, " images"], names: list[str], meaning: str, caption: str
    ) -> Evaluation:
        """From images that come class by class, as many of each."""
        first = to_pixels(images).view(len(names), -1, *images.shape[1:])[:, : self.options.shown].flatten(0, 1)
        grid = ImageGrid(first, caption, columns=self.options.shown, rows=tuple(names))
        share = float(right.double().mean())
        return Evaluation({"samples_recognised": share}, {"samples_recognised": meaning}, images={"classes": grid})


def _decodes(method: Method) -> bool:
    offers = set(capabilities(method))
    return "decode" in offers and bool({"posterior", "encode"} & offers)
