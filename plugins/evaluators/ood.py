"""Out-of-distribution detection: telling the run's own test images from those of other data sets."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import torch
from jaxtyping import UInt8
from pydantic import AfterValidator, Field
from torch import Tensor

from gedi_nesy import ConfigError, Evaluation, Evaluator, Method, Options, Task
from gedi_nesy.evaluation.components import OtherData, distinct
from gedi_nesy.evaluation.conforming import conform
from gedi_nesy.evaluation.detection import detection_scores, histograms
from gedi_nesy.evaluation.ood_scores import MEANINGS, NEEDS, Score, possible, score
from gedi_nesy.methods import capabilities

MEANING = {
    "auroc": "probability that a test image scores higher than one of {other}",
    "aupr": "average precision of finding test images among those of {other}",
    "fpr95": "share of {other} that passes where 95% of the test images do; lower is better",
}


class OutOfDistribution(Evaluator):
    """AUROC, AUPR and FPR95 of the scores that the method can give, against the test split of each data set named.

    Protocol: GEDI 2024 section 6.3 and appendix M, after Grathwohl et al. 2020 (JEM): score -|d log p(x) / dx|_2; also log p(x) and
    the largest class probability (Hendrycks and Gimpel 2017). A classifier without a trained density has eq. 6's all the same
    (logits_gradient_norm). The paper scores methods without classes, such as Barlow Twins, too and does not say how: ours reads their
    embedding as logits (outputs_gradient_norm), and has the similarity with training images beside it (Sun et al. 2022), which users of
    embeddings would take. In-distribution is the positive class. Images of another size
    or number of channels are resized and greyed or repeated. No noise is added, where JEM adds its training noise.
    Chance: which images, where `max_images` leaves some out, drawn from the run's seed.
    """

    OTHER_DATA = {"datasets": "test"}

    class Options(Options):
        datasets: Annotated[tuple[OtherData, ...], Field(min_length=1), AfterValidator(distinct)]
        """Data sets to tell the test images from, such as [{name: fashion_mnist}]."""
        scores: Annotated[tuple[Score, ...], Field(min_length=1)] | None = None
        """All that the method's capabilities allow by default, but of the three gradient norms only the first."""
        neighbours: Annotated[int, Field(gt=0)] = 50
        """Which of the nearest training images neighbour_similarity looks at."""
        max_images: Annotated[int, Field(gt=0)] = 10_000
        """Images of each data set at most."""

    options: Options

    def check(self, method: Method, task: Task) -> None:
        """The method has the scores, and the data sets are there and can be given the task's shape."""
        lacking = [name for name in self._scores(method) if NEEDS[name] not in capabilities(method)]
        if lacking or not self._scores(method):
            raise ConfigError(
                "the evaluator ood needs log_density for log_density and gradient_norm, class_log_probs for max_softmax, "
                f"logits for logits_gradient_norm and embed for the other scores; method {type(method).__name__} offers "
                f"{', '.join(capabilities(method)) or 'nothing'}, so it cannot be used with {', '.join(lacking) or 'any'}",
                key="evaluators",
            )
        for data in self.options.datasets:
            conform(self._read(data)[:1], task.dataset.shape)

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Three numbers for each data set and score."""
        own = self._some(task.dataset.test.pixels)
        scores = self._scores(method)
        references = (
            self.context.embeddings.of(method, task.dataset.train.pixels) if "neighbour_similarity" in scores else None
        )
        rate = partial(score, method, references=references, neighbours=self.options.neighbours)
        meanings = {name: MEANINGS[name].format(neighbours=self.options.neighbours) for name in scores}
        inside = {name: rate(name, own).numpy() for name in scores}
        scored = {name: {"test images": values} for name, values in inside.items()}
        numbers: dict[str, float] = {}
        definitions: dict[str, str] = {}
        for data in self.options.datasets:
            pixels = conform(self._some(self._read(data)), task.dataset.shape).to(own.device)
            for name in inside:
                scored[name][data.name] = rate(name, pixels).numpy()
                found = detection_scores(inside[name], scored[name][data.name])
                numbers |= {f"{data.name}_{name}_{kind}": value for kind, value in found.items()}
                definitions |= {
                    f"{data.name}_{name}_{kind}": f"{text.format(other=f'{data.name} ({len(pixels)} test images)')}, by {meanings[name]}"
                    for kind, text in MEANING.items()
                }
        tables = {name: histograms(sets) | {"score": meanings[name]} for name, sets in scored.items()}
        return Evaluation(numbers, definitions, {"score_histograms": tables})

    def _scores(self, method: Method) -> tuple[Score, ...]:
        return self.options.scores or possible(method)

    def _read(self, data: OtherData) -> UInt8[Tensor, "images channels height width"]:
        """The test images of another data set."""
        return data.read(self.context, "the evaluator ood").test.pixels

    def _some(
        self, pixels: UInt8[Tensor, "images channels height width"]
    ) -> UInt8[Tensor, "some channels height width"]:
        if len(pixels) <= self.options.max_images:
            return pixels
        order = torch.randperm(len(pixels), generator=self.context.generator("ood"))
        return pixels[order[: self.options.max_images].to(pixels.device)]
