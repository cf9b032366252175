"""How far the knowledge holds on examples that training has not seen."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from gedi_nesy import ConfigError, Evaluation, Evaluator, Examples, Method, Task
from gedi_nesy.evaluators import predict
from gedi_nesy.logic.constraint import LOG_HALF
from gedi_nesy.logic.family import ConstraintFamily
from gedi_nesy.tasks import HasConstraint

# With satisfaction lower by more than this on held-out examples than on those of training, it is these that were learned, by heart.
MEMORISED_GAP = 0.25


class ConstraintSatisfaction(Evaluator):
    """Share of examples whose most probable classes satisfy the query, and the mean probability of the query.

    Where a column of a table says how probable the query is, an example counts if its classes satisfy the query and that is at least
    1/2, or if they do not and it is below. A failure `memorised` is named when training examples satisfy the query much more
    often than held-out ones.
    """

    REQUIRES = ("class_log_probs",)

    def check(self, method: Method, task: Task) -> None:
        """The task has a constraint."""
        if not isinstance(task, HasConstraint):
            raise ConfigError(
                f"the evaluator constraint needs a task with a constraint; {type(task).__name__} has none",
                key="evaluators",
            )

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Satisfaction by argmax and by probability, on examples made of test images only, and by argmax on those of training."""
        assert isinstance(task, HasConstraint)  # checked before training
        splits = (task.train_pixels, task.train_examples), (task.dataset.test.pixels, task.test_examples)
        (in_training, _), (held_out, probability) = (
            _agreement(task.constraint, predict(method, pixels), examples.to(pixels.device))
            for pixels, examples in splits
        )
        numbers = {"satisfaction": held_out, "query_probability": probability, "satisfaction_train": in_training}
        limits = _limits(task.constraint, task.test_examples.to(task.dataset.test.pixels.device))
        definitions = _definitions(task.train_examples, task.test_examples)
        return Evaluation(
            numbers,
            {name: text + limits.get(name, "") for name, text in definitions.items()},
            failures=_memorised(in_training, held_out),
        )


def _agreement(
    constraint: ConstraintFamily, log_probs: Float[Tensor, "images classes"], examples: Examples
) -> tuple[float, float]:
    """How often argmax classes do as is said of the query, and the mean probability that they do."""
    satisfied = constraint.satisfied(log_probs, examples)
    probability = constraint.log_probability(log_probs, examples).exp()
    if examples.target is not None:
        satisfied = satisfied == (examples.target >= 1 / 2)
        probability = torch.lerp(1 - probability, probability, examples.target)
    return float(satisfied.float().mean()), float(probability.mean())


def _definitions(train: Examples, test: Examples) -> dict[str, str]:
    held_out = f"{len(test)} held-out examples"
    if test.target is None:
        does, of = "satisfy the query", "of the query"
    else:
        does, of = (
            "satisfy the query if its target is at least 1/2, and do not if it is less",
            "given to the target of the query",
        )
    return {
        "satisfaction": f"share of {held_out} whose most probable classes {does}",
        "query_probability": f"mean probability {of} over {held_out}",
        "satisfaction_train": f"the same as satisfaction for the {len(train)} training examples, images as they are",
    }


def _limits(constraint: ConstraintFamily, examples: Examples) -> dict[str, str]:
    """What to know of the numbers where the program's own chance may keep them below 1."""
    if not constraint.has_chance:
        return {}
    satisfied = ", which is to make it more likely than not"
    best = constraint.best(examples) if examples.target is None else None
    if best is None:
        fault = "the program's own chance may keep it below 1"
        return {"satisfaction": f"{satisfied}; {fault}", "query_probability": f"; {fault}"}
    numbers = {"satisfaction": (best > LOG_HALF).float().mean(), "query_probability": best.exp().mean()}
    limits = {name: f"; the program's own chance leaves at most {number:.4f}" for name, number in numbers.items()}
    return limits | {"satisfaction": satisfied + limits["satisfaction"]}


def _memorised(train: float, held_out: float) -> tuple[str, ...]:
    if train - held_out <= MEMORISED_GAP:
        return ()
    return (f"memorised: satisfaction is {train:.0%} on the training examples, {held_out:.0%} on held-out ones",)
