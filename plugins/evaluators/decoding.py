"""Reading images with the help of what is known: the most probable classes for which the query holds."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gedi_nesy import ConfigError, Evaluation, Evaluator, Examples, Method, Task
from gedi_nesy.evaluators import predict
from gedi_nesy.logic.family import ConstraintFamily
from gedi_nesy.logic.known_classes import UNKNOWN
from gedi_nesy.tasks import HasConstraint

SHARES = {
    "with_query": "the most probable classes of an example's images together with which its query holds",
    "by_posterior": "the most probable class of each image by itself, given that the query holds",
    "without_query": "the classifier alone",
}
CHANCE = "{}, in the most probable world of classes and the program's own chance"


class ConstrainedDecoding(Evaluator):
    """Share of images, and of whole examples, that are read rightly when the query of each held-out example is known to hold.

    A trained classifier knows nothing of the query when it reads an image alone. Given that the query holds with the example's answer,
    there are the most probable classes of all images together (`Constraint.most_probable`: Viterbi over the circuit, ProbLog's MPE), and
    the most probable class of each image by itself, its posterior: the fewest errors that the classifier's probabilities let expect,
    and perhaps classes that do not satisfy the query. Examples with a target other than 1 do not count, nor do images without a
    class; where the query cannot hold, nothing is read rightly with it.
    """

    REQUIRES = ("class_log_probs",)

    def check(self, method: Method, task: Task) -> None:
        """The task has a constraint whose circuit says what images are, and held-out images have classes."""
        if not isinstance(task, HasConstraint):
            raise ConfigError(
                f"the evaluator decoding needs a task with a constraint; {type(task).__name__} has none",
                key="evaluators",
            )
        if fault := task.constraint.why_not_read():
            raise ConfigError(f"the evaluator decoding cannot read images with the query: {fault}", key="evaluators")
        examples = _certain(task.test_examples)
        if not (_at_slots(task.dataset.test.labels, examples.to(task.dataset.test.labels.device)) >= 0).any():
            raise ConfigError(
                f"the evaluator decoding needs classes of the images in held-out examples whose query is said to hold for certain;"
                f" there are {len(examples)} such examples, and no class is known. Choose data with classes, or leave it out",
                key="evaluators",
            )

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """The three ways to read, on the same images."""
        assert isinstance(task, HasConstraint)  # checked before training
        test = task.dataset.test
        examples = _certain(task.test_examples).to(test.pixels.device)
        labels = _at_slots(test.labels, examples)
        read = _three_ways(task.constraint, predict(method, test.pixels), examples)
        images, of_examples = int((labels != UNKNOWN).sum()), int((labels != UNKNOWN).any(1).sum())
        numbers, definitions = dict[str, float](), dict[str, str]()
        for way, how in SHARES.items():
            if way == "with_query" and task.constraint.has_chance:
                how = CHANCE.format(how)
            numbers |= dict(zip((f"images_{way}", f"examples_{way}"), _right(read[way], labels), strict=True))
            definitions[f"images_{way}"] = f"share of {images} images in held-out examples read rightly by {how}"
            definitions[f"examples_{way}"] = (
                f"share of {of_examples} held-out examples without a wrong image, read by {how}"
            )
        return Evaluation(numbers, definitions)


def _certain(examples: Examples) -> Examples:
    """Those whose query is said to hold for certain."""
    return examples if examples.target is None else examples[torch.nonzero(examples.target == 1).flatten()]


def _at_slots(of_images: Int[Tensor, " images"], examples: Examples) -> Int[Tensor, "examples slots"]:
    """What is said of each slot's image."""
    return torch.where(examples.slots >= 0, of_images[examples.slots.clamp(min=0)], UNKNOWN)


def _three_ways(
    constraint: ConstraintFamily, log_probs: Float[Tensor, "images classes"], examples: Examples
) -> dict[str, Int[Tensor, "examples slots"]]:
    """The class of each slot's image, for each of `SHARES`."""
    found = constraint.read(log_probs, examples)
    return {
        "with_query": found.classes,
        "by_posterior": found.posterior.argmax(2).masked_fill(found.classes == UNKNOWN, UNKNOWN),
        "without_query": _at_slots(log_probs.argmax(1), examples),
    }


def _right(read: Int[Tensor, "examples slots"], labels: Int[Tensor, "examples slots"]) -> tuple[float, float]:
    """Share of known images read rightly, and of examples all of whose known images are."""
    is_known = labels != UNKNOWN
    is_right = (read == labels) & is_known
    of_examples = (is_right | ~is_known).all(1)[is_known.any(1)]
    return float(is_right.sum() / is_known.sum()), float(of_examples.float().mean())
