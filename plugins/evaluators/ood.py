"""Out-of-distribution detection: telling the run's own test images from those of other data sets."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from pydantic import AfterValidator, Field
from torch import Tensor

from gedi_nesy import ConfigError, DivergenceError, Evaluation, Evaluator, Method, Options, Task
from gedi_nesy.data.dataset import to_unit_range
from gedi_nesy.evaluation.components import OtherData, distinct
from gedi_nesy.evaluation.conforming import conform
from gedi_nesy.evaluation.detection import detection_scores, histograms
from gedi_nesy.evaluators import CHUNK, predict
from gedi_nesy.methods import capabilities

Score = Literal["log_density", "gradient_norm", "max_softmax"]
NEEDS: dict[Score, str] = {
    "log_density": "log_density",
    "gradient_norm": "log_density",
    "max_softmax": "class_log_probs",
}
SCORES = {
    "log_density": "log p(x)",
    "gradient_norm": "-|d log p(x) / dx|, pixels in [-1, 1]",
    "max_softmax": "the largest class probability, in logs",
}
MEANING = {
    "auroc": "probability that a test image scores higher than one of {other}",
    "aupr": "average precision of finding test images among those of {other}",
    "fpr95": "share of {other} that passes where 95% of the test images do; lower is better",
}


class OutOfDistribution(Evaluator):
    """AUROC, AUPR and FPR95 of the scores that the method can give, against the test split of each data set named.

    Protocol: GEDI 2024 section 6.3 and appendix M, after Grathwohl et al. 2020 (JEM): score -|d log p(x) / dx|_2; also log p(x) and
    the largest class probability (Hendrycks and Gimpel 2017). In-distribution is the positive class. Images of another size or number
    of channels are resized and greyed or repeated. No noise is added, where JEM adds its training noise.
    Chance: which images, where `max_images` leaves some out, drawn from the run's seed.
    """

    class Options(Options):
        datasets: Annotated[tuple[OtherData, ...], Field(min_length=1), AfterValidator(distinct)]
        """Data sets to tell the test images from, such as [{name: fashion_mnist}]."""
        scores: Annotated[tuple[Score, ...], Field(min_length=1)] | None = None
        """All that the method's capabilities allow by default."""
        max_images: Annotated[int, Field(gt=0)] = 10_000
        """Images of each data set at most."""

    options: Options

    def check(self, method: Method, task: Task) -> None:
        """The method has the scores, and the data sets are there and can be given the task's shape."""
        lacking = [name for name in self._scores(method) if NEEDS[name] not in capabilities(method)]
        if lacking or not self._scores(method):
            raise ConfigError(
                f"the evaluator ood needs log_density for log_density and gradient_norm and class_log_probs for max_softmax; method "
                f"{type(method).__name__} offers {', '.join(capabilities(method)) or 'nothing'}, so it cannot be used with "
                f"{', '.join(lacking) or 'any'}",
                key="evaluators",
            )
        for data in self.options.datasets:
            conform(self._read(data)[:1], task.dataset.shape)

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Three numbers for each data set and score."""
        own = self._some(task.dataset.test.pixels)
        inside = {name: score(method, name, own) for name in self._scores(method)}
        scored = {name: {"test images": values} for name, values in inside.items()}
        numbers: dict[str, float] = {}
        definitions: dict[str, str] = {}
        for data in self.options.datasets:
            pixels = conform(self._some(self._read(data)), task.dataset.shape).to(own.device)
            for name in inside:
                scored[name][data.name] = score(method, name, pixels)
                found = detection_scores(inside[name], scored[name][data.name])
                numbers |= {f"{data.name}_{name}_{kind}": value for kind, value in found.items()}
                definitions |= {
                    f"{data.name}_{name}_{kind}": f"{text.format(other=f'{data.name} ({len(pixels)} test images)')}, by {SCORES[name]}"
                    for kind, text in MEANING.items()
                }
        tables = {name: histograms(sets) | {"score": SCORES[name]} for name, sets in scored.items()}
        return Evaluation(numbers, definitions, {"score_histograms": tables})

    def _scores(self, method: Method) -> tuple[Score, ...]:
        offered = capabilities(method)
        return self.options.scores or tuple(name for name, need in NEEDS.items() if need in offered)

    def _read(self, data: OtherData) -> UInt8[Tensor, "images channels height width"]:
        """The test images of another data set."""
        return data.read(self.context.registry, "the evaluator ood").test.pixels

    def _some(
        self, pixels: UInt8[Tensor, "images channels height width"]
    ) -> UInt8[Tensor, "some channels height width"]:
        if len(pixels) <= self.options.max_images:
            return pixels
        order = torch.randperm(len(pixels), generator=self.context.generator("ood"))
        return pixels[order[: self.options.max_images].to(pixels.device)]


def score(
    method: Any, name: Score, pixels: UInt8[Tensor, "images channels height width"]
) -> Float[np.ndarray, " images"]:
    """A score of each image, higher for images like those of training."""
    if name == "max_softmax":
        found = predict(method, pixels).max(dim=1).values
    else:
        chunks = [to_unit_range(chunk) for chunk in torch.split(pixels, CHUNK)]
        kind = method.log_density if name == "log_density" else lambda images: -gradient_norm(method, images)
        found = torch.cat([kind(images) for images in chunks])
    if not torch.isfinite(found).all():
        raise DivergenceError(f"the score {name} of the evaluator ood is not finite: the method diverged")
    return found.detach().double().cpu().numpy()


def gradient_norm(method: Any, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, " batch"]:
    """|d log p(x) / dx|_2 of each image."""
    with torch.enable_grad():
        images = images.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(method.log_density(images).sum(), images)
    norms: Tensor = gradient.flatten(start_dim=1).norm(dim=1)
    return norms
