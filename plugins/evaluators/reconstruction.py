"""Reconstruction: how much of an image its latents keep."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field

from gedi_nesy import DivergenceError, Evaluation, Evaluator, Method, Options, Task
from gedi_nesy.evaluation.reconstruction import reconstruction, require_latents, side_by_side, squared_errors

HALF_SUM = (
    "half the squared error of {what} summed over pixels and channels, pixels in [0, 1], mean over {count} test images"
)
PER_PIXEL = "squared error of {what} of a pixel of a channel, pixels in [0, 1], mean over {count} test images"


class Reconstruction(Evaluator):
    """Squared error between test images and what the decoder makes of their latents (the mean of q(z|x)), and some of them.

    Protocol: SimVAE 2023 table 8 gives a mean squared "RE" without a unit; its released code adds up 0.5 * (error)^2 over pixels in
    [0, 1], which fits the table's sizes, so the number comes in that unit and per pixel. Images are seen as they are.
    Chance: which images are shown, drawn from the run's seed.
    """

    class Options(Options):
        shown: Annotated[int, Field(gt=0)] = 10
        """Images to look at."""

    options: Options

    def check(self, method: Method, task: Task) -> None:
        """There are latents and a decoder."""
        require_latents(method, "the evaluator reconstruction")

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """The error in two units, and images beside their reconstructions."""
        pixels = task.dataset.test.pixels
        errors = squared_errors(reconstruction(method), pixels)
        if not torch.isfinite(errors).all():
            raise DivergenceError("reconstructions are not finite: the method's weights are damaged or diverged")
        chosen = torch.randperm(len(pixels), generator=self.context.generator("reconstruction"))[: self.options.shown]
        caption = "Test images, and what the decoder makes of the mean of their latents"
        shown = side_by_side(reconstruction(method), pixels[chosen.to(pixels.device)], caption)
        what = {"what": "reconstructions", "count": len(pixels)}
        return Evaluation(
            {
                "reconstruction_error": float(errors.mean() / 2),
                "mean_squared_error": float(errors.mean()) / pixels[0].numel(),
            },
            {
                "reconstruction_error": HALF_SUM.format(**what),
                "mean_squared_error": PER_PIXEL.format(**what),
            },
            images={"test": shown},
        )
