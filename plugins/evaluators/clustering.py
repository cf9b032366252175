"""Clustering without labels: by the method's own classes, by k-means and by a Gaussian mixture."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Int
from pydantic import Field

from gedi_nesy import ConfigError, Evaluation, Evaluator, Method, Options, Task
from gedi_nesy.evaluation.clustering import gaussian_mixture, k_means, partition_scores
from gedi_nesy.evaluators import predict
from gedi_nesy.methods import capabilities

from .classification import confusion_matrix, matched_accuracy

Positive = Annotated[int, Field(gt=0)]
Algorithm = Literal["argmax", "k_means", "gaussian_mixture"]
NEEDS: dict[Algorithm, str] = {"argmax": "class_log_probs", "k_means": "embed", "gaussian_mixture": "embed"}
FITTED = (
    "with {clusters} clusters fitted to the embeddings of {images} training images without labels, "
    "the best of {starts} starts by its own objective"
)


class Clustering(Evaluator):
    """How well clusters of the test images agree with their classes.

    Protocol: k-means and mixture (full covariance, as many components as classes) are fitted to the training split's embeddings
    without labels and assign the test images. Accuracy is after the best one-to-one matching of clusters to classes, found on the
    test images as the papers do; it is part of what the number means, and nothing else looks at test labels.
    Source: GEDI 2024 section 6.3 (argmax, NMI); SimVAE 2023 appendix A.4 (mixture; 200 starts in the paper, 20 in its code).
    Chance: the starts, drawn from the run's seed.
    """

    class Options(Options):
        algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] | None = None
        """All that the method's capabilities allow by default."""
        clusters: Positive | None = None
        """Of k-means and mixture; as many as classes by default."""
        k_means_starts: Positive = 20
        gaussian_mixture_starts: Positive = 20
        """Each start runs to its end on the embeddings' device."""

    options: Options

    def check(self, method: Method, task: Task) -> None:
        """The method has what the algorithms need, and some test image has a class."""
        lacking = [name for name in self._algorithms(method) if NEEDS[name] not in capabilities(method)]
        if lacking or not self._algorithms(method):
            raise ConfigError(
                f"the evaluator clustering needs class_log_probs for argmax and embed for k_means and gaussian_mixture; method "
                f"{type(method).__name__} offers {', '.join(capabilities(method)) or 'nothing'}, so it cannot be used with "
                f"{', '.join(lacking) or 'any'}",
                key="evaluators",
            )
        if not (task.dataset.test.labels >= 0).any():
            raise ConfigError(
                "the evaluator clustering needs classes of test images, and none is known", key="evaluators"
            )

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """NMI, ARI and matched accuracy of each algorithm."""
        known = task.dataset.test.labels >= 0
        labels = task.dataset.test.labels[known].cpu().numpy()
        numbers: dict[str, float] = {}
        definitions: dict[str, str] = {}
        for algorithm, clusters in self._clusters(method, task).items():
            predicted = clusters[known.cpu().numpy()]
            confusion = confusion_matrix(labels, predicted, len(task.dataset.classes), int(predicted.max()) + 1)
            scores = partition_scores(labels, predicted) | {"accuracy": matched_accuracy(confusion)}
            numbers |= {f"{algorithm}_{name}": score for name, score in scores.items()}
            definitions |= {
                f"{algorithm}_{name}": f"{text}, {self._how(algorithm, task)}" for name, text in MEANING.items()
            }
        return Evaluation(numbers, definitions)

    def _algorithms(self, method: Method) -> tuple[Algorithm, ...]:
        offered = capabilities(method)
        return self.options.algorithms or tuple(name for name, need in NEEDS.items() if need in offered)

    def _clusters(self, method: Method, task: Task) -> dict[Algorithm, Int[np.ndarray, " images"]]:
        """The cluster of each test image."""
        algorithms = self._algorithms(method)
        found: dict[Algorithm, Int[np.ndarray, " images"]] = {}
        if "argmax" in algorithms:
            found["argmax"] = predict(method, task.dataset.test.pixels).argmax(dim=1).cpu().numpy()
        if algorithms != ("argmax",):
            train, test = (
                self.context.embeddings.of(method, split.pixels) for split in (task.dataset.train, task.dataset.test)
            )
            count = self._count(task)
            if "k_means" in algorithms:
                chance = self.context.generator("k_means")
                found["k_means"] = k_means(train, test, count, self.options.k_means_starts, chance)
            if "gaussian_mixture" in algorithms:
                chance = self.context.generator("gaussian_mixture")
                found["gaussian_mixture"] = gaussian_mixture(
                    train, test, count, self.options.gaussian_mixture_starts, chance
                )
        return found

    def _count(self, task: Task) -> int:
        """Clusters to fit: no more than there are training images."""
        return min(self.options.clusters or len(task.dataset.classes), len(task.dataset.train))

    def _how(self, algorithm: Algorithm, task: Task) -> str:
        if algorithm == "argmax":
            return "by the most probable class"
        starts = self.options.k_means_starts if algorithm == "k_means" else self.options.gaussian_mixture_starts
        return f"{algorithm.replace('_', ' ')} {FITTED.format(clusters=self._count(task), images=len(task.dataset.train), starts=starts)}"


MEANING = {
    "nmi": "mutual information of class and cluster over the mean of their entropies, on the test images",
    "ari": "adjusted Rand index of classes and clusters of the test images",
    "accuracy": "share of test images in the cluster matched to their class, after the best one-to-one matching",
}
