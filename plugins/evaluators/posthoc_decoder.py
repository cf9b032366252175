"""Post-hoc decoder: what embeddings keep of their images, for methods that do not reconstruct."""

from __future__ import annotations

import math
from typing import Annotated, Any

import torch
from jaxtyping import Float, UInt8
from pydantic import Field
from torch import Tensor

from gedi_nesy import DivergenceError, Evaluation, Evaluator, Task
from gedi_nesy.data.dataset import to_unit_range
from gedi_nesy.evaluation.features import Labelled, need_two, standardiser
from gedi_nesy.evaluation.posthoc_decoder import DecoderTraining, train_decoder
from gedi_nesy.evaluation.reconstruction import Reconstruct, side_by_side, squared_errors
from gedi_nesy.evaluators import CHUNK
from gedi_nesy.methods import ImageBatch
from gedi_nesy.models.decoders import make_decoder

from .reconstruction import HALF_SUM, PER_PIXEL


class PosthocDecoder(Evaluator):
    """A decoder is trained on the frozen embeddings of the training images; its error on test images says what the embedding keeps.

    Protocol: SimVAE 2023, appendix A.4.5 and figure 1; SimVAE 2024, figures 3 and 4: the decoder that mirrors the backbone (their
    tables 4b and 5b) where it brings one, mean squared error, Adam with 1e-4. The paper trains about 200 epochs "until convergence";
    ours stops by a tenth of the training split. Embeddings are standardised by the training split, since their scale is no information.
    Beside the error stands that of the mean training image, which needs no embedding.
    Chance: weights, order, the held-out part and which images are shown, drawn from the run's seed.
    """

    REQUIRES = ("embed",)

    class Options(DecoderTraining):
        shown: Annotated[int, Field(gt=0)] = 10
        """Images to look at."""

    options: Options

    def check(self, method: Any, task: Task) -> None:
        """There is a training image to learn from and one to hold out."""
        need_two(task.dataset.train, "training", "the evaluator posthoc_decoder")

    def evaluate(self, method: Any, task: Task) -> Evaluation:
        """The error in two units, that of the mean image, and images beside their reconstructions."""
        test = task.dataset.test.pixels
        mean_image = _mean(task.dataset.train.pixels)
        guess = squared_errors(lambda images: mean_image.expand_as(images), test).mean()
        numbers = dict.fromkeys(("posthoc_reconstruction_error", "posthoc_mean_squared_error"), math.nan)
        numbers["mean_image_error"] = float(guess / 2)
        images, outcome = {}, ""
        try:
            reconstruct, epochs = self._trained(method, task)
        except DivergenceError as error:
            outcome = f"; {error}"
        else:
            error_sum = float(squared_errors(reconstruct, test).mean())
            numbers["posthoc_reconstruction_error"] = error_sum / 2
            numbers["posthoc_mean_squared_error"] = error_sum / test[0].numel()
            chance = self.context.generator("images of posthoc_decoder")
            rows = torch.randperm(len(test), generator=chance)[: self.options.shown].to(test.device)
            caption = (
                f"Test images, and what a decoder trained for {epochs} epochs on frozen embeddings makes of theirs"
            )
            images = {"test": side_by_side(reconstruct, test[rows], caption)}
            outcome = f", of the best of its epochs on held-out training images, {epochs}"
        what = {"what": f"a post-hoc decoder's reconstructions from frozen embeddings{outcome}", "count": len(test)}
        definitions = {
            "posthoc_reconstruction_error": HALF_SUM.format(**what),
            "posthoc_mean_squared_error": PER_PIXEL.format(**what),
            "mean_image_error": HALF_SUM.format(what="the mean training image in place of each", count=len(test)),
        }
        return Evaluation(numbers, definitions, images=images)

    def _trained(self, method: Any, task: Task) -> tuple[Reconstruct, int]:
        """Images to embeddings to images, and how many epochs the decoder was trained."""
        train = task.dataset.train
        seen = Labelled(self.context.embeddings.of(method, train.pixels), train.labels)
        scale, num_features = standardiser(seen), seen.features.shape[1]
        backbone = getattr(method, "backbone", None)
        decoder = train_decoder(
            lambda: make_decoder(backbone, num_features, task.dataset.shape),
            scale(seen).features,
            train.pixels,
            self.options,
            self.context.generator("posthoc_decoder"),
        )

        def reconstruct(images: ImageBatch) -> ImageBatch:
            return decoder.decode(scale(Labelled(method.embed(images).float(), train.labels[:0])).features)

        return reconstruct, decoder.epochs


def _mean(pixels: UInt8[Tensor, "images channels height width"]) -> Float[Tensor, "channels height width"]:
    """The mean image, with pixels in [-1, 1]."""
    sums = torch.stack([to_unit_range(chunk).double().sum(dim=0) for chunk in torch.split(pixels, CHUNK)])
    return (sums.sum(dim=0) / len(pixels)).float()
