"""Alignment: whether views of one image are closer to each other than to views of other images."""

from __future__ import annotations

from itertools import cycle, islice
from typing import Annotated

import torch
from pydantic import Field

from gedi_nesy import ConfigError, Evaluation, Evaluator, Method, Options, Task
from gedi_nesy.data.views import make_views
from gedi_nesy.evaluation.alignment import alignment


class Alignment(Evaluator):
    """Cosines between embeddings of random views of test images, drawn as training draws them (from its pipelines in turn).

    Protocol: AAVAE 2022, appendix A.4 and figure 5a; the paper gives neither the number of images nor of views.
    Chance: which images and which views, drawn from the run's seed.
    """

    REQUIRES = ("embed",)

    class Options(Options):
        images: Annotated[int, Field(gt=1)] = 100
        views: Annotated[int, Field(gt=1)] = 4
        shown: Annotated[int, Field(gt=1)] = 8
        """Images in the matrix of the report."""

    options: Options

    def check(self, method: Method, task: Task) -> None:
        """There are views to align."""
        if not any(self.context.pipelines):
            raise ConfigError("the evaluator alignment compares random views, and `views` is empty", key="evaluators")

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Mean cosine within and between images, and the matrix of some of them."""
        pixels, chance = task.dataset.test.pixels, self.context.generator("alignment")
        rows = torch.randperm(len(pixels), generator=chance)[: self.options.images].to(pixels.device)
        seen = self.context.generator("alignment views", pixels.device)
        pipelines = list(islice(cycle(self.context.pipelines), self.options.views))
        views = make_views(pixels[rows], pipelines, seen)
        found = alignment(torch.stack([method.embed(view) for view in views]))  # type: ignore[operator]
        shown = self.options.shown * self.options.views
        between = f"views ({self.options.views} each) of {len(rows)} test images"
        return Evaluation(
            {
                "same_image_cosine": found.same,
                "other_image_cosine": found.other,
                "alignment_gap": found.same - found.other,
            },
            {
                "same_image_cosine": f"mean cosine between embeddings of two random views of one image, {between}",
                "other_image_cosine": f"mean cosine between embeddings of views of two different images, {between}",
                "alignment_gap": "the difference of the two; 0 where the embedding tells no image from another",
            },
            {"alignment": found.matrix[:shown, :shown].tolist()},
        )
